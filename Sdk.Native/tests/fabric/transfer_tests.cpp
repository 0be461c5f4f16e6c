// Bytes between two agents over libfabric: every target poisoned, every byte checked.
#include "fabric/pair.hpp"
#include "support/test_network.hpp"

#include <sys/mman.h>

namespace nixl::test {
namespace {

// Moves `take` random blocks between differently laid out buffers, in both senses of the operation.
void move_and_check(nixl_op_t op, const scattered& a_layout, const scattered& b_layout, uint64_t take,
                    const agent_options& options = {}) {
    agent_pair p(a_layout.bytes(), b_layout.bytes(), options);
    ASSERT_TRUE(p.ok()) << p.why();
    const bool write = op == NIXL_OP_WRITE;
    if (!write) {
        fill_pattern(p.b_memory, 2);
        fill_poison(p.a_memory);
    }
    const auto a_ids = shuffled_ids(a_layout.blocks(), take, 11);
    const auto b_ids = shuffled_ids(b_layout.blocks(), take, 12);
    std::vector<std::byte> expected = write ? p.b_memory : p.a_memory;
    if (write)
        move_naively(a_layout, p.a_memory, b_layout, expected, a_ids, b_ids);
    else
        move_naively(b_layout, p.b_memory, a_layout, expected, b_ids, a_ids);

    test_agent::post post;
    post.op = op;
    post.local = p.local(a_layout);
    post.remote = p.remote(b_layout);
    ASSERT_NE(post.local, 0u) << p.a.last_error();
    ASSERT_NE(post.remote, 0u) << p.a.last_error();
    post.local_ids = a_ids;
    post.remote_ids = b_ids;
    const uint64_t operation = p.a.start(post);
    ASSERT_NE(operation, 0u) << p.a.last_error();
    ASSERT_TRUE(p.a.wait_quiesced(operation));
    const outcome& o = p.a.result(operation);
    EXPECT_EQ(o.event.status, NIXL_SUCCESS);
    EXPECT_EQ(o.settled_count, 1u);
    EXPECT_EQ(o.quiesced_count, 1u);
    EXPECT_EQ(o.event.bytes, take * a_layout.bytes_per_block());
    EXPECT_EQ(first_mismatch(write ? p.b_memory : p.a_memory, expected), all_match);
    const auto counted = p.a.counters(NIXL_TRANSPORT_FABRIC);
    EXPECT_EQ(write ? counted.written_bytes : counted.read_bytes, o.event.bytes);
    EXPECT_EQ(write ? counted.read_bytes : counted.written_bytes, 0u);
}

const std::vector<piece_shape> odd_shapes_a = {{4096, 0}, {37, 11}, {1, 0}, {8193, 63}};
const std::vector<piece_shape> odd_shapes_b = {{4096, 512}, {37, 0}, {1, 7}, {8193, 0}};

TEST(FabricTransfer, Write_of_random_blocks_of_odd_sizes_in_several_regions) {
    move_and_check(NIXL_OP_WRITE, scattered(odd_shapes_a, 50), scattered(odd_shapes_b, 70), 41);
}

TEST(FabricTransfer, Read_of_random_blocks_of_odd_sizes_in_several_regions) {
    move_and_check(NIXL_OP_READ, scattered(odd_shapes_a, 70), scattered(odd_shapes_b, 50), 41);
}

TEST(FabricTransfer, Write_of_pieces_above_one_mebibyte) {
    move_and_check(NIXL_OP_WRITE, scattered({{(3u << 20) + 7, 5}}, 6), scattered({{(3u << 20) + 7, 0}}, 5), 4);
}

TEST(FabricTransfer, Read_of_pieces_above_one_mebibyte) {
    move_and_check(NIXL_OP_READ, scattered({{(3u << 20) + 7, 0}}, 5), scattered({{(3u << 20) + 7, 5}}, 6), 4);
}

TEST(FabricTransfer, Write_of_a_thousand_random_4k_pieces) {
    move_and_check(NIXL_OP_WRITE, scattered({{4096, 0}}, 1200), scattered({{4096, 0}}, 1100), 1000);
}

TEST(FabricTransfer, A_window_of_one_operation_and_tiny_chunks_still_move_everything) {
    agent_options options;
    options.window_operations = 1;
    options.chunk_bytes = 5000;
    options.window_bytes = 4096; // one piece of the largest region at a time
    move_and_check(NIXL_OP_WRITE, scattered(odd_shapes_a, 12), scattered(odd_shapes_b, 12), 9, options);
    move_and_check(NIXL_OP_READ, scattered(odd_shapes_a, 12), scattered(odd_shapes_b, 12), 9, options);
}

TEST(FabricTransfer, Many_requests_in_flight_at_once_land_each_in_its_own_blocks) {
    constexpr uint64_t requests = 24;
    constexpr uint64_t blocks_each = 16;
    const scattered layout({{4096, 0}, {1031, 9}}, requests * blocks_each);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto a_ids = shuffled_ids(layout.blocks(), layout.blocks(), 21);
    const auto b_ids = shuffled_ids(layout.blocks(), layout.blocks(), 22);
    std::vector<std::byte> expected = p.b_memory;
    move_naively(layout, p.a_memory, layout, expected, a_ids, b_ids);
    test_agent::post post;
    post.local = p.local(layout);
    post.remote = p.remote(layout);
    std::vector<uint64_t> operations;
    for (uint64_t i = 0; i < requests; ++i) {
        post.local_ids = std::span(a_ids).subspan(i * blocks_each, blocks_each);
        post.remote_ids = std::span(b_ids).subspan(i * blocks_each, blocks_each);
        operations.push_back(p.a.start(post));
        ASSERT_NE(operations.back(), 0u) << p.a.last_error();
    }
    for (const uint64_t operation : operations) {
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
        EXPECT_EQ(p.a.result(operation).event.bytes, blocks_each * layout.bytes_per_block());
    }
    EXPECT_EQ(first_mismatch(p.b_memory, expected), all_match);
    EXPECT_EQ(p.a.info(p.b_peer).in_flight_operations, 0u);
    EXPECT_EQ(p.a.info(p.b_peer).in_flight_bytes, 0u);
}

TEST(FabricTransfer, Both_directions_at_once) {
    const scattered layout({{65536, 0}}, 64);
    agent_pair p(2 * layout.bytes(), 2 * layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const uint64_t a_peer = p.b.connect(p.a.metadata());
    ASSERT_NE(a_peer, 0u);
    // a writes its first half to b's first half; b writes its second half to a's second half.
    const uint64_t half = layout.bytes();
    fill_pattern(std::span(p.b_memory).subspan(half), 5);
    fill_poison(std::span(p.a_memory).subspan(half));
    const auto at = [&](std::vector<std::byte>& m, uint64_t offset) {
        return layout.strided_at(reinterpret_cast<uint64_t>(m.data()) + offset);
    };
    const auto ids = shuffled_ids(64, 64, 3);
    test_agent::post there{.local = p.a.list(0, at(p.a_memory, 0)),
                           .remote = p.a.list(p.b_peer, at(p.b_memory, 0)),
                           .local_ids = ids,
                           .remote_ids = ids};
    test_agent::post back{.local = p.b.list(0, at(p.b_memory, half)),
                          .remote = p.b.list(a_peer, at(p.a_memory, half)),
                          .local_ids = ids,
                          .remote_ids = ids};
    const uint64_t first = p.a.start(there);
    const uint64_t second = p.b.start(back);
    ASSERT_NE(first, 0u);
    ASSERT_NE(second, 0u);
    ASSERT_TRUE(p.a.wait_quiesced(first));
    ASSERT_TRUE(p.b.wait_quiesced(second));
    EXPECT_EQ(p.a.result(first).event.status, NIXL_SUCCESS);
    EXPECT_EQ(p.b.result(second).event.status, NIXL_SUCCESS);
    EXPECT_EQ(first_difference(std::span(p.b_memory).first(half), 1), all_match);
    EXPECT_EQ(first_difference(std::span(p.a_memory).subspan(half), 5), all_match);
}

TEST(FabricTransfer, A_small_request_behind_a_bulk_one_does_not_wait_for_its_end) {
    const scattered bulk({{1 << 20, 0}}, 64);
    const scattered small({{4096, 0}}, 1);
    agent_pair p(bulk.bytes(), bulk.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(bulk.blocks(), bulk.blocks(), 1);
    const uint32_t zero = 0;
    test_agent::post large{.local = p.local(bulk), .remote = p.remote(bulk), .local_ids = ids, .remote_ids = ids};
    test_agent::post little{
        .local = p.local(small), .remote = p.remote(small), .local_ids = {&zero, 1}, .remote_ids = {&zero, 1}};
    const uint64_t first = p.a.start(large);
    const uint64_t second = p.a.start(little);
    ASSERT_NE(first, 0u);
    ASSERT_NE(second, 0u);
    ASSERT_TRUE(p.a.wait_quiesced(first));
    ASSERT_TRUE(p.a.wait_quiesced(second));
    EXPECT_EQ(p.a.result(first).event.status, NIXL_SUCCESS);
    EXPECT_EQ(p.a.result(second).event.status, NIXL_SUCCESS);
    EXPECT_LT(p.a.result(second).event.settled_ns, p.a.result(first).event.settled_ns);
}

TEST(FabricTransfer, Regions_above_four_gibibytes_are_addressed_in_full) {
    if (registration_pins())
        GTEST_SKIP() << "registering pins every page: this needs as much memory as the regions are long";
    constexpr uint64_t length = 5ull << 30;
    constexpr uint64_t stride = 1ull << 30;
    constexpr uint64_t piece = 70'001;
    const auto sparse = [] { // only the touched pages exist
        void* at = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return at == MAP_FAILED ? std::span<std::byte>{} : std::span(static_cast<std::byte*>(at), length);
    };
    const auto from = sparse();
    const auto to = sparse();
    ASSERT_FALSE(from.empty() || to.empty());
    {
        test_agent a("a");
        test_agent b("b");
        ASSERT_NE(a.add_region(from), 0u) << a.last_error();
        ASSERT_NE(b.add_region(to), 0u) << b.last_error();
        const uint64_t peer = a.connect(b.metadata());
        ASSERT_NE(peer, 0u) << a.connect_text;
        const nixl_strided_region_t here = strided(from.data() + 12'345, stride, piece, 5);
        const nixl_strided_region_t there = strided(to.data() + 54'321, stride, piece, 5);
        const uint32_t from_ids[] = {4, 0, 3};
        const uint32_t to_ids[] = {0, 4, 1};
        for (size_t i = 0; i < 3; ++i) {
            fill_pattern(from.subspan(12'345 + from_ids[i] * stride, piece), i);
            fill_poison(to.subspan(54'321 + to_ids[i] * stride - 64, piece + 128));
        }
        test_agent::post post{.local = a.list(0, {&here, 1}),
                              .remote = a.list(peer, {&there, 1}),
                              .local_ids = from_ids,
                              .remote_ids = to_ids};
        EXPECT_EQ(a.run(post), NIXL_SUCCESS);
        for (size_t i = 0; i < 3; ++i) {
            const uint64_t at = 54'321 + to_ids[i] * stride;
            EXPECT_EQ(first_difference(to.subspan(at, piece), i), all_match) << i;
            EXPECT_EQ(first_not_poison(to.subspan(at - 64, 64)), all_match) << i;
            EXPECT_EQ(first_not_poison(to.subspan(at + piece, 64)), all_match) << i;
        }
    }
    ::munmap(from.data(), length);
    ::munmap(to.data(), length);
}

TEST(FabricTransfer, The_peer_info_names_library_and_provider) {
    agent_pair p(4096, 4096);
    ASSERT_TRUE(p.ok()) << p.why();
    const nixl_peer_info_t info = p.a.info(p.b_peer);
    EXPECT_EQ(info.transport, static_cast<uint32_t>(NIXL_TRANSPORT_FABRIC));
    EXPECT_EQ(std::string(info.provider), test_provider());
    EXPECT_TRUE(std::string(info.transport_version).starts_with("libfabric ")) << info.transport_version;
}

} // namespace
} // namespace nixl::test
