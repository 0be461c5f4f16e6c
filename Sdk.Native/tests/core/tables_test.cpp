#include "core/handle_table.hpp"
#include "core/memory_table.hpp"
#include "core/operation_pool.hpp"

#include <gtest/gtest.h>

#include <set>

namespace nixl {
namespace {

using table = handle_table<int, handle_type::list>;

uint64_t put(table& t, int value) {
    return t.insert([&](uint64_t) { return std::make_shared<int>(value); });
}

TEST(handle_table, a_stale_or_made_up_handle_is_found_out) {
    table t(8);
    const uint64_t first = put(t, 1);
    ASSERT_NE(first, 0u);
    EXPECT_EQ(*t.find(first), 1);
    EXPECT_EQ(*t.erase(first), 1);
    EXPECT_EQ(t.find(first), nullptr);
    EXPECT_EQ(t.erase(first), nullptr);
    const uint64_t second = put(t, 2); // the same slot
    EXPECT_EQ(handle_slot(second), handle_slot(first));
    EXPECT_NE(second, first);
    EXPECT_EQ(t.find(first), nullptr);
    for (const uint64_t bad :
         {uint64_t{0}, uint64_t{1}, UINT64_MAX, second ^ (uint64_t{7} << 60), second + 1, second + (uint64_t{1} << 32)})
        EXPECT_EQ(t.find(bad), nullptr) << std::hex << bad;
}

TEST(handle_table, is_bounded) {
    table t(2);
    EXPECT_NE(put(t, 1), 0u);
    const uint64_t second = put(t, 2);
    EXPECT_NE(second, 0u);
    EXPECT_EQ(put(t, 3), 0u);
    t.erase(second);
    EXPECT_NE(put(t, 4), 0u);
}

TEST(handle_table, a_throwing_maker_leaves_it_as_it_was) {
    table t(2);
    EXPECT_THROW(t.insert([](uint64_t) -> std::shared_ptr<int> { throw std::bad_alloc(); }), std::bad_alloc);
    EXPECT_NE(put(t, 1), 0u);
    EXPECT_NE(put(t, 2), 0u);
    EXPECT_EQ(put(t, 3), 0u);
}

TEST(operation_pool, slots_come_back_with_another_generation) {
    operation_pool pool(2);
    operation* a = pool.acquire();
    operation* b = pool.acquire();
    ASSERT_NE(a, nullptr);
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(pool.acquire(), nullptr);
    const uint64_t id = a->id;
    EXPECT_TRUE(pool.with(id, [](operation&) {}));
    a->cancel_requested.store(true);
    a->bytes_done = 5;
    pool.release(*a);
    EXPECT_FALSE(pool.with(id, [](operation&) {}));
    operation* again = pool.acquire();
    ASSERT_EQ(again, a);
    EXPECT_NE(again->id, id);
    EXPECT_FALSE(again->cancel_requested.load());
    EXPECT_EQ(again->bytes_done, 0u);
}

std::shared_ptr<local_region> add(memory_table& t, uint64_t base, uint64_t length) {
    auto r = std::make_shared<local_region>();
    r->base = base;
    r->length = length;
    EXPECT_TRUE(t.insert(r));
    return r;
}

TEST(memory_table, finds_what_covers_a_range_also_among_overlapping_ones) {
    memory_table t;
    const auto large = add(t, 1000, 100'000);
    const auto small = add(t, 2000, 10);
    const auto other = add(t, 200'000, 50);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 2005, 100), large);
    EXPECT_NE(t.covering(NIXL_MEMORY_DRAM, 0, 2005, 5), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 200'000, 50), other);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 200'000, 51), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 199'999, 1), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 999, 1), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_VRAM, 0, 2005, 5), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 1, 2005, 5), nullptr);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 2005, UINT64_MAX), nullptr); // no wrap-around
    t.erase(*large);
    EXPECT_EQ(t.covering(NIXL_MEMORY_DRAM, 0, 2005, 100), nullptr);
    EXPECT_EQ(t.find(large->id), nullptr);
    EXPECT_EQ(t.find(small->id), small);
}

TEST(memory_table, what_a_list_holds_cannot_be_deregistered) {
    memory_table t;
    const auto r = add(t, 1000, 100);
    const auto held = t.hold(NIXL_MEMORY_DRAM, 0, 1010, 10);
    ASSERT_EQ(held, r);
    EXPECT_FALSE(t.begin_deregister(*r));
    r->lists.fetch_sub(1);
    EXPECT_TRUE(t.begin_deregister(*r));
    EXPECT_FALSE(t.begin_deregister(*r));
    EXPECT_EQ(t.hold(NIXL_MEMORY_DRAM, 0, 1010, 10), nullptr);
    t.abandon_deregister(*r);
    EXPECT_NE(t.hold(NIXL_MEMORY_DRAM, 0, 1010, 10), nullptr);
}

} // namespace
} // namespace nixl
