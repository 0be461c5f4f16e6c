// The end of a process is noticed within 100 ms on every transport, with and without traffic; silence is not an end.
#include "faults/two_ends.hpp"

#include "core/deadline.hpp"

#include <signal.h>

namespace nixl::test {
namespace {

class process_exit : public two_ends {
  protected:
    // From `end_it` to the event that tells of it.
    template <class End>
    uint64_t time_to_notice(End&& end_it) {
        uint64_t took = 0;
        const auto scenario = [&] {
            ASSERT_NO_FATAL_FAILURE(begin({.bytes = 1 << 20, .piece = 4096}));
            ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
            const uint64_t at = now_ns();
            end_it();
            ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
            took = now_ns() - at;
            EXPECT_FALSE(std::string(here->info(peer).reason).empty());
        };
        scenario();
        return took;
    }
};

TEST_P(process_exit, by_a_signal_is_noticed_within_100_ms) {
    expect_within(100 * millisecond_ns, [&] { return time_to_notice([&] { there->signal(SIGKILL); }); });
}

TEST_P(process_exit, without_goodbye_is_noticed_within_100_ms) {
    expect_within(100 * millisecond_ns, [&] { return time_to_notice([&] { (void)there->command("exit", 1000); }); });
}

TEST_P(process_exit, of_an_agent_that_closes_is_noticed_within_100_ms) {
    expect_within(100 * millisecond_ns, [&] { return time_to_notice([&] { (void)there->command("quit", 5000); }); });
}

// While a fork of it lives on, which has inherited every descriptor: its sockets do not close.
TEST_P(process_exit, is_noticed_although_a_forked_child_lives_on) {
    expect_within(100 * millisecond_ns, [&] {
        return time_to_notice([&] {
            (void)there->command("fork 3000", 1000);
            there->signal(SIGKILL);
        });
    });
}

INSTANTIATE_TEST_SUITE_P(, process_exit, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
