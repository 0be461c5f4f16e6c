// The two ends of an operation under injected faults: outcome at the latest at the deadline, quiescence afterwards, by
// force if need be. Loopback's fault injection.
#include "abi/pair.hpp"

#include <chrono>

namespace nixl_test {

namespace {

constexpr uint64_t millisecond = 1'000'000;

void set_faults(const node& n, nixl_loopback_faults_t f) {
    f.struct_size = sizeof f;
    EXPECT_OK(nixl_loopback_set_faults(n.get(), &f));
}

} // namespace

class faults : public testing::Test {
  protected:
    static constexpr uint64_t blocks = 16, piece = 4096;
    void SetUp() override {
        ASSERT_TRUE(p.ok());
        fill(p.local.bytes(), 1);
        poison(p.remote.bytes());
    }
    post spread() const { // no two neighbours: one operation each
        return {.local_list = lists.local,
                .remote_list = lists.remote,
                .local_ids = {0, 2, 4, 6},
                .remote_ids = {9, 7, 5, 3}};
    }
    connected_pair p{NIXL_TRANSPORT_LOOPBACK, blocks* piece, {.quiesce_grace_ns = 200 * millisecond}};
    connected_pair::lists lists = p.block_lists(1, blocks, piece);
};

TEST_F(faults, a_hanging_transfer_times_out_and_is_then_quiesced_by_force) {
    set_faults(p.a, {.hang = 1});
    post w = spread();
    w.timeout_ns = 100 * millisecond;
    w.notification = "never";
    uint64_t id = 0;
    ASSERT_OK(w(p.a, &id));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_ERR_TIMEOUT, end.outcome.status);
    EXPECT_FALSE(end.one_event) << "it was reported as quiesced while an operation hung";
    EXPECT_GE(end.outcome.settled_ns - end.outcome.posted_ns, 100 * millisecond);
    EXPECT_EQ(end.outcome.bytes, 0u);
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_transfer_state(p.a.get(), id));
    EXPECT_FALSE(p.b.has_message());
    p.expect_remote(lists, {}, 0);
}

TEST_F(faults, buffers_stay_locked_between_outcome_and_quiescence) {
    set_faults(p.a, {.hang = 1});
    post w = spread();
    w.timeout_ns = 50 * millisecond;
    uint64_t id = 0;
    ASSERT_OK(w(p.a, &id));
    EXPECT_EQ(nixl_transfer_state(p.a.get(), id), NIXL_IN_PROGRESS);
    EXPECT_OK(nixl_list_release(p.a.get(), lists.local)); // at any time
    EXPECT_STATUS(NIXL_ERR_BUSY, nixl_memory_deregister(p.a.get(), p.local_region, second));
    const nixl_event_t outcome =
        p.a.wait_event([](const nixl_event_t& e) { return (e.flags & NIXL_EVENT_OUTCOME) != 0; });
    ASSERT_EQ(outcome.flags, uint32_t{NIXL_EVENT_OUTCOME});
    EXPECT_STATUS(NIXL_ERR_TIMEOUT, nixl_transfer_state(p.a.get(), id));
    EXPECT_STATUS(NIXL_ERR_BUSY, nixl_memory_deregister(p.a.get(), p.local_region, second));
    p.a.wait_event([](const nixl_event_t& e) { return (e.flags & NIXL_EVENT_QUIESCED) != 0; });
    EXPECT_OK(nixl_memory_deregister(p.a.get(), p.local_region, second)); // at once
}

TEST_F(faults, a_late_write_lands_before_quiescence_is_reported) {
    set_faults(p.a, {.delay_ns = 150 * millisecond});
    post w = spread();
    w.timeout_ns = 50 * millisecond;
    ASSERT_OK(w(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_ERR_TIMEOUT, end.outcome.status);
    EXPECT_FALSE(end.one_event);
    p.expect_remote(lists, {{0, 9}}, 1); // the one that was in flight; nothing after it
}

TEST_F(faults, operations_in_random_order_all_arrive) {
    set_faults(p.a, {.delay_ns = millisecond, .seed = 99});
    post w = spread();
    w.notification = "done";
    ASSERT_OK(w(p.a));
    EXPECT_EQ(p.b.wait_message().text(), "done");
    p.expect_remote(lists, {{0, 9}, {2, 7}, {4, 5}, {6, 3}}, 1);
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
}

TEST_F(faults, a_failed_operation_is_named_and_nobody_is_notified) {
    set_faults(p.a, {.fail_every = 3});
    post w = spread();
    w.notification = "never";
    ASSERT_OK(w(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_ERR_BACKEND, end.outcome.status);
    EXPECT_EQ(end.outcome.entry, 2u);
    EXPECT_EQ(end.outcome.address, reinterpret_cast<uint64_t>(p.remote.data()) + 5 * piece);
    EXPECT_EQ(end.outcome.length, piece);
    EXPECT_EQ(end.outcome.bytes, 2 * piece);
    EXPECT_FALSE(p.b.has_message());
    EXPECT_EQ(p.a.counters(NIXL_TRANSPORT_LOOPBACK).failures, 1u);
    set_faults(p.a, {});
    ASSERT_OK(w(p.a)); // and works again
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
}

TEST_F(faults, cancel_ends_a_hanging_transfer) {
    set_faults(p.a, {.hang = 1});
    uint64_t id = 0;
    ASSERT_OK(spread()(p.a, &id));
    EXPECT_OK(nixl_transfer_cancel(p.a.get(), id));
    EXPECT_STATUS(NIXL_ERR_CANCELED, p.a.wait_end(1).outcome.status);
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_transfer_cancel(p.a.get(), id));
    ASSERT_OK(notify(p.a, p.peer, "x", 5, patience, &id)); // a free-standing notification, too
    EXPECT_OK(nixl_transfer_cancel(p.a.get(), id));
    EXPECT_STATUS(NIXL_ERR_CANCELED, p.a.wait_end(5).outcome.status);
}

TEST_F(faults, cancelling_one_of_many_leaves_the_others) {
    set_faults(p.a, {.delay_ns = 20 * millisecond});
    uint64_t ids[4];
    for (uint64_t i = 0; i < 4; ++i) {
        post w = spread();
        w.local_ids = {static_cast<uint32_t>(i)};
        w.remote_ids = {static_cast<uint32_t>(i * 2)};
        w.user_data = 10 + i;
        ASSERT_OK(w(p.a, &ids[i]));
    }
    EXPECT_OK(nixl_transfer_cancel(p.a.get(), ids[2]));
    for (uint64_t i = 0; i < 4; ++i) {
        const int32_t status = p.a.wait_end(10 + i).outcome.status;
        EXPECT_TRUE(status == NIXL_SUCCESS || (i == 2 && status == NIXL_ERR_CANCELED)) << i << nixl_status_name(status);
    }
}

TEST_F(faults, invalidating_the_peer_ends_its_transfers) {
    set_faults(p.a, {.hang = 1});
    ASSERT_OK(spread()(p.a));
    ASSERT_OK(nixl_peer_invalidate(p.a.get(), p.peer));
    EXPECT_STATUS(NIXL_ERR_STALE_PEER, p.a.wait_end(1).outcome.status);
    EXPECT_EQ(p.a.peer(p.peer).in_flight_operations, 0u);
}

TEST_F(faults, a_peer_that_closes_ends_the_transfers_to_it) {
    set_faults(p.a, {.hang = 1});
    ASSERT_OK(spread()(p.a));
    p.b.destroy();
    EXPECT_STATUS(NIXL_ERR_REMOTE_DISCONNECT, p.a.wait_end(1).outcome.status);
    p.expect_remote(lists, {}, 0);
}

TEST_F(faults, a_region_deregistered_in_mid_transfer_is_not_touched_any_more) {
    set_faults(p.a, {.delay_ns = 50 * millisecond});
    ASSERT_OK(spread()(p.a));
    ASSERT_OK(nixl_memory_deregister(p.b.get(), p.remote_region, patience));
    std::vector<uint8_t> before(p.remote.data(), p.remote.data() + p.remote.size());
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, end.outcome.status);
    EXPECT_NE(end.outcome.entry, UINT64_MAX);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), p.remote.data()));
}

TEST_F(faults, destroying_with_transfers_in_flight_ends_and_touches_nothing_afterwards) {
    set_faults(p.a, {.delay_ns = 300 * millisecond});
    for (uint64_t i = 0; i < 8; ++i) {
        post w = spread();
        w.user_data = i;
        ASSERT_OK(w(p.a));
    }
    p.a.destroy();
    const std::vector<uint8_t> before(p.remote.data(), p.remote.data() + p.remote.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    EXPECT_TRUE(std::equal(before.begin(), before.end(), p.remote.data()));
}

TEST_F(faults, agents_without_loopback_have_none) {
    nixl_loopback_faults_t f{};
    f.struct_size = sizeof f;
    nixl_agent_params_t params = agent_params("z", NIXL_TRANSPORT_FABRIC);
    nixl_agent_t* agent = nullptr;
    if (nixl_agent_create(&params, &agent) != NIXL_SUCCESS)
        GTEST_SKIP() << last_error_text();
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_loopback_set_faults(agent, &f));
    EXPECT_OK(nixl_agent_destroy(agent, second));
}

// The bounded tables: an unread completion keeps its slot, so nothing can overflow.
TEST(limits, posts_are_refused_when_all_slots_are_taken) {
    connected_pair p(NIXL_TRANSPORT_LOOPBACK, 4096 * 4, {.max_transfers = 3});
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, 4, 4096);
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {0}, .remote_ids = {0}};
    for (uint64_t i = 0; i < 3; ++i) {
        w.user_data = i;
        ASSERT_OK(w(p.a));
    }
    EXPECT_STATUS(NIXL_ERR_BUSY, w(p.a));
    EXPECT_STATUS(NIXL_ERR_BUSY, notify(p.a, p.peer, "x", 9));
    for (uint64_t i = 0; i < 3; ++i)
        EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(i).outcome.status);
    EXPECT_OK(w(p.a));
    p.a.wait_end(2);
}

} // namespace nixl_test
