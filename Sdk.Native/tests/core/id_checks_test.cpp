#include "core/id_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace nixl {
namespace {

TEST(id_checks, out_of_range_names_the_first_culprit) {
    const std::vector<uint32_t> ids{0, 9, 10, 3, 11};
    EXPECT_TRUE(check_ids_in_range(ids.data(), 2, 10, "local").ok());
    const failure f = check_ids_in_range(ids.data(), ids.size(), 10, "local");
    EXPECT_EQ(f.status, NIXL_ERR_INVALID_PARAM);
    EXPECT_TRUE(f.entry_valid);
    EXPECT_EQ(f.entry, 2u);
    EXPECT_NE(std::string(f.text).find("local id 10 at position 2"), std::string::npos) << f.text;
}

TEST(id_checks, the_largest_id_is_no_overflow) {
    const std::vector<uint32_t> ids{UINT32_MAX};
    EXPECT_FALSE(check_ids_in_range(ids.data(), 1, UINT32_MAX, "x").ok());
    EXPECT_TRUE(check_ids_in_range(ids.data(), 1, uint64_t{1} << 33, "x").ok());
}

// Each id that is too large, at random places, for lists of all sizes.
TEST(id_checks, no_id_out_of_range_gets_through) {
    std::mt19937 random(3);
    for (const uint64_t entries :
         {1ull, 2ull, 1000ull, 0x7fff'ffffull, 0x8000'0000ull, 0x8000'0001ull, 0xffff'ffffull}) {
        for (unsigned round = 0; round < 200; ++round) {
            std::vector<uint32_t> ids(1 + random() % 70);
            for (uint32_t& id : ids)
                id = static_cast<uint32_t>(random() % entries);
            ASSERT_TRUE(check_ids_in_range(ids.data(), ids.size(), entries, "x").ok());
            const std::size_t at = random() % ids.size();
            const uint64_t beyond = (uint64_t{1} << 32) - entries;
            const uint64_t by = round == 0 ? 0 : round == 1 ? beyond - 1 : random() % beyond;
            ids[at] = static_cast<uint32_t>(entries + by);
            const failure f = check_ids_in_range(ids.data(), ids.size(), entries, "x");
            ASSERT_FALSE(f.ok()) << entries << " " << ids[at];
            ASSERT_EQ(f.entry, at);
        }
    }
}

// Every size class and both methods, against a std::set.
TEST(id_checks, duplicates_are_found_wherever_they_are) {
    std::mt19937 random(7);
    buffer_pool pool;
    for (const uint64_t entries : {20ull, 1000ull, 100'000ull, 5'000'000ull, 1ull << 32}) {
        for (const uint64_t count : {2ull, 16ull, 17ull, 500ull, 5000ull}) {
            if (count > entries)
                continue;
            std::set<uint32_t> chosen;
            while (chosen.size() < count)
                chosen.insert(static_cast<uint32_t>(random() % entries));
            std::vector<uint32_t> ids(chosen.begin(), chosen.end());
            EXPECT_TRUE(check_ids_distinct(ids.data(), count, entries, pool).ok());
            std::shuffle(ids.begin(), ids.end(), random);
            EXPECT_TRUE(check_ids_distinct(ids.data(), count, entries, pool).ok());
            const std::size_t a = random() % count, b = (a + 1 + random() % (count - 1)) % count;
            ids[a] = ids[b];
            const failure f = check_ids_distinct(ids.data(), count, entries, pool);
            EXPECT_EQ(f.status, NIXL_ERR_INVALID_PARAM) << entries << " " << count;
            EXPECT_EQ(f.entry, std::max(a, b));
        }
    }
}

TEST(buffer_pool, reuses_and_returns) {
    buffer_pool pool(1 << 16);
    buffer_pool::buffer a;
    ASSERT_TRUE(pool.acquire(1000, a));
    std::byte* first = a.data();
    a.reset();
    ASSERT_TRUE(pool.acquire(800, a));
    EXPECT_EQ(a.data(), first);
    buffer_pool::buffer large; // above the idle limit: goes back to the allocator
    ASSERT_TRUE(pool.acquire(1 << 20, large));
    large.data()[(1 << 20) - 1] = std::byte{1};
    large.reset();
    EXPECT_FALSE(pool.acquire(uint64_t{1} << 60, large));
    EXPECT_EQ(large.data(), nullptr);
}

} // namespace
} // namespace nixl
