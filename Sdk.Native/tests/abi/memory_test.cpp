// Registrations and prepared lists: the rules, and what they cost.
#include "abi/pair.hpp"

#include <cstring>

namespace nixl_test {

namespace {

int32_t register_range(const node& n, uint64_t address, uint64_t length, uint32_t kind = NIXL_MEMORY_DRAM,
                       uint64_t device = 0) {
    nixl_region_params_t p{};
    p.struct_size = sizeof p;
    p.kind = kind;
    p.device = device;
    p.address = address;
    p.length = length;
    uint64_t id = 0;
    return nixl_memory_register(n.get(), &p, &id);
}

int32_t prepare(const node& n, uint64_t peer, const std::vector<nixl_strided_region_t>& regions,
                uint32_t mode = NIXL_LIST_BLOCK) {
    nixl_list_params_t p{};
    p.struct_size = sizeof p;
    p.mode = mode;
    p.peer = peer;
    p.regions = regions.data();
    p.region_count = regions.size();
    uint64_t id = 0;
    return nixl_list_prepare(n.get(), &p, &id);
}

} // namespace

class memory_rules : public testing::Test {
  protected:
    node n{"n", NIXL_TRANSPORT_LOOPBACK};
    buffer memory{1 << 20};
    uint64_t at = reinterpret_cast<uint64_t>(memory.data());
};

TEST_F(memory_rules, refuses_what_is_not_memory) {
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, 0, 10));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, at, 0));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, at, UINT64_MAX));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, at, 10, 17));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, at, 10, NIXL_MEMORY_DRAM, 1));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, register_range(n, 4096, 10)); // not mapped
    const nixl_error_t e = last_error();
    EXPECT_EQ(e.entry_valid, 1u);
    EXPECT_EQ(e.address, 4096u);
    EXPECT_EQ(e.length, 10u);
    buffer odd(8 * 4096);
    const auto odd_at = reinterpret_cast<uint64_t>(odd.data());
    EXPECT_OK(register_range(n, odd_at + 1, 8 * 4096 - 1)); // any alignment
}

TEST_F(memory_rules, a_memory_kind_that_nobody_serves_is_not_found) {
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, register_range(n, at, 4096, NIXL_MEMORY_VRAM, 0));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, register_range(n, at, 4096, NIXL_MEMORY_FILE, 0));
}

TEST_F(memory_rules, query_by_id_and_by_address) {
    const uint64_t id = n.add(memory.data(), 8192);
    nixl_region_info_t info{};
    ASSERT_OK(nixl_memory_query(n.get(), id, &info));
    EXPECT_EQ(info.address, at);
    EXPECT_EQ(info.length, 8192u);
    EXPECT_EQ(info.transports, uint32_t{NIXL_TRANSPORT_LOOPBACK});
    EXPECT_EQ(info.lists, 0u);
    info = {};
    info.address = at + 100;
    info.length = 50;
    ASSERT_OK(nixl_memory_query(n.get(), 0, &info));
    EXPECT_EQ(info.region, id);
    info = {};
    info.address = at + 100;
    info.length = 8192;
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_memory_query(n.get(), 0, &info));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_memory_query(n.get(), id + 1, &info));
    info = {};
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_memory_query(n.get(), 0, &info));
}

TEST_F(memory_rules, deregistering_waits_for_lists_and_makes_the_id_stale) {
    const uint64_t id = n.add(memory.data(), 8192);
    const uint64_t list = n.list(0, {region(memory.data(), 4096, 2)});
    EXPECT_STATUS(NIXL_ERR_BUSY, nixl_memory_deregister(n.get(), id, second));
    EXPECT_OK(nixl_list_release(n.get(), list));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_list_release(n.get(), list));
    EXPECT_OK(nixl_memory_deregister(n.get(), id, second));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_memory_deregister(n.get(), id, second));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, prepare(n, 0, {region(memory.data(), 4096, 2)}));
}

TEST_F(memory_rules, an_arena_is_zeroed_registered_like_other_memory_and_busy_while_it_is) {
    nixl_arena_params_t p{};
    p.struct_size = sizeof p;
    p.length = 1'000'000;
    nixl_arena_info_t arena{};
    if (nixl_arena_create(n.get(), &p, &arena) == NIXL_ERR_NOT_SUPPORTED)
        GTEST_SKIP() << last_error_text();
    ASSERT_NE(arena.arena, 0u) << last_error_text();
    EXPECT_GE(arena.length, p.length);
    EXPECT_EQ(arena.length % arena.page_size, 0u);
    EXPECT_EQ(arena.address % arena.page_size, 0u);
    auto* bytes = reinterpret_cast<uint8_t*>(arena.address);
    for (uint64_t i = 0; i < arena.length; ++i)
        ASSERT_EQ(bytes[i], 0);
    const uint64_t id = n.add(bytes + 4096, 100'000);
    nixl_region_info_t info{};
    ASSERT_OK(nixl_memory_query(n.get(), id, &info));
    EXPECT_EQ(info.arena, arena.arena);
    EXPECT_STATUS(NIXL_ERR_BUSY, nixl_arena_destroy(n.get(), arena.arena));
    EXPECT_OK(nixl_memory_deregister(n.get(), id, second));
    EXPECT_OK(nixl_arena_destroy(n.get(), arena.arena));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_arena_destroy(n.get(), arena.arena));
    p.length = 0;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_arena_create(n.get(), &p, &arena));
}

class list_rules : public memory_rules {
  protected:
    void SetUp() override { n.add(memory.data(), memory.size()); }
};

TEST_F(list_rules, regions_must_make_sense) {
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {}));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {region(memory.data(), 0, 4)}));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {region(memory.data(), 16, 0)}));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {region(memory.data(), 16, 4, 15)})); // pieces overlap
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {region(memory.data(), 16, UINT64_MAX / 8)}));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM,
                  prepare(n, 0, {region(memory.data(), 16, 4), region(memory.data(), 16, 5)})); // not the same blocks
    EXPECT_OK(prepare(n, 0, {region(memory.data(), 16, 4), region(memory.data(), 16, 5)}, NIXL_LIST_FLAT));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {region(memory.data(), 16, 4)}, 9));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, prepare(n, 0x123, {region(memory.data(), 16, 4)}));
}

TEST_F(list_rules, nested_strides) {
    const auto nested = [&](uint64_t length, uint64_t count, uint64_t stride, uint32_t units, uint64_t unit_stride) {
        nixl_strided_region_t r = region(memory.data(), length, count, stride);
        r.units = units;
        r.unit_stride = unit_stride;
        return r;
    };
    EXPECT_OK(prepare(n, 0, {nested(16, 8, 64, 4, 16)}));
    EXPECT_OK(prepare(n, 0, {nested(16, 8, 16, 4, 32)})); // units hold their blocks
    EXPECT_OK(prepare(n, 0, {nested(16, 4, 0, 4, 16)}));  // one block, so no stride
    EXPECT_OK(prepare(n, 0, {nested(16, 8, 64, 1, 0)}));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 8, 64, 1, 16)}));  // one unit has no stride
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 9, 64, 4, 16)}));  // half a block
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 8, 63, 4, 16)}));  // blocks overlap
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 8, 64, 4, 15)}));  // units overlap
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 12, 16, 4, 32)})); // the third block meets a unit
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, prepare(n, 0, {nested(16, 8, 64, 4, UINT64_MAX / 2)}));
    // The reach is that of the last unit of the last block.
    const uint64_t blocks = memory.size() / 64;
    EXPECT_OK(prepare(n, 0, {nested(16, blocks * 4, 64, 4, 16)}));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, prepare(n, 0, {nested(16, blocks * 4 + 4, 64, 4, 16)}));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, prepare(n, 0, {nested(17, blocks * 4, 68, 4, 17)}));
}

TEST_F(list_rules, unregistered_memory_is_named) {
    EXPECT_OK(prepare(n, 0, {region(memory.data(), 4096, memory.size() / 4096)}));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND,
                  prepare(n, 0,
                          {region(memory.data(), 16, 4), region(memory.data() + 4096, 4096, memory.size() / 4096)},
                          NIXL_LIST_FLAT));
    const nixl_error_t e = last_error();
    EXPECT_EQ(e.entry_valid, 1u);
    EXPECT_EQ(e.entry, 1u);
    EXPECT_EQ(e.address, at + 4096);
    EXPECT_EQ(e.length, memory.size());
    nixl_strided_region_t other_kind = region(memory.data(), 16, 4);
    other_kind.kind = NIXL_MEMORY_VRAM;
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, prepare(n, 0, {other_kind}));
}

TEST_F(list_rules, info) {
    const uint64_t list = n.list(0, {region(memory.data(), 100, 10, 128), region(memory.data() + 5000, 28, 10)});
    nixl_list_info_t info{};
    ASSERT_OK(nixl_list_info(n.get(), list, &info));
    EXPECT_EQ(info.entries, 10u);
    EXPECT_EQ(info.regions, 2u);
    EXPECT_EQ(info.bytes_per_entry, 128u);
    EXPECT_EQ(info.peer, 0u);
    EXPECT_EQ(info.mode, uint32_t{NIXL_LIST_BLOCK});
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_list_info(n.get(), list + 1, &info));
    const uint64_t flat =
        n.list(0, {region(memory.data(), 100, 10, 128), region(memory.data() + 5000, 28, 7)}, NIXL_LIST_FLAT);
    ASSERT_OK(nixl_list_info(n.get(), flat, &info));
    EXPECT_EQ(info.entries, 17u);
    EXPECT_EQ(info.bytes_per_entry, 0u);
}

// O(regions), whatever the number of blocks.
TEST_F(list_rules, the_memory_of_a_list_does_not_grow_with_its_blocks) {
    uint64_t bytes[2];
    int i = 0;
    for (const uint64_t blocks : {16u, 65536u}) {
        nixl_list_info_t info{};
        ASSERT_OK(nixl_list_info(
            n.get(), n.list(0, {region(memory.data(), 8, blocks), region(memory.data() + 8, 8, blocks)}), &info));
        EXPECT_EQ(info.entries, blocks);
        bytes[i++] = info.memory_bytes;
    }
    EXPECT_EQ(bytes[0], bytes[1]);
    EXPECT_LT(bytes[0], 1024u);
}

// Regions above 4 GiB, in sparse memory: offsets stay 64-bit all the way.
class large_memory : public transport_test {};
INSTANTIATE_TEST_SUITE_P(over, large_memory, every_transport, transport_name);

TEST_P(large_memory, blocks_above_four_gib_arrive) {
    constexpr uint64_t bytes = 6ull << 30, piece = 4096, stride = 1ull << 20, blocks = bytes / stride;
    connected_pair p(GetParam(), bytes);
    ASSERT_TRUE(p.ok());
    const uint64_t local = p.a.list(0, {region(p.local.data(), piece, blocks, stride)});
    const uint64_t remote = p.a.list(p.peer, {region(p.remote.data(), piece, blocks, stride)});
    const std::vector<uint32_t> from{blocks - 1, 5000, 0, 4097}, to{4098, blocks - 1, 4096, 1};
    for (uint64_t i = 0; i < from.size(); ++i) {
        fill({p.local.data() + from[i] * stride, piece}, i);
        poison({p.remote.data() + to[i] * stride, 2 * piece < stride ? 2 * piece : piece});
    }
    post w{.local_list = local, .remote_list = remote, .local_ids = from, .remote_ids = to};
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    for (uint64_t i = 0; i < from.size(); ++i) {
        const uint8_t* at = p.remote.data() + to[i] * stride;
        for (uint64_t b = 0; b < piece; ++b)
            ASSERT_EQ(at[b], pattern(i, b)) << i << ":" << b;
        for (uint64_t b = piece; b < 2 * piece; ++b)
            ASSERT_EQ(at[b], 0xA5);
    }
}

} // namespace nixl_test
