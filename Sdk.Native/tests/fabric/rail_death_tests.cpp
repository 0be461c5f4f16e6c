// A rail dies: its endpoint is closed on both sides, then its work is repeated on the others. Never before.
#include "fabric/rail_pair.hpp"
#include "transports/fabric/rail_faults.hpp"

#include <thread>
#include <utility>

namespace nixl::test {
namespace {

class FabricRailDeath : public testing::Test {
  protected:
    void SetUp() override { need_rails_to_cut(); }
    void TearDown() override { hold(0); }

    static size_t open(const std::vector<nixl_rail_info_t>& rails) {
        return static_cast<size_t>(
            std::count_if(rails.begin(), rails.end(), [](const auto& r) { return r.state == NIXL_RAIL_OPEN; }));
    }

    // Several requests in flight over `count` rails; these are cut one after the other, once each has moved some bytes
    // and while it has work. All requests succeed.
    static void move_through(nixl_op_t op, size_t count, std::initializer_list<size_t> dying) {
        constexpr uint64_t requests = 16;
        constexpr uint64_t blocks_each = 8;
        const scattered layout({{(1u << 20) + 13, 7}, {4097, 0}}, requests * blocks_each);
        agent_pair p(layout.bytes(), layout.bytes(), with_rails(count), with_rails(count));
        ASSERT_TRUE(p.ok()) << p.why();
        ASSERT_TRUE(warm_up(p));
        const auto before = p.a.rails(p.b_peer);
        const bool write = op == NIXL_OP_WRITE;
        if (!write) {
            fill_pattern(p.b_memory, 2);
            fill_poison(p.a_memory);
        }
        const auto a_ids = shuffled_ids(layout.blocks(), layout.blocks(), 21);
        const auto b_ids = shuffled_ids(layout.blocks(), layout.blocks(), 22);
        std::vector<std::byte> expected = write ? p.b_memory : p.a_memory;
        if (write)
            move_naively(layout, p.a_memory, layout, expected, a_ids, b_ids);
        else
            move_naively(layout, p.b_memory, layout, expected, b_ids, a_ids);
        test_agent::post post;
        post.op = op;
        post.local = p.local(layout);
        post.remote = p.remote(layout);
        post.notification = bytes_of("done");
        std::vector<uint64_t> operations;
        for (uint64_t i = 0; i < requests; ++i) {
            post.local_ids = std::span(a_ids).subspan(i * blocks_each, blocks_each);
            post.remote_ids = std::span(b_ids).subspan(i * blocks_each, blocks_each);
            operations.push_back(p.a.start(post));
            ASSERT_NE(operations.back(), 0u) << p.a.last_error();
        }
        ASSERT_NO_FATAL_FAILURE(cut_loaded(p, dying, before));
        for (const uint64_t operation : operations) {
            ASSERT_TRUE(p.a.wait_quiesced(operation));
            EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
            EXPECT_EQ(p.a.result(operation).event.bytes, blocks_each * layout.bytes_per_block());
            EXPECT_EQ(p.a.result(operation).settled_count, 1u);
        }
        EXPECT_EQ(first_mismatch(write ? p.b_memory : p.a_memory, expected), all_match);
        for (uint64_t i = 0; i < requests; ++i)
            EXPECT_TRUE(p.b.next_notification().has_value()) << i;
        EXPECT_FALSE(p.b.next_notification(0).has_value());

        const auto rails = p.a.rails(p.b_peer);
        EXPECT_EQ(rail_bytes(rails) - rail_bytes(before), layout.blocks() * layout.bytes_per_block())
            << "each byte is counted once";
        uint64_t losses = 0;
        uint64_t repeated = 0;
        for (const nixl_rail_info_t& r : rails) {
            losses += r.losses;
            repeated += r.repeated;
        }
        EXPECT_EQ(losses, dying.size());
        EXPECT_GT(repeated, 0u) << "the cut came when nothing was in flight: the test has tested nothing";
        EXPECT_EQ(p.a.info(p.b_peer).in_flight_operations, 0u);
        EXPECT_EQ(p.a.info(p.b_peer).in_flight_bytes, 0u);
    }

    // Keeps what is given to these rails in flight: their target does not look.
    static void hold(uint64_t rails) { fabric::pretended_rail_faults.unpolled = rails; }

    // Nothing more ends by itself, and something is left.
    static bool only_held_ones_are_left(agent_pair& p) {
        uint64_t last = UINT64_MAX;
        return p.a.wait_until([&] {
            const uint64_t left = p.a.info(p.b_peer).in_flight_operations;
            const bool same = std::exchange(last, left) == left;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            return same && left != 0;
        });
    }

    // All are held before the first is cut: on a fast machine nothing would be in flight on the next one.
    static void cut_loaded(agent_pair& p, std::initializer_list<size_t> rails,
                           const std::vector<nixl_rail_info_t>& before) {
        uint64_t mask = 0;
        ASSERT_TRUE(p.a.wait_until([&] {
            const auto now = p.a.rails(p.b_peer);
            return std::all_of(rails.begin(), rails.end(), [&](size_t rail) {
                return rail_bytes(now[rail]) >= rail_bytes(before[rail]) + (2u << 20);
            });
        }));
        for (const size_t rail : rails)
            mask |= uint64_t{1} << rail;
        hold(mask);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        for (const size_t rail : rails) {
            EXPECT_GT(cut_rail(rail), 0u);
            ASSERT_TRUE(p.a.wait_until([&] { return p.a.rails(p.b_peer)[rail].losses == 1; }));
        }
        hold(0);
    }
};

TEST_F(FabricRailDeath, Writes_go_on_when_a_rail_of_two_is_cut) {
    move_through(NIXL_OP_WRITE, 2, {1});
}

TEST_F(FabricRailDeath, Reads_go_on_when_a_rail_of_two_is_cut) {
    move_through(NIXL_OP_READ, 2, {0});
}

TEST_F(FabricRailDeath, Writes_go_on_when_two_rails_of_three_are_cut_one_after_the_other) {
    move_through(NIXL_OP_WRITE, 3, {2, 0});
}

// What was given to the rail that died lies in the network and would arrive after the repetition, when the block is
// ready and its owner has gone on with it. Only the fence keeps it out.
TEST_F(FabricRailDeath, Writes_of_the_dead_rail_that_arrive_late_change_no_byte_of_a_ready_block) {
    constexpr uint64_t blocks = 16;
    const scattered layout({{40 << 10, 0}}, blocks); // neither packed nor split
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2), with_rails(2));
    ASSERT_TRUE(p.ok()) << p.why();
    ASSERT_TRUE(warm_up(p));
    const auto ids = shuffled_ids(blocks, blocks, 7);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    post.notification = bytes_of("ready");

    hold(2); // rail 1
    const uint64_t operation = p.a.start(post);
    ASSERT_NE(operation, 0u);
    // Rail 0 has done its part; what is left lies in rail 1's sockets.
    ASSERT_TRUE(only_held_ones_are_left(p));
    const uint64_t held = p.a.info(p.b_peer).in_flight_operations;
    EXPECT_FALSE(p.b.next_notification(0).has_value());
    ASSERT_GT(cut_rail(1, cut_end::initiator), 0u);
    ASSERT_TRUE(p.a.wait_quiesced(operation));
    ASSERT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
    EXPECT_EQ(p.a.rails(p.b_peer)[1].repeated, held);
    ASSERT_TRUE(p.b.next_notification().has_value());
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match) << "ready means that all of it is there";

    fill_pattern(p.b_memory, 9); // the owner goes on
    hold(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(300)); // time for late writes
    EXPECT_EQ(first_difference(p.b_memory, 9), all_match) << "a late write of the first attempt";
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS) << "the connection goes on";
}

// A network that swallows what it is given reports nothing for minutes.
TEST_F(FabricRailDeath, A_rail_on_which_nothing_moves_while_others_move_is_dropped) {
    constexpr uint64_t blocks = 16;
    const scattered layout({{40 << 10, 0}}, blocks);
    agent_options options;
    options.suspect_after_ns = second_ns; // half of it is a rail's time
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2, options), with_rails(2));
    ASSERT_TRUE(p.ok()) << p.why();
    ASSERT_TRUE(warm_up(p));
    const auto ids = shuffled_ids(blocks, blocks, 7);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    hold(2);
    const uint64_t stuck = p.a.start(post);
    ASSERT_NE(stuck, 0u);
    ASSERT_TRUE(only_held_ones_are_left(p));
    // One block at a time takes the emptier rail.
    const test_agent::post one{
        .local = post.local, .remote = post.remote, .local_ids = {&ids[0], 1}, .remote_ids = {&ids[0], 1}};
    ASSERT_TRUE(p.a.wait_until([&] {
        EXPECT_EQ(p.a.run(one), NIXL_SUCCESS);
        return p.a.rails(p.b_peer)[1].losses == 1;
    }));
    ASSERT_TRUE(p.a.wait_quiesced(stuck));
    EXPECT_EQ(p.a.result(stuck).event.status, NIXL_SUCCESS);
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match);
    EXPECT_EQ(open(p.a.rails(p.b_peer)), 1u);
}

TEST_F(FabricRailDeath, When_the_last_rail_is_cut_the_peer_is_disconnected) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2), with_rails(2));
    ASSERT_TRUE(p.ok()) << p.why();
    ASSERT_TRUE(warm_up(p));
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    std::vector<uint64_t> operations;
    hold(3);
    for (int i = 0; i < 8; ++i)
        operations.push_back(p.a.start(post));
    ASSERT_TRUE(only_held_ones_are_left(p));
    EXPECT_GT(cut_rail(0), 0u);
    EXPECT_GT(cut_rail(1), 0u);
    for (const uint64_t operation : operations) {
        ASSERT_NE(operation, 0u);
        ASSERT_TRUE(p.a.wait_quiesced(operation));
    }
    EXPECT_EQ(p.a.result(operations.back()).event.status, NIXL_ERR_REMOTE_DISCONNECT);
    EXPECT_TRUE(p.a.wait_state(p.b_peer, NIXL_PEER_DISCONNECTED));
    hold(0);
    // A new connection has all rails again.
    ASSERT_EQ(nixl_peer_invalidate(p.a.get(), p.b_peer), NIXL_SUCCESS);
    p.b_peer = p.a.connect(p.b_metadata);
    ASSERT_NE(p.b_peer, 0u) << p.why();
    post.remote = p.remote(layout);
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS);
    EXPECT_EQ(open(p.a.rails(p.b_peer)), 2u);
}

// tcp ends everything in flight on a connection for one wrong key, so the key looks like a dead rail. It must not take
// one after the other for ever.
TEST_F(FabricRailDeath, A_revoked_key_does_not_fail_over_for_ever) {
    const scattered layout({{4096, 0}}, 16);
    std::vector<std::byte> a_memory(layout.bytes());
    std::vector<std::byte> b_memory(layout.bytes());
    fill_poison(b_memory);
    test_agent a("a", with_rails(4));
    test_agent b("b", with_rails(4));
    ASSERT_NE(a.add_region(a_memory), 0u);
    const uint64_t region = b.add_region(b_memory);
    const auto old = b.metadata();
    ASSERT_EQ(b.remove_region(region), NIXL_SUCCESS);
    const uint64_t peer = a.connect(old);
    ASSERT_NE(peer, 0u) << a.connect_status;
    const uint32_t one = 1;
    test_agent::post post{.local = a.list(0, layout.strided_at(reinterpret_cast<uint64_t>(a_memory.data()))),
                          .remote = a.list(peer, layout.strided_at(reinterpret_cast<uint64_t>(b_memory.data()))),
                          .local_ids = {&one, 1},
                          .remote_ids = {&one, 1}};
    const uint64_t operation = a.start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_TRUE(a.wait_quiesced(operation));
    EXPECT_EQ(a.result(operation).event.status, NIXL_ERR_BACKEND);
    EXPECT_NE(a.result(operation).event.entry, UINT64_MAX) << "the failure names a piece";
    EXPECT_EQ(first_not_poison(b_memory), all_match);
    uint64_t losses = 0;
    for (const nixl_rail_info_t& r : a.rails(peer))
        losses += r.losses;
    EXPECT_EQ(losses, 3u) << "three attempts";
    EXPECT_EQ(a.info(peer).state, static_cast<uint32_t>(NIXL_PEER_CONNECTED)) << "the other rails live";
}

} // namespace
} // namespace nixl::test
