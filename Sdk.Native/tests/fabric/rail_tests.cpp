// Several rails at once: every byte arrives, whatever the numbers of rails, and the rails share the work.
#include "fabric/rail_pair.hpp"

#include <fcntl.h>

namespace nixl::test {
namespace {

struct rails_case {
    size_t a;
    size_t b;
    size_t connected;
};

class FabricRails : public testing::TestWithParam<rails_case> {
  protected:
    void SetUp() override {
        need_rails();
        if (GetParam().a != GetParam().b && !rails_cross())
            GTEST_SKIP() << "Soft-RoCE ports of one machine reach themselves only";
    }

    // Moves random blocks between differently laid out buffers and checks every byte of the destination.
    static void move_and_check(nixl_op_t op, const scattered& a_layout, const scattered& b_layout, uint64_t take,
                               const agent_options& options = {}) {
        const uint64_t bytes = std::max(a_layout.bytes(), b_layout.bytes());
        agent_pair p(bytes, bytes, with_rails(GetParam().a, options), with_rails(GetParam().b));
        ASSERT_TRUE(p.ok()) << p.why();
        ASSERT_TRUE(warm_up(p));
        const uint64_t before = rail_bytes(p.a.rails(p.b_peer));
        const bool write = op == NIXL_OP_WRITE;
        if (!write) {
            fill_pattern(p.b_memory, 2);
            fill_poison(p.a_memory);
        }
        const auto a_ids = shuffled_ids(a_layout.blocks(), take, 31);
        const auto b_ids = shuffled_ids(b_layout.blocks(), take, 32);
        std::vector<std::byte> expected = write ? p.b_memory : p.a_memory;
        if (write)
            move_naively(a_layout, p.a_memory, b_layout, expected, a_ids, b_ids);
        else
            move_naively(b_layout, p.b_memory, a_layout, expected, b_ids, a_ids);
        test_agent::post post;
        post.op = op;
        post.local = p.local(a_layout);
        post.remote = p.remote(b_layout);
        post.local_ids = a_ids;
        post.remote_ids = b_ids;
        ASSERT_EQ(p.a.run(post), NIXL_SUCCESS) << p.a.last_error();
        EXPECT_EQ(first_mismatch(write ? p.b_memory : p.a_memory, expected), all_match);

        const auto rails = p.a.rails(p.b_peer);
        ASSERT_EQ(rails.size(), GetParam().connected);
        EXPECT_EQ(rail_bytes(rails) - before, take * a_layout.bytes_per_block());
        for (const nixl_rail_info_t& r : rails) {
            EXPECT_GT(rail_bytes(r), 0u) << "rail " << r.rail << " has carried nothing";
            EXPECT_EQ(r.state, static_cast<uint32_t>(NIXL_RAIL_OPEN));
            EXPECT_EQ(r.losses, 0u);
            EXPECT_NE(std::string(r.device).find(rail_address(r.rail % GetParam().a)), std::string::npos) << r.device;
        }
    }
};

const std::vector<piece_shape> odd_rail_shapes_a = {{4096, 0}, {37, 11}, {1, 0}, {(1u << 19) + 3, 63}};
const std::vector<piece_shape> odd_rail_shapes_b = {{4096, 512}, {37, 0}, {1, 7}, {(1u << 19) + 3, 0}};

TEST_P(FabricRails, Write_random_blocks_of_odd_sizes) {
    move_and_check(NIXL_OP_WRITE, scattered(odd_rail_shapes_a, 40), scattered(odd_rail_shapes_b, 50), 31);
}

TEST_P(FabricRails, Read_random_blocks_of_odd_sizes) {
    move_and_check(NIXL_OP_READ, scattered(odd_rail_shapes_a, 50), scattered(odd_rail_shapes_b, 40), 31);
}

TEST_P(FabricRails, Write_through_a_window_of_one_operation_and_tiny_chunks) {
    agent_options options;
    options.window_operations = 1;
    options.chunk_bytes = 5000;
    options.window_bytes = 4096;
    const scattered layout({{4096, 0}, {37, 11}, {20'011, 3}}, 12);
    move_and_check(NIXL_OP_WRITE, layout, layout, 9, options);
}

INSTANTIATE_TEST_SUITE_P(Numbers, FabricRails,
                         testing::Values(rails_case{2, 2, 2}, rails_case{1, 3, 3}, rails_case{3, 2, 3}),
                         [](const auto& given) {
                             return std::to_string(given.param.a) + "_to_" + std::to_string(given.param.b);
                         });

class FabricRailShares : public testing::Test {
  protected:
    void SetUp() override { need_rails(); }
};

TEST_F(FabricRailShares, Small_writes_one_at_a_time_alternate) {
    const scattered layout({{4096, 0}}, 64);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2), with_rails(2));
    ASSERT_TRUE(p.ok()) << p.why();
    ASSERT_TRUE(warm_up(p));
    const auto before = p.a.rails(p.b_peer);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout)};
    for (uint32_t i = 0; i < 64; ++i) {
        post.local_ids = post.remote_ids = {&i, 1};
        ASSERT_EQ(p.a.run(post), NIXL_SUCCESS);
    }
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match);
    for (const nixl_rail_info_t& r : p.a.rails(p.b_peer))
        EXPECT_EQ(r.operations - before[r.rail].operations, 32u) << r.rail;
}

TEST_F(FabricRailShares, One_large_write_is_split_and_one_below_the_minimum_is_not) {
    const scattered layout({{1 << 20, 0}}, 1);
    const scattered small({{(256 << 10) - 1, 0}}, 1);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2), with_rails(2));
    ASSERT_TRUE(p.ok()) << p.why();
    ASSERT_TRUE(warm_up(p));
    const auto before = p.a.rails(p.b_peer);
    const uint32_t zero = 0;
    test_agent::post post{
        .local = p.local(layout), .remote = p.remote(layout), .local_ids = {&zero, 1}, .remote_ids = {&zero, 1}};
    const uint64_t large = p.a.start(post);
    ASSERT_TRUE(p.a.wait_quiesced(large));
    EXPECT_EQ(p.a.result(large).event.status, NIXL_SUCCESS);
    EXPECT_EQ(p.a.result(large).event.operations, 2u);
    for (const nixl_rail_info_t& r : p.a.rails(p.b_peer))
        EXPECT_EQ(r.operations - before[r.rail].operations, 1u) << r.rail;
    post.local = p.local(small);
    post.remote = p.remote(small);
    const uint64_t whole = p.a.start(post);
    ASSERT_TRUE(p.a.wait_quiesced(whole));
    EXPECT_EQ(p.a.result(whole).event.operations, 1u);
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match);
}

TEST_F(FabricRailShares, A_thousand_notifications_are_seen_only_after_their_data) {
    constexpr uint64_t rounds = 1000;
    const scattered layout({{4096, 0}, {97, 3}}, rounds);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(3), with_rails(3));
    ASSERT_TRUE(p.ok()) << p.why();
    const auto to = shuffled_ids(rounds, rounds, 5);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout)};
    std::vector<std::byte> expected = p.b_memory;
    uint32_t seen = 0;
    const auto take = [&] {
        while (const auto n = p.b.next_notification(0)) {
            ASSERT_EQ(n->payload.size(), sizeof(uint32_t));
            uint32_t round = 0;
            std::memcpy(&round, n->payload.data(), sizeof round);
            ASSERT_EQ(round, seen++) << "in the order of the posts to one block each";
            for (size_t r = 0; r < layout.regions(); ++r)
                for (uint64_t k = 0; k < layout.length(r); ++k)
                    ASSERT_EQ(p.b_memory[layout.offset(r, to[round]) + k], p.a_memory[layout.offset(r, round) + k]);
        }
    };
    for (uint32_t i = 0; i < rounds; ++i) {
        post.local_ids = {&i, 1};
        post.remote_ids = std::span(to).subspan(i, 1);
        post.notification = std::span(reinterpret_cast<const uint8_t*>(&i), sizeof i);
        ASSERT_EQ(p.a.run(post), NIXL_SUCCESS);
        ASSERT_NO_FATAL_FAILURE(take());
    }
    EXPECT_EQ(seen, rounds);
}

TEST_F(FabricRailShares, A_region_deregistered_while_it_is_written_changes_no_more_afterwards) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(3), with_rails(rails_cross() ? 2 : 3));
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    const uint64_t operation = p.a.start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_EQ(p.b.remove_region(p.b_region), NIXL_SUCCESS);
    fill_poison(p.b_memory); // ours alone from here on
    ASSERT_TRUE(p.a.wait_quiesced(operation));
    const int32_t status = p.a.result(operation).event.status;
    EXPECT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_NOT_FOUND) << status;
    EXPECT_EQ(first_not_poison(p.b_memory), all_match);
    // The connection has survived it.
    const uint64_t sent = p.a.notify(p.b_peer, bytes_of("still there"));
    ASSERT_TRUE(p.a.wait_quiesced(sent));
    EXPECT_EQ(p.a.result(sent).event.status, NIXL_SUCCESS);
}

TEST_F(FabricRailShares, A_rail_that_is_not_there_is_named) {
    agent_options options;
    options.fabric_rails = "127.0.0.1,192.0.2.7";
    const test_agent a("a", options);
    EXPECT_FALSE(a.ok()); // the fabric is its only transport
    EXPECT_NE(a.last_error().find("192.0.2.7"), std::string::npos) << a.last_error();
}

TEST_F(FabricRailShares, Auto_uses_every_device_that_reaches_such_peers) {
    agent_options options;
    options.fabric_rails = "auto";
    const scattered layout({{4096, 0}}, 4);
    agent_pair p(layout.bytes(), layout.bytes(), options, options);
    ASSERT_TRUE(p.ok()) << p.why();
    EXPECT_EQ(p.a.rails(p.b_peer).size(), target_is_passive() ? rail_address_list().size() : 1); // else lo
}

TEST_F(FabricRailShares, Fifty_connections_leave_nothing_behind) {
    const auto lowest_free = [] {
        int n = 0;
        while (n < 4096 && ::fcntl(n, F_GETFD) != -1)
            ++n;
        return n;
    };
    const scattered layout({{4096, 0}}, 4);
    agent_pair p(layout.bytes(), layout.bytes(), with_rails(2), with_rails(rails_cross() ? 3 : 2));
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(4, 4, 1);
    const int before = lowest_free();
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(nixl_peer_invalidate(p.a.get(), p.b_peer), NIXL_SUCCESS);
        p.b_peer = p.a.connect(p.b_metadata);
        ASSERT_NE(p.b_peer, 0u) << i << ": " << p.why();
        const test_agent::post post{
            .local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
        ASSERT_EQ(p.a.run(post), NIXL_SUCCESS) << i;
    }
    ASSERT_EQ(nixl_peer_invalidate(p.a.get(), p.b_peer), NIXL_SUCCESS);
    EXPECT_TRUE(p.b.wait_until([&] { return lowest_free() <= before; })) << lowest_free() << " > " << before;
}

} // namespace
} // namespace nixl::test
