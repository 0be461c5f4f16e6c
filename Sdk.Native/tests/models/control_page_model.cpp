// Deregistration against copies that enter: whatever the order, after the target has revoked and seen zero nobody is
// inside, and nobody with the old generation ever gets in again. Each call on the page is one atomic operation, so the
// orders of calls are all there is.
#include "models/interleavings.hpp"
#include "support/process_resources.hpp"
#include "transports/local/control_page.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace nixl::test {
namespace {

struct page_world {
    local::control_page target;
    local::control_page initiators[2];
    bool inside[2] = {};
    uint32_t inside_generation[2] = {};
    bool free = false; // the target has revoked generation 1, seen zero, and believes the memory its own
    bool again = false;
    int entered = 0;
    int refused = 0;
};

std::unique_ptr<page_world> new_page() {
    auto w = std::make_unique<page_world>();
    EXPECT_TRUE(local::control_page::create(w->target).ok());
    for (auto& i : w->initiators)
        EXPECT_TRUE(local::control_page::open(w->target.fd(), i).ok());
    w->target.grant(5, 1);
    return w;
}

actor<page_world> copier(size_t which, uint32_t generation, int chunks) {
    actor<page_world> a{which == 0 ? "a" : "b", {}};
    for (int i = 0; i < chunks; ++i) {
        a.steps.push_back([which, generation](page_world& w) {
            w.inside[which] = w.initiators[which].enter(5, generation);
            w.inside_generation[which] = generation;
            ++(w.inside[which] ? w.entered : w.refused);
            return step_result::done;
        });
        a.steps.push_back([which](page_world& w) {
            if (w.inside[which]) {
                w.inside[which] = false;
                w.initiators[which].leave(5);
            }
            return step_result::done;
        });
    }
    return a;
}

actor<page_world> deregistering_target() {
    return {"t",
            {[](page_world& w) {
                 w.target.revoke(5);
                 return step_result::done;
             },
             [](page_world& w) {
                 if (w.target.in_use(5))
                     return step_result::blocked;
                 w.free = true;
                 return step_result::done;
             },
             [](page_world& w) { // another region moves into the slot
                 w.again = true;
                 w.target.grant(5, 2);
                 return step_result::done;
             }}};
}

void nobody_inside_freed_memory(const page_world& w) {
    for (size_t i = 0; i < 2; ++i)
        EXPECT_FALSE(w.free && w.inside[i] && w.inside_generation[i] == 1);
    for (size_t i = 0; i < 2; ++i)
        EXPECT_FALSE(!w.again && w.inside[i] && w.inside_generation[i] == 2);
}

TEST(control_page_model, revoked_and_zero_means_nobody_inside_in_every_order) {
    uint64_t entered = 0;
    uint64_t refused = 0;
    const auto result = explore<page_world>(
        {copier(0, 1, 2), copier(1, 1, 2), deregistering_target()}, new_page, nobody_inside_freed_memory,
        [&](const page_world& w) {
            EXPECT_FALSE(w.target.in_use(5));
            entered += static_cast<uint64_t>(w.entered);
            refused += static_cast<uint64_t>(w.refused);
        },
        [] { return testing::Test::HasFailure(); }, repetitions(800, 100'000));
    EXPECT_EQ("", result.deadlocked);
    EXPECT_GT(entered, 0u); // both happened
    EXPECT_GT(refused, 0u);
}

TEST(control_page_model, an_old_generation_never_gets_into_the_next_region) {
    const auto result = explore<page_world>(
        {copier(0, 1, 2), copier(1, 2, 1), deregistering_target()}, new_page, nobody_inside_freed_memory,
        [](const page_world&) {}, [] { return testing::Test::HasFailure(); }, repetitions(800, 100'000));
    EXPECT_EQ("", result.deadlocked);
}

} // namespace
} // namespace nixl::test
