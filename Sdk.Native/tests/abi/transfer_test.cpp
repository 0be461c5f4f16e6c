// Data and notifications between two agents, over every transport: the same tests, the bytes all checked.
#include "abi/pair.hpp"

#include <algorithm>
#include <numeric>
#include <random>

namespace nixl_test {

class transfers : public transport_test {};
INSTANTIATE_TEST_SUITE_P(over, transfers, every_transport, transport_name);

TEST_P(transfers, write_by_block_index_lands_exactly_there) {
    constexpr uint64_t blocks = 32, piece = 4096, tensors = 3;
    connected_pair p(GetParam(), tensors * blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 1);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(tensors, blocks, piece);

    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {3, 7, 12}, .remote_ids = {0, 31, 2}};
    w.notification = "request-42";
    w.request.lease_token = 0x1234'5678'9abc'def0;
    w.request.attempt = 3;
    ASSERT_OK(w(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_SUCCESS, end.outcome.status);
    EXPECT_EQ(end.outcome.bytes, 3 * tensors * piece);
    EXPECT_EQ(end.outcome.entry, UINT64_MAX);
    EXPECT_GT(end.outcome.operations, 0u);
    if (!under_efa_rules(GetParam())) { // which split
        EXPECT_LE(end.outcome.operations, 3 * tensors);
    }
    EXPECT_LE(end.outcome.posted_ns, end.outcome.started_ns);
    EXPECT_LE(end.outcome.started_ns, end.outcome.data_done_ns);
    EXPECT_LE(end.outcome.data_done_ns, end.outcome.settled_ns);

    const message m = p.b.wait_message();
    EXPECT_EQ(m.text(), "request-42");
    EXPECT_STREQ(m.header.sender_name, "a");
    EXPECT_EQ(m.header.sender_incarnation, p.a_incarnation);
    EXPECT_EQ(m.header.with_transfer, 1u);
    EXPECT_EQ(m.header.op, static_cast<uint32_t>(NIXL_OP_WRITE));
    EXPECT_EQ(m.header.request_bytes, 3 * tensors * piece);
    EXPECT_EQ(m.header.request.lease_token, w.request.lease_token);
    EXPECT_EQ(m.header.request.attempt, 3u);
    EXPECT_NE(m.header.sender, 0u);

    p.expect_remote(lists, {{3, 0}, {7, 31}, {12, 2}}, 1);
    EXPECT_EQ(p.a.counters(GetParam()).written_bytes, 3 * tensors * piece);
    EXPECT_EQ(p.a.counters(GetParam()).transfers, 1u);
}

TEST_P(transfers, read_by_block_index_fetches_exactly_that) {
    constexpr uint64_t blocks = 16, piece = 2048, tensors = 2;
    connected_pair p(GetParam(), tensors * blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.remote.bytes(), 9);
    poison(p.local.bytes());
    const auto lists = p.block_lists(tensors, blocks, piece);

    post r{.op = NIXL_OP_READ,
           .local_list = lists.local,
           .remote_list = lists.remote,
           .local_ids = {15, 0, 4},
           .remote_ids = {1, 1, 14}}; // a source may be read twice
    r.notification = "";
    ASSERT_OK(r(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    const message m = p.b.wait_message();
    EXPECT_EQ(m.payload.size(), 0u);
    EXPECT_EQ(m.header.op, static_cast<uint32_t>(NIXL_OP_READ));
    EXPECT_EQ(m.header.request_bytes, 0u);

    std::vector<uint8_t> expected(p.local.size(), 0xA5);
    for (uint64_t t = 0; t < tensors; ++t)
        for (const auto& [local, remote] : {std::pair{15, 1}, {0, 1}, {4, 14}})
            std::copy_n(p.remote.data() + (t * blocks + static_cast<uint64_t>(remote)) * piece, piece,
                        expected.data() + (t * blocks + static_cast<uint64_t>(local)) * piece);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), p.local.data()));
    EXPECT_EQ(p.a.counters(GetParam()).read_bytes, 3 * tensors * piece);
}

TEST_P(transfers, random_blocks_many_requests_in_flight) {
    constexpr uint64_t blocks = 256, piece = 1024, tensors = 4;
    connected_pair p(GetParam(), tensors * blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 5);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(tensors, blocks, piece);
    std::mt19937 random(42);
    std::vector<uint32_t> from(blocks), to(blocks);
    std::iota(from.begin(), from.end(), 0u);
    std::iota(to.begin(), to.end(), 0u);
    std::shuffle(from.begin(), from.end(), random);
    std::shuffle(to.begin(), to.end(), random);

    constexpr uint64_t requests = 16, each = blocks / requests;
    for (uint64_t i = 0; i < requests; ++i) {
        post w{.local_list = lists.local, .remote_list = lists.remote, .user_data = 100 + i};
        w.local_ids.assign(from.begin() + i * each, from.begin() + (i + 1) * each);
        w.remote_ids.assign(to.begin() + i * each, to.begin() + (i + 1) * each);
        w.notification = std::to_string(i);
        ASSERT_OK(w(p.a));
    }
    for (uint64_t i = 0; i < requests; ++i)
        EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(100 + i).outcome.status);
    std::vector<bool> seen(requests);
    for (uint64_t i = 0; i < requests; ++i)
        seen[std::stoul(p.b.wait_message().text())] = true;
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](bool s) { return s; }));
    std::vector<std::pair<uint32_t, uint32_t>> moved;
    for (uint64_t i = 0; i < blocks; ++i)
        moved.emplace_back(from[i], to[i]);
    p.expect_remote(lists, moved, 5);
}

TEST_P(transfers, neighbouring_blocks_are_merged) {
    constexpr uint64_t blocks = 64, piece = 4096;
    connected_pair p(GetParam(), blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 2);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(1, blocks, piece);
    post w{.local_list = lists.local, .remote_list = lists.remote};
    std::vector<std::pair<uint32_t, uint32_t>> moved;
    for (uint32_t i = 0; i < 32; ++i) {
        w.local_ids.push_back(10 + i);
        w.remote_ids.push_back(20 + i);
        moved.emplace_back(10 + i, 20 + i);
    }
    ASSERT_OK(w(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_SUCCESS, end.outcome.status);
    if (!under_efa_rules(GetParam())) { // else they are split again
        EXPECT_EQ(end.outcome.operations, 1u);
    }
    p.expect_remote(lists, moved, 2);
}

TEST_P(transfers, larger_than_a_chunk_and_than_the_window) {
    constexpr uint64_t blocks = 3, piece = 11 * 1024 * 1024 + 12345;
    connected_pair p(GetParam(), blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 3);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(1, blocks, piece);
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {2, 0}, .remote_ids = {0, 1}};
    w.notification = "big";
    ASSERT_OK(w(p.a));
    EXPECT_EQ(p.b.wait_message().text(), "big");
    p.expect_remote(lists, {{2, 0}, {0, 1}}, 3); // visible as soon as the notification is
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_SUCCESS, end.outcome.status);
    EXPECT_EQ(end.outcome.bytes, 2 * piece);
    EXPECT_GE(end.outcome.operations, 2 * piece / (1 << 20));
}

TEST_P(transfers, flat_lists_with_pieces_of_different_lengths) {
    connected_pair p(GetParam(), 1 << 20);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 4);
    poison(p.remote.bytes());
    const uint64_t local =
        p.a.list(0, {region(p.local.data() + 100, 64, 4, 128), region(p.local.data() + 5000, 1000, 3)}, NIXL_LIST_FLAT);
    const uint64_t remote = p.a.list(
        p.peer, {region(p.remote.data() + 9000, 1000, 2, 1500), region(p.remote.data() + 7, 64, 8)}, NIXL_LIST_FLAT);
    // local 0…3: 64 bytes, 4…6: 1000; remote 0…1: 1000, 2…9: 64
    post w{.local_list = local, .remote_list = remote, .local_ids = {6, 1, 3, 4}, .remote_ids = {0, 9, 2, 1}};
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    std::vector<uint8_t> expected(p.remote.size(), 0xA5);
    const auto move = [&](uint64_t from, uint64_t to, uint64_t n) {
        for (uint64_t i = 0; i < n; ++i)
            expected[to + i] = pattern(4, from + i);
    };
    move(5000 + 2 * 1000, 9000, 1000);
    move(100 + 128, 7 + 7 * 64, 64);
    move(100 + 3 * 128, 7, 64);
    move(5000, 9000 + 1500, 1000);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), p.remote.data()));
}

TEST_P(transfers, posts_again_after_it_ended) {
    constexpr uint64_t blocks = 8, piece = 512;
    connected_pair p(GetParam(), blocks * piece);
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, blocks, piece);
    for (uint32_t round = 0; round < 50; ++round) {
        fill(p.local.bytes(), round);
        poison(p.remote.bytes());
        post w{.local_list = lists.local,
               .remote_list = lists.remote,
               .local_ids = {round % 8},
               .remote_ids = {7 - round % 8}};
        w.notification = std::to_string(round);
        ASSERT_OK(w(p.a));
        EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
        EXPECT_EQ(p.b.wait_message().text(), std::to_string(round));
        p.expect_remote(lists, {{round % 8, 7 - round % 8}}, round);
    }
}

TEST_P(transfers, free_standing_notifications) {
    connected_pair p(GetParam(), 4096);
    ASSERT_TRUE(p.ok());
    const std::string large(NIXL_NOTIFICATION_MAX, 'x');
    for (const std::string& text : {std::string("hello"), std::string(), large}) {
        ASSERT_OK(notify(p.a, p.peer, text, 7));
        EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(7).outcome.status);
        const message m = p.b.wait_message();
        EXPECT_EQ(m.text(), text);
        EXPECT_EQ(m.header.with_transfer, 0u);
        EXPECT_EQ(m.header.request_bytes, 0u);
    }
    EXPECT_EQ(p.a.counters(GetParam()).notifications_sent, 3u);
    EXPECT_EQ(p.b.counters(GetParam()).notifications_received, 3u);
}

} // namespace nixl_test
