// The target's side of packing against a peer that may write anything into a slot and say anything about it.
#include "support/pattern.hpp"
#include "transports/fabric/packing/scatterer.hpp"
#include "transports/fabric/packing/staging.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace nixl::fabric::packing {
namespace {

std::vector<uint8_t> table_of(const table_writer& w, uint64_t sequence) {
    std::vector<uint8_t> bytes(w.bytes());
    w.write(reinterpret_cast<std::byte*>(bytes.data()), sequence);
    return bytes;
}

TEST(PackingTable, Reads_what_was_written) {
    table_writer w;
    ASSERT_TRUE(w.add(7, 0x1000, 10));
    ASSERT_TRUE(w.add(9, 0x2000, 20));
    ASSERT_TRUE(w.add(7, 0x3000, 1));
    const auto bytes = table_of(w, 42);
    table t;
    ASSERT_EQ(decode(bytes, 31, t), nullptr);
    EXPECT_EQ(t.sequence(), 42u);
    ASSERT_EQ(t.runs(), 3u);
    ASSERT_EQ(t.regions(), 2u);
    EXPECT_EQ(t.key(t.at(0).region), 7u);
    EXPECT_EQ(t.key(t.at(1).region), 9u);
    EXPECT_EQ(t.key(t.at(2).region), 7u);
    EXPECT_EQ(t.at(1).address, 0x2000u);
    EXPECT_EQ(t.at(1).length, 20u);
}

TEST(PackingTable, Holds_no_more_runs_and_regions_than_its_limits) {
    table_writer w;
    for (uint32_t i = 0; i < max_regions; ++i)
        ASSERT_TRUE(w.add(i, i, 1));
    EXPECT_FALSE(w.add(max_regions, 0, 1));
    for (uint32_t i = max_regions; i < max_runs; ++i)
        ASSERT_TRUE(w.add(i % max_regions, i, 1));
    EXPECT_FALSE(w.add(0, 0, 1));
    EXPECT_LE(w.bytes(), max_table_bytes);
    table t;
    EXPECT_EQ(decode(table_of(w, 1), max_runs, t), nullptr);
}

TEST(PackingTable, Every_truncation_and_every_wrong_count_is_refused) {
    table_writer w;
    ASSERT_TRUE(w.add(7, 0x1000, 10));
    ASSERT_TRUE(w.add(8, 0x2000, 20));
    const auto good = table_of(w, 1);
    table t;
    for (size_t n = 0; n < good.size(); ++n)
        EXPECT_NE(decode(std::span(good).first(n), 30, t), nullptr) << n;
    for (const uint32_t payload : {0u, 29u, 31u, UINT32_MAX})
        EXPECT_NE(decode(good, payload, t), nullptr) << payload;
    const auto with = [&](size_t at, uint32_t value) {
        auto bytes = good;
        std::memcpy(bytes.data() + at, &value, sizeof value);
        return bytes;
    };
    EXPECT_NE(decode(with(0, 1), 30, t), nullptr) << "magic";
    EXPECT_NE(decode(with(4, 0x20002), 30, t), nullptr) << "version";
    EXPECT_NE(decode(with(8, 3), 30, t), nullptr) << "runs";
    EXPECT_NE(decode(with(8, UINT32_MAX), 30, t), nullptr) << "runs";
    EXPECT_NE(decode(with(12, 29), 30, t), nullptr) << "payload";
    const size_t first = header_bytes + 2 * key_bytes;
    EXPECT_NE(decode(with(first + 8, 0), 20, t), nullptr) << "an empty run";
    EXPECT_NE(decode(with(first + 8, 11), 30, t), nullptr) << "a longer run";
    EXPECT_NE(decode(with(first + 12, 2), 30, t), nullptr) << "a region that is not there";
}

TEST(PackingTable, Random_bytes_are_decoded_or_refused) {
    std::mt19937_64 random(3);
    std::vector<uint8_t> bytes(400);
    uint64_t accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        table_writer w;
        for (uint32_t k = 0; k < 1 + random() % 8; ++k)
            (void)w.add(random() % 3, random(), 1 + static_cast<uint32_t>(random() % 50));
        auto table_bytes = table_of(w, random());
        for (uint64_t k = random() % 3; k > 0; --k)
            table_bytes[random() % table_bytes.size()] = static_cast<uint8_t>(random());
        table t;
        if (decode(table_bytes, w.payload(), t) == nullptr) {
            uint64_t sum = 0;
            for (uint32_t k = 0; k < t.runs(); ++k) {
                ASSERT_LT(t.at(k).region, t.regions());
                sum += t.at(k).length;
            }
            ASSERT_EQ(sum, w.payload());
            ++accepted;
        }
    }
    EXPECT_GT(accepted, 0u);
}

// A ring of four slots and a region of two pages between two that are not granted.
class PackingScatter : public testing::Test {
  protected:
    static constexpr uint64_t page = 4096;
    static constexpr uint64_t key = 0x1234'5678'9abc'def0;

    void SetUp() override {
        std::string why;
        const auto l = library::load("libfabric.so.1", why);
        ASSERT_NE(l, nullptr) << why;
        std::shared_ptr<const domain> d = domain::open(l, "tcp;ofi_rxm", "127.0.0.1", {}, why);
        ASSERT_NE(d, nullptr) << why;
        std::unique_ptr<staging> made;
        ASSERT_TRUE(staging::make({d}, std::make_shared<staging_budget>(1u << 20), 4, min_slot_bytes, made).ok());
        scatter = std::make_unique<scatterer>(granted, std::move(made));
        memory.resize(4 * page);
        test::fill_poison(memory);
        base = reinterpret_cast<uint64_t>(memory.data()) + page;
        granted.add(key, base, 2 * page);
    }

    // What an honest peer does: bytes of `pattern` for each run, the table behind them.
    filled pack(uint32_t slot, std::initializer_list<run> runs, uint64_t run_key = key) {
        table_writer w;
        for (const run& r : runs)
            EXPECT_TRUE(w.add(run_key, r.address, r.length));
        std::byte* at = scatter->memory().slot(slot);
        test::fill_pattern({at, w.payload()}, 5);
        w.write(at + w.payload(), ++sequence);
        return {1, sequence, slot, w.payload(), static_cast<uint32_t>(w.bytes())};
    }
    const char* run_one(const filled& m) {
        if (const char* error = scatter->take(m))
            return error;
        return scatter->scatter_one(answer);
    }
    bool untouched() const { return test::first_not_poison(memory) == test::all_match; }

    granted_regions granted;
    std::unique_ptr<scatterer> scatter;
    std::vector<std::byte> memory;
    uint64_t base = 0;
    uint64_t sequence = 0;
    scattered answer;
};

TEST_F(PackingScatter, Puts_each_run_where_it_belongs_and_nothing_elsewhere) {
    auto expected = memory;
    test::fill_pattern(std::span(expected).subspan(page + 100, 37), 5);
    test::fill_pattern(std::span(expected).subspan(page + 7000, 1192), 5, 37); // to the region's last byte
    ASSERT_EQ(run_one(pack(2, {{base + 100, 37, 0}, {base + 7000, 1192, 0}})), nullptr);
    EXPECT_EQ(answer.status, NIXL_SUCCESS);
    EXPECT_EQ(answer.slot, 2u);
    EXPECT_EQ(answer.sequence, sequence);
    EXPECT_EQ(memory, expected);
}

TEST_F(PackingScatter, A_run_outside_of_its_region_is_a_protocol_error_and_moves_nothing) {
    for (const run& r : {run{base - 1, 2, 0}, run{base + 2 * page - 1, 2, 0}, run{base + 2 * page, 1, 0}, run{0, 8, 0},
                         run{UINT64_MAX - 3, 8, 0}, run{base - page, 5000, 0}}) {
        EXPECT_NE(run_one(pack(0, {r})), nullptr) << std::hex << r.address;
        EXPECT_TRUE(untouched());
    }
}

TEST_F(PackingScatter, A_region_that_was_never_granted_or_is_revoked_is_refused_with_the_run) {
    ASSERT_EQ(run_one(pack(0, {{base, 8, 0}}, key + 1)), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_NOT_FOUND);
    EXPECT_TRUE(granted.remove(key, deadline::after(0)));
    ASSERT_EQ(run_one(pack(0, {{base, 8, 0}, {base + 8, 8, 0}})), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_NOT_FOUND);
    EXPECT_EQ(answer.run, 0u);
    EXPECT_TRUE(untouched());
}

TEST_F(PackingScatter, A_region_that_this_process_may_not_write_is_refused_not_a_crash) {
    void* only_read = ::mmap(nullptr, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(only_read, MAP_FAILED);
    granted.add(77, reinterpret_cast<uint64_t>(only_read), page);
    ASSERT_EQ(run_one(pack(0, {{reinterpret_cast<uint64_t>(only_read), 8, 0}}, 77)), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_PERMISSION);
    ::munmap(only_read, page);
}

TEST_F(PackingScatter, A_region_with_a_guard_page_in_it_or_a_hole_is_refused_not_a_crash) {
    void* five = ::mmap(nullptr, 5 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(five, MAP_FAILED);
    auto* at = static_cast<std::byte*>(five);
    ASSERT_EQ(::mprotect(at + page, page, PROT_NONE), 0);
    ASSERT_EQ(::munmap(at + 3 * page, page), 0);
    const auto address = [&](uint64_t n) { return reinterpret_cast<uint64_t>(at + n * page); };
    granted.add(77, address(0), 3 * page); // a guard page in the middle
    granted.add(78, address(2), 3 * page); // a hole
    granted.add(79, address(2), page);
    ASSERT_EQ(run_one(pack(0, {{address(1), 8, 0}}, 77)), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_PERMISSION);
    ASSERT_EQ(run_one(pack(0, {{address(3), 8, 0}}, 78)), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_PERMISSION);
    ASSERT_EQ(run_one(pack(0, {{address(3) - 8, 8, 0}}, 79)), nullptr);
    EXPECT_EQ(answer.status, NIXL_SUCCESS);
    ::munmap(at, 3 * page);
    ::munmap(at + 4 * page, page);
}

TEST_F(PackingScatter, Slots_and_sequences_that_cannot_be_are_protocol_errors) {
    const filled good = pack(1, {{base, 8, 0}});
    filled m = good;
    m.slot = 4;
    EXPECT_NE(scatter->take(m), nullptr) << "no such slot";
    m.slot = UINT32_MAX;
    EXPECT_NE(scatter->take(m), nullptr);
    m = good;
    m.payload = min_slot_bytes;
    EXPECT_NE(scatter->take(m), nullptr) << "longer than the slot";
    m.payload = UINT32_MAX - 10;
    EXPECT_NE(scatter->take(m), nullptr);
    m = good;
    m.table = UINT32_MAX;
    EXPECT_NE(scatter->take(m), nullptr);
    m.table = 0;
    EXPECT_EQ(scatter->take(m), nullptr);
    EXPECT_NE(scatter->take(good), nullptr) << "the slot waits";
    EXPECT_NE(scatter->scatter_one(answer), nullptr) << "no table";
    EXPECT_TRUE(untouched());
}

TEST_F(PackingScatter, An_acknowledged_slot_is_not_scattered_again) {
    const filled good = pack(1, {{base, 8, 0}});
    ASSERT_EQ(run_one(good), nullptr);
    test::fill_poison(memory);
    EXPECT_NE(run_one(good), nullptr) << "the same message";
    filled again = good;
    again.sequence = good.sequence + 1;
    EXPECT_NE(run_one(again), nullptr) << "a new message about old bytes";
    EXPECT_TRUE(untouched());
}

TEST_F(PackingScatter, A_forgotten_request_is_not_scattered_and_others_are) {
    filled first = pack(0, {{base, 8, 0}});
    filled second = pack(1, {{base + 8, 8, 0}});
    first.request = 10;
    second.request = 11;
    ASSERT_EQ(scatter->take(first), nullptr);
    ASSERT_EQ(scatter->take(second), nullptr);
    scatter->drop({10});
    ASSERT_EQ(scatter->scatter_one(answer), nullptr);
    EXPECT_EQ(answer.status, NIXL_ERR_CANCELED);
    EXPECT_TRUE(untouched());
    ASSERT_EQ(scatter->scatter_one(answer), nullptr);
    EXPECT_EQ(answer.status, NIXL_SUCCESS);
    EXPECT_FALSE(scatter->waiting());
    EXPECT_EQ(test::first_difference(std::span(memory).subspan(page + 8, 8), 5), test::all_match);
    EXPECT_EQ(test::first_not_poison(std::span(memory).subspan(page, 8)), test::all_match);
}

TEST_F(PackingScatter, Overlapping_runs_stay_inside_their_region) {
    ASSERT_EQ(run_one(pack(0, {{base, 100, 0}, {base + 50, 100, 0}, {base, 1, 0}})), nullptr);
    EXPECT_EQ(answer.status, NIXL_SUCCESS);
    EXPECT_EQ(test::first_not_poison(std::span(memory).subspan(0, page)), test::all_match);
    EXPECT_EQ(test::first_not_poison(std::span(memory).subspan(page + 150)), test::all_match);
}

TEST(PackingBudget, Rings_together_never_exceed_the_limit) {
    staging_budget b(100);
    EXPECT_TRUE(b.take(60));
    EXPECT_FALSE(b.take(41));
    EXPECT_FALSE(b.take(UINT64_MAX));
    EXPECT_TRUE(b.take(40));
    b.give_back(60);
    EXPECT_EQ(b.used(), 40u);
}

} // namespace
} // namespace nixl::fabric::packing
