// Peers: connecting, choosing, restarting, disconnecting.
#include "abi/pair.hpp"

#include <cstring>
#include <random>

namespace nixl_test {

namespace {

int32_t try_connect(const node& n, const std::vector<uint8_t>& blob, uint32_t transports = 0) {
    nixl_peer_params_t p{};
    p.struct_size = sizeof p;
    p.transports = transports;
    p.metadata = blob.data();
    p.metadata_length = blob.size();
    p.timeout_ns = patience;
    uint64_t id = 0;
    return nixl_peer_connect(n.get(), &p, &id);
}

} // namespace

class peers : public transport_test {};
INSTANTIATE_TEST_SUITE_P(over, peers, every_transport, transport_name);

TEST_P(peers, are_described) {
    connected_pair p(GetParam(), 4096);
    ASSERT_TRUE(p.ok());
    const nixl_peer_info_t info = p.a.peer(p.peer);
    EXPECT_STREQ(info.name, "b");
    EXPECT_NE(info.incarnation, 0u);
    EXPECT_EQ(info.regions, 1u);
    EXPECT_EQ(info.in_flight_operations, 0u);
    EXPECT_NE(info.transport_version[0], 0);
    EXPECT_NE(info.provider[0], 0);
    EXPECT_NE(info.reason[0], 0);
    nixl_peer_info_t unknown{};
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_peer_info(p.a.get(), p.peer + 1, &unknown));
}

TEST_P(peers, connecting_twice_gives_the_same_peer_and_two_outcomes) {
    connected_pair p(GetParam(), 4096);
    ASSERT_TRUE(p.ok());
    EXPECT_EQ(p.a.connect(p.b), p.peer);
    EXPECT_EQ(p.a.connect(p.b), p.peer);
}

TEST_P(peers, both_directions_at_once) {
    connected_pair p(GetParam(), 8192);
    ASSERT_TRUE(p.ok());
    const uint64_t back = p.b.connect(p.a);
    fill(p.local.bytes(), 1);
    poison(p.remote.bytes());
    const auto forth_lists = p.block_lists(1, 2, 4096);
    const uint64_t b_local = p.b.list(0, {region(p.remote.data(), 4096, 2)});
    const uint64_t b_remote = p.b.list(back, {region(p.local.data(), 4096, 2)});
    post w{.local_list = forth_lists.local, .remote_list = forth_lists.remote, .local_ids = {0}, .remote_ids = {0}};
    w.notification = "to b";
    ASSERT_OK(w(p.a));
    post r{.op = NIXL_OP_READ, .local_list = b_local, .remote_list = b_remote, .local_ids = {1}, .remote_ids = {1}};
    r.notification = "to a";
    ASSERT_OK(r(p.b));
    EXPECT_EQ(p.b.wait_message().text(), "to b");
    EXPECT_EQ(p.a.wait_message().text(), "to a");
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    EXPECT_STATUS(NIXL_SUCCESS, p.b.wait_end(1).outcome.status);
    p.expect_remote(forth_lists, {{0, 0}, {1, 1}}, 1);
}

TEST_P(peers, a_restarted_agent_is_another_incarnation) {
    connected_pair p(GetParam(), 8192);
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, 2, 4096);
    p.b.destroy();
    node again("b", GetParam());
    again.add(p.remote.data(), p.remote.size());
    const uint64_t newer = p.a.connect(again);
    EXPECT_NE(newer, p.peer);
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {0}, .remote_ids = {0}};
    const int32_t status = w(p.a);
    // Which of the two depends on whether the end of the old one was noticed before.
    EXPECT_TRUE(status == NIXL_ERR_STALE_PEER || status == NIXL_ERR_REMOTE_DISCONNECT) << nixl_status_name(status);
    fill(p.local.bytes(), 3);
    poison(p.remote.bytes());
    const uint64_t list = p.a.list(newer, {region(p.remote.data(), 4096, 2)});
    w.remote_list = list;
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    p.expect_remote(lists, {{0, 0}}, 3);
}

TEST_P(peers, the_same_name_with_another_incarnation_invalidates_the_old_one) {
    connected_pair p(GetParam(), 8192);
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, 2, 4096);
    node twin("b", GetParam()); // the old one still lives
    const uint64_t newer = p.a.connect(twin);
    EXPECT_NE(newer, p.peer);
    EXPECT_EQ(p.a.peer(p.peer).state, uint32_t{NIXL_PEER_INVALIDATED});
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {0}, .remote_ids = {0}};
    EXPECT_STATUS(NIXL_ERR_STALE_PEER, w(p.a));
}

TEST_P(peers, an_agent_that_closes_is_noticed) {
    connected_pair p(GetParam(), 8192);
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, 2, 4096);
    p.b.destroy();
    const nixl_event_t e = p.a.wait_event([](const nixl_event_t& x) { return x.kind == NIXL_EVENT_PEER_STATE; });
    EXPECT_EQ(e.peer, p.peer);
    EXPECT_STATUS(NIXL_ERR_REMOTE_DISCONNECT, e.status);
    EXPECT_EQ(p.a.peer(p.peer).state, uint32_t{NIXL_PEER_DISCONNECTED});
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {0}, .remote_ids = {0}};
    EXPECT_STATUS(NIXL_ERR_REMOTE_DISCONNECT, w(p.a));
}

TEST_P(peers, connecting_to_an_agent_that_has_gone_fails_within_the_deadline) {
    node a("a", GetParam());
    std::vector<uint8_t> blob;
    {
        node b("b", GetParam());
        blob = b.metadata();
    }
    nixl_peer_params_t params{};
    params.struct_size = sizeof params;
    params.metadata = blob.data();
    params.metadata_length = blob.size();
    params.timeout_ns = 5 * second;
    params.user_data = 9;
    uint64_t id = 0;
    const int32_t status = nixl_peer_connect(a.get(), &params, &id);
    if (status == NIXL_ERR_BACKEND)
        return; // the transport could tell from the metadata alone
    ASSERT_OK(status);
    const nixl_event_t e = a.wait_event([](const nixl_event_t& x) { return x.kind == NIXL_EVENT_PEER_CONNECTED; });
    EXPECT_LT(e.status, 0);
    EXPECT_EQ(e.user_data, 9u);
    EXPECT_EQ(a.peer(id).state, uint32_t{NIXL_PEER_DISCONNECTED});
    EXPECT_NE(a.peer(id).reason[0], 0);
}

TEST_P(peers, many_reconnects_leave_nothing_in_the_way) {
    node a("a", GetParam());
    node b("b", GetParam());
    buffer memory(4096);
    b.add(memory.data(), memory.size());
    const auto blob = b.metadata();
    for (int i = 0; i < 20; ++i) {
        const uint64_t peer = a.connect(blob);
        ASSERT_NE(peer, 0u);
        ASSERT_OK(nixl_peer_invalidate(a.get(), peer));
    }
    EXPECT_NE(a.connect(blob), 0u);
}

TEST(peer_rules, own_metadata_no_common_transport_and_unknown_masks) {
    node a("a", NIXL_TRANSPORT_LOOPBACK);
    node same_name("a", NIXL_TRANSPORT_LOOPBACK);
    node b("b", NIXL_TRANSPORT_LOOPBACK);
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, try_connect(a, a.metadata()));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, try_connect(a, same_name.metadata()));
    EXPECT_STATUS(NIXL_ERR_BACKEND, try_connect(a, b.metadata(), NIXL_TRANSPORT_FABRIC));
    EXPECT_NE(last_error_text().find("loopback: not allowed"), std::string::npos) << last_error_text();
    EXPECT_STREQ(last_error().peer, "b");
}

TEST(peer_rules, unreadable_metadata_is_a_mismatch) {
    node a("a", NIXL_TRANSPORT_LOOPBACK);
    node b("b", NIXL_TRANSPORT_LOOPBACK);
    buffer memory(4096);
    b.add(memory.data(), memory.size());
    const auto blob = b.metadata();
    EXPECT_STATUS(NIXL_ERR_MISMATCH, try_connect(a, {}));
    for (std::size_t n = 0; n < blob.size(); ++n)
        EXPECT_STATUS(NIXL_ERR_MISMATCH, try_connect(a, {blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(n)}));
    std::mt19937 random(3);
    for (int i = 0; i < 2000; ++i) {
        auto broken = blob;
        broken[random() % broken.size()] ^= static_cast<uint8_t>(1 + random() % 255);
        EXPECT_STATUS(NIXL_ERR_MISMATCH, try_connect(a, broken));
    }
    EXPECT_NE(a.connect(blob), 0u);
}

TEST(peer_rules, the_cheapest_transport_is_chosen_and_the_reason_recorded) {
    node a("a", 0);
    node b("b", 0);
    const uint64_t peer = a.connect(b);
    ASSERT_NE(peer, 0u);
    EXPECT_EQ(a.peer(peer).transport, uint32_t{NIXL_TRANSPORT_LOOPBACK});
    EXPECT_NE(std::string(a.peer(peer).reason).find("loopback: chosen"), std::string::npos) << a.peer(peer).reason;
}

TEST(peer_rules, lists_of_unconnected_peers_are_not_posted) {
    node a("a", NIXL_TRANSPORT_LOOPBACK);
    node b("b", NIXL_TRANSPORT_LOOPBACK);
    buffer memory(8192);
    a.add(memory.data(), 4096);
    b.add(memory.data() + 4096, 4096);
    const uint64_t peer = a.connect(b);
    b.destroy();
    a.wait_event([](const nixl_event_t& x) { return x.kind == NIXL_EVENT_PEER_STATE; });
    nixl_list_params_t p{};
    const nixl_strided_region_t r = region(memory.data() + 4096, 4096);
    p.struct_size = sizeof p;
    p.mode = NIXL_LIST_BLOCK;
    p.peer = peer;
    p.regions = &r;
    p.region_count = 1;
    uint64_t list = 0;
    EXPECT_STATUS(NIXL_ERR_REMOTE_DISCONNECT, nixl_list_prepare(a.get(), &p, &list));
}

} // namespace nixl_test
