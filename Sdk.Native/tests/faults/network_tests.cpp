// Row "network cut" of docs/faults.md.
#include "faults/private_network.hpp"
#include "faults/two_ends.hpp"

#include "core/failure.hpp"

#include <thread>

namespace nixl::test {
namespace {

class network_cut : public two_ends {
  protected:
    void SetUp() override {
        if (!network.ok())
            GTEST_SKIP() << network.why();
        if (std::string_view(GetParam().name) == "verbs")
            GTEST_SKIP() << "Soft-RoCE hands what it sends to itself on inside the driver: there is no link to cut";
        ASSERT_TRUE(network.loopback(true));
    }

    // Two processes and a cable between them, or on one machine without any other network than lo.
    void begin_apart(column_options o) {
        if (!GetParam().local()) {
            o.here_host = private_network::here;
            o.there_host = private_network::there;
            o.own_network = true;
            o.configure = [this](pid_t other) { return network.join(other); };
        }
        ASSERT_NO_FATAL_FAILURE(begin(o));
        ASSERT_NO_FATAL_FAILURE(expect_ended(write())); // every connection is up
        ASSERT_TRUE(there->poison());
    }
    void cut() { ASSERT_TRUE(GetParam().local() ? network.loopback(false) : network.cut()); }
    void restore() { ASSERT_TRUE(GetParam().local() ? network.loopback(true) : network.restore()); }

    private_network network; // before the processes: outlives them
};

TEST_P(network_cut, that_heals_in_time_loses_nothing) {
    ASSERT_NO_FATAL_FAILURE(begin_apart({.bytes = 24 << 20, .suspect_after_ns = second_ns}));
    fill_pattern(memory, 2);
    ASSERT_NO_FATAL_FAILURE(cut());
    const uint64_t o = write(patience_ns, true);
    ASSERT_NE(0u, o) << here->post_status;
    if (GetParam().local()) { // needs no network
        ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    } else {
        ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_SUSPECT)); // silence, not death
        EXPECT_FALSE(here->result(o).settled);
        expect_locked();
        EXPECT_EQ(0u, write());
        EXPECT_EQ(NIXL_ERR_SUSPECT_PEER, here->post_status) << status_name(here->post_status);
    }
    ASSERT_NO_FATAL_FAILURE(restore());
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    EXPECT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
    EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_CONNECTED));
    expect_written(2);
    EXPECT_EQ(1u, there->notifications(1).size());
    ASSERT_NO_FATAL_FAILURE(expect_free());
}

TEST_P(network_cut, past_the_deadline_times_out_and_the_memory_comes_free) {
    constexpr uint64_t timeout = 500 * millisecond_ns;
    ASSERT_NO_FATAL_FAILURE(begin_apart({.bytes = 24 << 20, .quiesce_grace_ns = 400 * millisecond_ns}));
    fill_pattern(memory, 2);
    ASSERT_NO_FATAL_FAILURE(cut());
    const uint64_t o = write(timeout, true);
    ASSERT_NE(0u, o) << here->post_status;
    ASSERT_NO_FATAL_FAILURE(expect_ended(o, timeout));
    ASSERT_NO_FATAL_FAILURE(expect_free());
    if (GetParam().local()) {
        EXPECT_EQ(NIXL_SUCCESS, status(o));
    } else {
        EXPECT_EQ(NIXL_ERR_TIMEOUT, status(o)) << status_name(status(o));
        EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
        fill_pattern(memory, 3); // nothing of this may go out for the operation that was given up
        ASSERT_NO_FATAL_FAILURE(restore());
        ASSERT_NO_FATAL_FAILURE(join());
        const auto bytes = peek();
        for (uint64_t i = 0; i < bytes.size(); ++i)
            ASSERT_TRUE(bytes[i] == poison || bytes[i] == pattern_at(2, i)) << "byte " << i;
    }
    fill_pattern(memory, 4);
    const uint64_t again = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(again));
    EXPECT_EQ(NIXL_SUCCESS, status(again)) << status_name(status(again));
    expect_written(4);
}

// We are the target of a writer that is cut off: our memory comes back by our own fence, and stays ours when it heals.
TEST_P(network_cut, writer_cannot_touch_what_was_taken_back) {
    ASSERT_NO_FATAL_FAILURE(begin_apart({.quiesce_grace_ns = 300 * millisecond_ns}));
    const uint64_t back = there->connect(here->metadata());
    ASSERT_NE(0u, back) << there->error();
    ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(here->get(), local));
    ASSERT_TRUE(there->hammer(back, reinterpret_cast<uint64_t>(memory.data()), options.bytes));
    ASSERT_NO_FATAL_FAILURE(cut());
    ASSERT_EQ(NIXL_SUCCESS, here->remove_region(region, 10 * second_ns)) << here->last_error();
    fill_poison(memory);
    ASSERT_NO_FATAL_FAILURE(restore());
    std::this_thread::sleep_for(std::chrono::milliseconds(500)); // longer than TCP takes to send again
    EXPECT_EQ(all_match, first_not_poison(memory));
}

INSTANTIATE_TEST_SUITE_P(, network_cut, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
