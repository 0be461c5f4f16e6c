// Row "killed" of docs/faults.md.
#include "faults/two_ends.hpp"

#include "core/deadline.hpp"
#include "core/failure.hpp"

#include <signal.h>

#include <thread>

namespace nixl::test {
namespace {

class killed : public two_ends {};

// The outcome of what was not finished is REMOTE_DISCONNECT, at once; then the memory is free.
TEST_P(killed, target_ends_what_it_was_given_and_frees_the_memory) {
    expect_within(100 * millisecond_ns, [&]() -> uint64_t {
        uint64_t took = 0;
        const auto scenario = [&] {
            ASSERT_NO_FATAL_FAILURE(begin({.max_notifications = 1}));
            std::vector<uint64_t> started;
            for (int i = 0; i < 16; ++i) // one credit and no reader: most cannot end
                started.push_back(i % 4 == 3 ? read() : write(patience_ns, true));
            ASSERT_TRUE(here->wait_settled(started[0]));
            expect_locked();
            const uint64_t killed_at = now_ns();
            there->signal(SIGKILL);
            int disconnected = 0;
            for (const uint64_t o : started) {
                ASSERT_NO_FATAL_FAILURE(expect_ended(o));
                if (status(o) == NIXL_SUCCESS)
                    continue;
                EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, status(o)) << status_name(status(o));
                ++disconnected;
                took = std::max(took, here->result(o).event.settled_ns - killed_at);
            }
            EXPECT_GE(disconnected, 8);
            EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
            EXPECT_EQ(0u, here->info(peer).in_flight_operations);
            ASSERT_NO_FATAL_FAILURE(expect_free());
            EXPECT_EQ(0u, write());
            EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, here->post_status);
        };
        scenario();
        return took;
    });
}

// A writer dies in the middle of its writes: our blocks are ours again as soon as we have deregistered them.
TEST_P(killed, writer_leaves_memory_that_can_be_taken_back) {
    ASSERT_NO_FATAL_FAILURE(begin());
    const uint64_t back = there->connect(here->metadata());
    ASSERT_NE(0u, back) << there->error();
    ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(here->get(), local));
    ASSERT_TRUE(there->hammer(back, reinterpret_cast<uint64_t>(memory.data()), options.bytes));
    there->signal(SIGKILL);
    const uint64_t killed_at = now_ns();
    ASSERT_EQ(NIXL_SUCCESS, here->remove_region(region, 10 * second_ns)) << here->last_error();
    EXPECT_LT(now_ns() - killed_at, 5 * second_ns);
    fill_poison(memory); // ours alone
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(all_match, first_not_poison(memory));
}

INSTANTIATE_TEST_SUITE_P(, killed, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
