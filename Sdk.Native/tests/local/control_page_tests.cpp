// The word that both processes share: entering and revoking exclude each other.
#include "transports/local/control_page.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace nixl::local {
namespace {

TEST(control_page, only_a_granted_slot_of_the_same_generation_can_be_entered) {
    control_page target;
    ASSERT_TRUE(control_page::create(target).ok());
    control_page initiator;
    ASSERT_TRUE(control_page::open(target.fd(), initiator).ok());
    EXPECT_FALSE(initiator.enter(3, 0));
    EXPECT_FALSE(initiator.enter(3, 1));
    target.grant(3, 1);
    EXPECT_FALSE(initiator.enter(3, 2));
    EXPECT_FALSE(initiator.enter(4, 1));
    ASSERT_TRUE(initiator.enter(3, 1));
    ASSERT_TRUE(initiator.enter(3, 1));
    EXPECT_TRUE(target.in_use(3));
    target.revoke(3);
    EXPECT_FALSE(initiator.enter(3, 1));
    initiator.leave(3);
    EXPECT_TRUE(target.in_use(3));
    EXPECT_TRUE(target.any_in_use());
    initiator.leave(3);
    EXPECT_FALSE(target.in_use(3));
    EXPECT_FALSE(target.any_in_use());
    target.grant(3, 2); // another region
    EXPECT_FALSE(initiator.enter(3, 1));
    EXPECT_TRUE(initiator.enter(3, 2));
}

TEST(control_page, after_revoking_and_seeing_zero_nobody_is_inside) {
    control_page target;
    ASSERT_TRUE(control_page::create(target).ok());
    control_page initiator;
    ASSERT_TRUE(control_page::open(target.fd(), initiator).ok());
    std::atomic<bool> stop{false};
    std::atomic<std::uint32_t> generation{0};
    std::atomic<int> inside{0};
    std::thread copier([&] {
        while (!stop) {
            if (!initiator.enter(0, generation.load()))
                continue;
            ++inside;
            --inside;
            initiator.leave(0);
        }
    });
    for (std::uint32_t g = 1; g <= 3000; ++g) {
        target.grant(0, g);
        generation = g;
        target.revoke(0);
        while (target.in_use(0))
            std::this_thread::yield();
        for (int i = 0; i < 5; ++i)
            ASSERT_EQ(0, inside.load()) << "generation " << g;
    }
    stop = true;
    copier.join();
}

} // namespace
} // namespace nixl::local
