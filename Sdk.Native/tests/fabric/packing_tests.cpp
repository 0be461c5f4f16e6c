// Packed writes between agents: the same bytes as one operation per piece, and the same ends when something goes wrong.
#include "fabric/packing_modes.hpp"
#include "fabric/pair.hpp"
#include "support/test_network.hpp"

#include <thread>

namespace nixl::test {
namespace {

const std::vector<piece_shape> packed_shapes_a = {{4096, 0}, {37, 11}, {1, 0}, {8193, 63}, {70'001, 3}};
const std::vector<piece_shape> packed_shapes_b = {{4096, 512}, {37, 0}, {1, 7}, {8193, 0}, {70'001, 0}};

// Moves random blocks and returns how many operations that took; every byte of the target is checked.
void write_and_check(const scattered& a_layout, const scattered& b_layout, uint64_t take, const agent_options& options,
                     const agent_options& b_options, uint64_t& operations) {
    agent_pair p(a_layout.bytes(), b_layout.bytes(), options, b_options);
    ASSERT_TRUE(p.ok()) << p.why();
    const auto a_ids = shuffled_ids(a_layout.blocks(), take, take);
    const auto b_ids = shuffled_ids(b_layout.blocks(), take, take + 1);
    std::vector<std::byte> expected = p.b_memory;
    move_naively(a_layout, p.a_memory, b_layout, expected, a_ids, b_ids);
    test_agent::post post{
        .local = p.local(a_layout), .remote = p.remote(b_layout), .local_ids = a_ids, .remote_ids = b_ids};
    post.notification = bytes_of("x");
    const uint64_t operation = p.a.start(post);
    ASSERT_NE(operation, 0u) << p.a.last_error();
    ASSERT_TRUE(p.a.wait_quiesced(operation));
    const outcome& o = p.a.result(operation);
    EXPECT_EQ(o.event.status, NIXL_SUCCESS);
    EXPECT_EQ(o.event.bytes, take * a_layout.bytes_per_block());
    EXPECT_EQ(first_mismatch(p.b_memory, expected), all_match);
    EXPECT_TRUE(p.b.next_notification().has_value());
    const auto counted = p.a.counters(NIXL_TRANSPORT_FABRIC);
    EXPECT_EQ(counted.written_bytes, o.event.bytes);
    operations = counted.operations;
    EXPECT_EQ(p.a.info(p.b_peer).in_flight_operations, 0u);
    EXPECT_EQ(p.a.info(p.b_peer).in_flight_bytes, 0u);
}

TEST(Packing, Moves_the_same_bytes_as_one_operation_per_piece_in_fewer_operations) {
    const scattered a(packed_shapes_a, 90);
    const scattered b(packed_shapes_b, 120);
    uint64_t direct = 0;
    uint64_t chosen = 0;
    uint64_t all = 0;
    ASSERT_NO_FATAL_FAILURE(write_and_check(a, b, 83, with_packing(NIXL_PACKING_NEVER), {}, direct));
    ASSERT_NO_FATAL_FAILURE(write_and_check(a, b, 83, with_packing(NIXL_PACKING_AUTO), {}, chosen));
    ASSERT_NO_FATAL_FAILURE(write_and_check(a, b, 83, with_packing(NIXL_PACKING_ALWAYS), {}, all));
    EXPECT_EQ(direct, 5u * 83u);
    // The large ones alone, the rest in a few slots; for a device, so few tiny ones are not worth it.
    EXPECT_LE(chosen, target_is_passive() ? direct : 83u + 20u);
    EXPECT_GE(chosen, 83u);
    EXPECT_LT(all, 40u);
}

TEST(Packing, Random_layouts_and_sizes) {
    for (uint64_t seed = 1; seed <= 6; ++seed) {
        std::mt19937_64 random(seed);
        std::vector<piece_shape> a;
        std::vector<piece_shape> b;
        for (uint64_t i = 0; i < 1 + random() % 5; ++i) {
            const uint64_t length = 1 + random() % (random() % 3 == 0 ? 60'000 : 3'000);
            a.push_back({length, random() % 3 * (random() % 50)});
            b.push_back({length, random() % 3 * (random() % 50)});
        }
        const uint64_t blocks = 40 + random() % 200;
        agent_options o = with_packing(random() % 2 == 0 ? NIXL_PACKING_ALWAYS : NIXL_PACKING_AUTO);
        o.packing_piece_bytes = random() % 2 == 0 ? 0 : 1 + random() % 70'000;
        uint64_t operations = 0;
        SCOPED_TRACE(seed);
        ASSERT_NO_FATAL_FAILURE(write_and_check(scattered(a, blocks), scattered(b, blocks + random() % 50),
                                                1 + random() % blocks, o, {}, operations));
    }
}

TEST(Packing, More_tiny_pieces_than_a_table_holds) {
    uint64_t operations = 0;
    ASSERT_NO_FATAL_FAILURE(
        write_and_check(scattered({{3, 1}}, 9000), scattered({{3, 2}}, 9000), 7001, {}, {}, operations));
    EXPECT_EQ(operations, 4u); // 2048 in each
}

TEST(Packing, A_request_larger_than_the_ring_and_a_window_smaller_than_a_slot) {
    agent_options o = packing_here();
    o.window_bytes = 100'000;
    o.window_operations = 1;
    uint64_t operations = 0;
    ASSERT_NO_FATAL_FAILURE(
        write_and_check(scattered({{4096, 0}}, 3000), scattered({{4096, 0}}, 2600), 2501, o, {}, operations));
    EXPECT_LT(operations, 40u);
}

TEST(Packing, Without_staging_memory_on_either_side_pieces_go_one_by_one) {
    agent_options none;
    none.staging_bytes = 4096;
    uint64_t operations = 0;
    const scattered layout({{4096, 0}}, 400);
    ASSERT_NO_FATAL_FAILURE(write_and_check(layout, layout, 301, {}, none, operations));
    EXPECT_EQ(operations, 301u);
    ASSERT_NO_FATAL_FAILURE(write_and_check(layout, layout, 301, none, {}, operations));
    EXPECT_EQ(operations, 301u);
}

TEST(Packing, Few_pieces_and_large_pieces_go_directly) {
    uint64_t operations = 0;
    ASSERT_NO_FATAL_FAILURE(
        write_and_check(scattered({{4096, 9}}, 8), scattered({{4096, 5}}, 8), 3, {}, {}, operations));
    EXPECT_EQ(operations, 3u);
    ASSERT_NO_FATAL_FAILURE(
        write_and_check(scattered({{200'000, 0}}, 30), scattered({{200'000, 0}}, 30), 20, {}, {}, operations));
    EXPECT_GE(operations, 19u); // neighbours may merge
    // No multiple of the size below which pieces are packed: their ends are not small pieces.
    ASSERT_NO_FATAL_FAILURE(
        write_and_check(scattered({{1u << 20, 64}}, 30), scattered({{1u << 20, 0}}, 30), 24, {}, {}, operations));
    EXPECT_EQ(operations, 24u);
}

// What is larger than the limit goes directly, in chunks that may be smaller than it.
TEST(Packing, Chunks_smaller_than_what_is_packed) {
    uint64_t operations = 0;
    ASSERT_NO_FATAL_FAILURE(write_and_check(scattered({{9u << 20, 64}}, 3), scattered({{9u << 20, 0}}, 3), 2,
                                            with_packing(NIXL_PACKING_ALWAYS), {}, operations));
    agent_options small_chunks = with_packing(NIXL_PACKING_ALWAYS);
    small_chunks.packing_piece_bytes = 100'000;
    small_chunks.chunk_bytes = 30'000;
    ASSERT_NO_FATAL_FAILURE(write_and_check(scattered({{4096, 9}, {300'001, 64}}, 30),
                                            scattered({{4096, 0}, {300'001, 0}}, 30), 20, small_chunks, {},
                                            operations));
}

TEST(Packing, Neighbours_are_merged_before_they_are_packed) {
    const scattered layout({{4096, 0}}, 2000);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    std::vector<uint32_t> ids(2000);
    std::iota(ids.begin(), ids.end(), 0u);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    ASSERT_EQ(p.a.run(post), NIXL_SUCCESS);
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match);
    EXPECT_EQ(p.a.counters(NIXL_TRANSPORT_FABRIC).operations, 8u); // 1 MiB each: direct
}

TEST(Packing, Many_requests_at_once_each_land_in_their_own_blocks) {
    constexpr uint64_t requests = 40;
    constexpr uint64_t blocks_each = 60;
    const scattered layout({{4096, 0}, {1031, 9}, {50'000, 0}}, requests * blocks_each / 4);
    const uint64_t each = blocks_each / 4;
    agent_pair p(layout.bytes(), layout.bytes(), packing_here());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto a_ids = shuffled_ids(layout.blocks(), layout.blocks(), 21);
    const auto b_ids = shuffled_ids(layout.blocks(), layout.blocks(), 22);
    std::vector<std::byte> expected = p.b_memory;
    move_naively(layout, p.a_memory, layout, expected, a_ids, b_ids);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout)};
    std::vector<uint64_t> operations;
    for (uint64_t i = 0; i < requests; ++i) {
        post.local_ids = std::span(a_ids).subspan(i * each, each);
        post.remote_ids = std::span(b_ids).subspan(i * each, each);
        operations.push_back(p.a.start(post));
        ASSERT_NE(operations.back(), 0u) << p.a.last_error();
    }
    for (const uint64_t operation : operations) {
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
    }
    EXPECT_EQ(first_mismatch(p.b_memory, expected), all_match);
}

// Posted behind a request of large pieces, one of small pieces, which are packed, ends before it.
void small_ones_end_first(const scattered& large, agent_options options) {
    const scattered small({{512, 64}}, 4'000);
    options.packing = NIXL_PACKING_ALWAYS;
    options.packing_piece_bytes = 1'000;
    agent_pair p(large.bytes(), large.bytes(), options);
    ASSERT_TRUE(p.ok()) << p.why();
    const auto small_ids = shuffled_ids(small.blocks(), small.blocks(), 1);
    const auto large_ids = shuffled_ids(large.blocks(), large.blocks(), 2);
    test_agent::post packed{
        .local = p.local(small), .remote = p.remote(small), .local_ids = small_ids, .remote_ids = small_ids};
    test_agent::post direct{
        .local = p.local(large), .remote = p.remote(large), .local_ids = large_ids, .remote_ids = large_ids};
    ASSERT_EQ(p.a.run(packed), NIXL_SUCCESS); // the ring is there
    const uint64_t first = p.a.start(direct);
    const uint64_t second = p.a.start(packed);
    ASSERT_NE(first, 0u);
    ASSERT_NE(second, 0u);
    ASSERT_TRUE(p.a.wait_quiesced(first));
    ASSERT_TRUE(p.a.wait_quiesced(second));
    EXPECT_EQ(p.a.result(first).event.status, NIXL_SUCCESS);
    EXPECT_EQ(p.a.result(second).event.status, NIXL_SUCCESS);
    EXPECT_LT(p.a.result(second).event.settled_ns, p.a.result(first).event.settled_ns);
    EXPECT_EQ(first_difference(p.b_memory, 1), all_match);
}

// A request of pieces that are too large to be packed fills the window again whenever one of them has ended.
TEST(Packing, A_packed_request_does_not_wait_for_the_end_of_one_that_fills_the_window) {
    small_ones_end_first(scattered({{50'000, 0}}, 3'000), {});
}

// A rail that is full takes one piece whenever one has ended: the slot must not find it full again each time.
TEST(Packing, A_packed_request_does_not_wait_for_the_end_of_one_that_fills_the_rail) {
    agent_options options;
    options.window_operations = 30'000; // more than a rail takes
    options.window_bytes = 1 << 30;
    small_ones_end_first(scattered({{5'000, 0}}, 30'000), options);
}

TEST(Packing, A_cancelled_request_stores_nothing_more_once_it_is_quiesced) {
    const scattered layout({{4096, 0}}, 12'000);
    agent_pair p(layout.bytes(), layout.bytes(), packing_here());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto a_ids = shuffled_ids(layout.blocks(), layout.blocks(), 1);
    const auto b_ids = shuffled_ids(layout.blocks(), layout.blocks(), 2);
    test_agent::post post{
        .local = p.local(layout), .remote = p.remote(layout), .local_ids = a_ids, .remote_ids = b_ids};
    post.notification = bytes_of("never");
    int canceled = 0;
    for (int i = 0; i < 10; ++i) {
        const uint64_t operation = p.a.start(post);
        ASSERT_NE(operation, 0u);
        std::this_thread::sleep_for(std::chrono::microseconds(700 * i));
        (void)p.a.cancel(operation);
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        fill_poison(p.b_memory); // ours alone from here on
        if (p.a.result(operation).event.status == NIXL_ERR_CANCELED) {
            ++canceled;
            EXPECT_FALSE(p.b.next_notification(5'000'000).has_value());
        } else {
            EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
            EXPECT_TRUE(p.b.next_notification().has_value());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        ASSERT_EQ(first_not_poison(p.b_memory), all_match);
    }
    EXPECT_GT(canceled, 0);
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS); // the connection goes on
    EXPECT_TRUE(p.b.next_notification().has_value());
    std::vector<std::byte> expected(layout.bytes());
    move_naively(layout, p.a_memory, layout, expected, a_ids, b_ids);
    EXPECT_EQ(first_mismatch(p.b_memory, expected), all_match);
}

TEST(Packing, A_region_deregistered_during_packed_writes_changes_no_more_afterwards) {
    const scattered layout({{4096, 0}}, 12'000);
    agent_pair p(layout.bytes(), layout.bytes(), packing_here());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto a_ids = shuffled_ids(layout.blocks(), layout.blocks(), 1);
    const auto b_ids = shuffled_ids(layout.blocks(), layout.blocks(), 2);
    test_agent::post post{
        .local = p.local(layout), .remote = p.remote(layout), .local_ids = a_ids, .remote_ids = b_ids};
    std::vector<uint64_t> operations;
    for (int i = 0; i < 3; ++i)
        operations.push_back(p.a.start(post));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ASSERT_EQ(p.b.remove_region(p.b_region), NIXL_SUCCESS);
    fill_poison(p.b_memory); // ours alone from here on
    for (const uint64_t operation : operations) {
        ASSERT_NE(operation, 0u);
        ASSERT_TRUE(p.a.wait_quiesced(operation));
    }
    const nixl_event_t& e = p.a.result(operations.back()).event;
    EXPECT_EQ(e.status, NIXL_ERR_NOT_FOUND);
    EXPECT_GE(e.address, reinterpret_cast<uint64_t>(p.b_memory.data()));
    ASSERT_LT(e.entry, b_ids.size()); // a slot's last piece is cut where the slot ends
    const uint64_t block = reinterpret_cast<uint64_t>(p.b_memory.data()) + layout.offset(0, b_ids[e.entry]);
    EXPECT_GE(e.address, block);
    EXPECT_LT(e.address, block + 4096);
    EXPECT_EQ(first_not_poison(p.b_memory), all_match);
    const uint64_t sent = p.a.notify(p.b_peer, bytes_of("still there")); // the connection has survived it
    ASSERT_TRUE(p.a.wait_quiesced(sent));
    EXPECT_EQ(p.a.result(sent).event.status, NIXL_SUCCESS);
}

TEST(Packing, The_first_transfer_finds_its_connection_made) {
    const scattered layout({{4096, 0}}, 4);
    const uint32_t zero = 0;
    test_agent::post post{.local_ids = {&zero, 1}, .remote_ids = {&zero, 1}};
    // libfabric connects with the first operation, which then takes tens of milliseconds. None of that is here: the
    // best of three agents, because the machine may be busy.
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; ++i) {
        agent_pair fresh(layout.bytes(), layout.bytes());
        ASSERT_TRUE(fresh.ok()) << fresh.why();
        post.local = fresh.local(layout);
        post.remote = fresh.remote(layout);
        const uint64_t operation = fresh.a.start(post);
        ASSERT_NE(operation, 0u);
        ASSERT_TRUE(fresh.a.wait_quiesced(operation));
        const nixl_event_t& e = fresh.a.result(operation).event;
        best = std::min(best, e.settled_ns - e.posted_ns);
    }
    EXPECT_LT(best, 10'000'000u * test_slowness());
}

} // namespace
} // namespace nixl::test
