// What a post refuses, on every transport: nothing of it reaches the transport, and no event follows.
#include "abi/pair.hpp"

#include <sys/mman.h>

#include <cstring>

namespace nixl_test {

class post_rules : public transport_test {
  protected:
    void SetUp() override {
        transport_test::SetUp();
        if (IsSkipped() || HasFatalFailure())
            return;
        pair = std::make_unique<connected_pair>(GetParam(), 64 * 1024);
        ASSERT_TRUE(pair->ok());
        lists = pair->block_lists(2, 8, 4096);
        poison(pair->remote.bytes());
        fill(pair->local.bytes(), 1);
    }
    void TearDown() override {
        if (!pair)
            return;
        pair->a.pump(0);
        EXPECT_TRUE(pair->a.events.empty()) << "an event followed a refused post";
        pair->expect_remote(lists, {}, 0);
    }
    post base() const {
        return {.local_list = lists.local, .remote_list = lists.remote, .local_ids = {1, 2}, .remote_ids = {3, 4}};
    }
    std::unique_ptr<connected_pair> pair;
    connected_pair::lists lists;
};
INSTANTIATE_TEST_SUITE_P(over, post_rules, every_transport, transport_name);

TEST_P(post_rules, index_out_of_range) {
    post w = base();
    w.remote_ids = {3, 8};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    nixl_error_t e = last_error();
    EXPECT_EQ(e.entry_valid, 1u);
    EXPECT_EQ(e.entry, 1u);
    w = base();
    w.local_ids = {UINT32_MAX, 0};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    EXPECT_EQ(last_error().entry, 0u);
}

TEST_P(post_rules, duplicate_destinations) {
    post w = base();
    w.remote_ids = {3, 3};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    EXPECT_EQ(last_error().entry, 1u);
    post r = base();
    r.op = NIXL_OP_READ;
    r.local_ids = {5, 5};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, r(pair->a));
}

TEST_P(post_rules, no_ids_swapped_sides_unknown_lists) {
    post w = base();
    w.local_ids = w.remote_ids = {};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    w = base();
    std::swap(w.local_list, w.remote_list);
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    w = base();
    w.remote_list = w.local_list;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    w = base();
    w.local_list = 12345;
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, w(pair->a));
    w = base();
    w.op = 2;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
}

TEST_P(post_rules, lists_that_do_not_match) {
    post w = base();
    w.remote_list = pair->a.list(pair->peer, {region(pair->remote.data(), 4096, 8)});
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a)); // one region against two
    w.remote_list = pair->a.list(
        pair->peer, {region(pair->remote.data(), 4096, 8), region(pair->remote.data() + 32768, 2048, 8, 4096)});
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a)); // other lengths
    EXPECT_EQ(last_error().entry, 1u);
    w.remote_list = pair->a.list(pair->peer, {region(pair->remote.data(), 4096, 16)}, NIXL_LIST_FLAT);
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a)); // other mode
    w.local_list = pair->a.list(0, {region(pair->local.data(), 4096, 8), region(pair->local.data() + 32768, 64, 8)},
                                NIXL_LIST_FLAT);
    w.local_ids = {1, 12};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a)); // flat pieces of other lengths
    EXPECT_EQ(last_error().entry, 1u);
}

// Address space only: nothing of it is touched. The two ids would add up to 2^64, which is 0: a success that moved
// nothing.
TEST(post_sums, that_wrap_around_are_refused) {
    constexpr uint64_t bytes = uint64_t{1} << 46;
    constexpr uint64_t regions = uint64_t{1} << 18;
    void* const space = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED)
        GTEST_SKIP() << "no address space of 64 TiB here";
    {
        connected_pair pair(NIXL_TRANSPORT_LOOPBACK, 4096);
        ASSERT_TRUE(pair.ok());
        ASSERT_NE(pair.a.add(space, bytes), 0u);
        ASSERT_NE(pair.b.add(space, bytes), 0u);
        ASSERT_EQ(pair.a.connect(pair.b), pair.peer);
        const std::vector<nixl_strided_region_t> all(regions, region(space, bytes / 2, 2));
        post w{.local_list = pair.a.list(0, all), .remote_list = pair.a.list(pair.peer, all)};
        ASSERT_NE(w.local_list, 0u);
        ASSERT_NE(w.remote_list, 0u);
        w.local_ids = w.remote_ids = {0, 1};
        EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair.a));
        EXPECT_NE(last_error_text().find("64 bits"), std::string::npos) << last_error_text();
    }
    ::munmap(space, bytes);
}

TEST_P(post_rules, notifications_are_bounded) {
    post w = base();
    w.notification = std::string(NIXL_NOTIFICATION_MAX + 1, 'x');
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, w(pair->a));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, notify(pair->a, pair->peer, *w.notification, 1));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, notify(pair->a, pair->peer + 1, "x", 1));
}

TEST_P(post_rules, reserved_fields_and_unknown_flags) {
    nixl_post_params_t p{};
    const uint32_t id = 1;
    p.struct_size = sizeof p;
    p.op = NIXL_OP_WRITE;
    p.local_list = lists.local;
    p.remote_list = lists.remote;
    p.local_ids = p.remote_ids = &id;
    p.id_count = 1;
    uint64_t transfer = 0;
    nixl_post_params_t q = p;
    q.flags = 0x80;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(pair->a.get(), &q, &transfer));
    q = p;
    q.source_ready_event = 1;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(pair->a.get(), &q, &transfer));
    q = p;
    q.request.reserved = 1;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(pair->a.get(), &q, &transfer));
    q = p;
    q.notification_length = 4; // without the flag
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(pair->a.get(), &q, &transfer));
    q = p;
    q.local_ids = nullptr;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(pair->a.get(), &q, &transfer));
    EXPECT_EQ(transfer, 0u);
}

TEST_P(post_rules, after_the_peer_was_invalidated) {
    EXPECT_OK(nixl_peer_invalidate(pair->a.get(), pair->peer));
    EXPECT_STATUS(NIXL_ERR_STALE_PEER, base()(pair->a));
    EXPECT_STREQ(last_error().peer, "b");
    EXPECT_STATUS(NIXL_ERR_STALE_PEER, notify(pair->a, pair->peer, "x", 1));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_peer_invalidate(pair->a.get(), pair->peer));
    const nixl_event_t e = pair->a.wait_event([](const nixl_event_t& x) { return x.kind == NIXL_EVENT_PEER_STATE; });
    EXPECT_STATUS(NIXL_ERR_STALE_PEER, e.status);
    EXPECT_EQ(e.peer, pair->peer);
    EXPECT_EQ(pair->a.peer(pair->peer).state, uint32_t{NIXL_PEER_INVALIDATED});
}

TEST_P(post_rules, after_the_peer_deregistered_and_newer_metadata_was_loaded) {
    buffer extra(8192);
    pair->b.add(extra.data(), extra.size());
    EXPECT_EQ(pair->a.connect(pair->b), pair->peer); // the same peer takes over the new region
    EXPECT_NE(pair->a.list(pair->peer, {region(extra.data(), 4096, 2)}), 0u);

    EXPECT_OK(nixl_memory_deregister(pair->b.get(), pair->remote_region, 10 * second));
    EXPECT_EQ(pair->a.connect(pair->b), pair->peer);
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, base()(pair->a));
    EXPECT_NE(last_error_text().find("deregistered"), std::string::npos) << last_error_text();
}

} // namespace nixl_test
