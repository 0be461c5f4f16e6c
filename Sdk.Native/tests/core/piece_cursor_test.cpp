// The cursor against a naive reference: random regions, ids and chunk sizes; every byte at its place, merged as far as
// allowed and never across a registration.
#include "core/piece_cursor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

namespace nixl {
namespace {

// A pair of lists over made-up addresses: nothing is dereferenced.
struct scenario {
    prepared_list local;
    prepared_list remote;
    std::vector<uint32_t> local_ids;
    std::vector<uint32_t> remote_ids;

    void add(uint64_t local_base, uint64_t remote_base, uint64_t length, uint64_t count, uint64_t local_stride,
             uint64_t remote_stride, bool new_registration) {
        if (new_registration || local.local_holds.empty()) {
            local.local_holds.push_back(std::make_shared<local_region>());
            local.local_holds.back()->lists.store(1); // the list counts itself, and uncounts when it goes
            remote.remote_holds.push_back(std::make_shared<remote_region>());
        }
        local_region* l = local.local_holds.back().get();
        local.regions.push_back({local_base, local_stride, length, count, 0, l, nullptr});
        remote.regions.push_back(
            {remote_base, remote_stride, length, count, 0, nullptr, remote.remote_holds.back().get()});
    }

    void finish(nixl_list_mode_t mode) {
        for (prepared_list* list : {&local, &remote}) {
            list->mode = mode;
            list->uniform_length = list->regions.front().length;
            list->uniform_count = list->regions.front().count;
            list->bytes_per_entry = 0;
            uint64_t first = 0;
            for (list_region& r : list->regions) {
                if (r.length != list->uniform_length)
                    list->uniform_length = 0;
                if (r.count != list->uniform_count)
                    list->uniform_count = 0;
                list->bytes_per_entry += r.length;
                if (mode == NIXL_LIST_FLAT) {
                    r.first = first;
                    first += r.count;
                }
            }
            list->entries = mode == NIXL_LIST_FLAT ? first : list->regions.front().count;
        }
    }

    piece_cursor cursor() const { return {local, remote, local_ids.data(), remote_ids.data(), local_ids.size()}; }
};

struct byte_move {
    uint64_t local;
    uint64_t remote;
    const local_region* from;
    const remote_region* to;
    uint64_t entry;
    bool operator==(const byte_move&) const = default;
};

// Counts its way to a piece: unit by unit, block by block.
uint64_t count_to(const list_region& r, uint64_t piece) {
    uint64_t block = r.base;
    uint64_t unit = 0;
    for (uint64_t i = 0; i < piece; ++i) {
        if (++unit == r.units) {
            unit = 0;
            block += r.stride;
        }
    }
    return block + unit * r.unit_stride;
}

// Piece by piece, byte by byte, as the definition says.
std::vector<byte_move> reference(const scenario& s) {
    std::vector<byte_move> all;
    const auto emit = [&](const list_region& l, const list_region& r, uint64_t i) {
        for (uint64_t b = 0; b < l.length; ++b)
            all.push_back({count_to(l, s.local_ids[i] - l.first) + b, count_to(r, s.remote_ids[i] - r.first) + b,
                           l.local, r.remote, i});
    };
    if (s.local.mode == NIXL_LIST_BLOCK) {
        for (std::size_t r = 0; r < s.local.regions.size(); ++r)
            for (uint64_t i = 0; i < s.local_ids.size(); ++i)
                emit(s.local.regions[r], s.remote.regions[r], i);
        return all;
    }
    const auto find = [](const prepared_list& list, uint32_t id) {
        for (const list_region& r : list.regions) // linear, unlike region_of
            if (id >= r.first && id < r.first + r.count)
                return r;
        throw std::logic_error("id out of range");
    };
    for (uint64_t i = 0; i < s.local_ids.size(); ++i)
        emit(find(s.local, s.local_ids[i]), find(s.remote, s.remote_ids[i]), i);
    return all;
}

// Walks the cursor with random chunk sizes and partial advances and compares every byte. Returns the runs of a walk
// without limits.
void check(const scenario& s, std::mt19937& random) {
    const std::vector<byte_move> expected = reference(s);
    piece_cursor cursor = s.cursor();
    ASSERT_EQ(cursor.remaining(), expected.size());
    std::size_t at = 0;
    piece p;
    while (cursor.peek(1 + random() % 700, p)) {
        piece again;
        ASSERT_TRUE(cursor.peek(UINT64_MAX, again)); // peek moves nothing
        ASSERT_EQ(again.local, p.local);
        ASSERT_GE(again.length, p.length);
        ASSERT_EQ(p.entry, expected[at].entry);
        for (uint64_t b = 0; b < p.length; ++b) {
            ASSERT_LT(at + b, expected.size());
            const byte_move& e = expected[at + b];
            ASSERT_EQ(reinterpret_cast<uint64_t>(p.local) + b, e.local) << "byte " << at + b;
            ASSERT_EQ(p.remote + b, e.remote) << "byte " << at + b;
            ASSERT_EQ(p.local_memory, e.from); // never across a registration
            ASSERT_EQ(p.remote_memory, e.to);
        }
        const uint64_t n = 1 + random() % p.length;
        cursor.advance(n);
        at += n;
        ASSERT_EQ(cursor.remaining(), expected.size() - at);
    }
    EXPECT_EQ(at, expected.size());
    EXPECT_TRUE(cursor.done());

    // Unlimited, the runs are maximal: the byte behind each run does not continue it on both sides.
    cursor = s.cursor();
    at = 0;
    while (cursor.peek(UINT64_MAX, p)) {
        at += p.length;
        cursor.advance(p.length);
        if (at == expected.size())
            break;
        const byte_move& last = expected[at - 1];
        const byte_move& next = expected[at];
        EXPECT_FALSE(next.local == last.local + 1 && next.remote == last.remote + 1 && next.from == last.from &&
                     next.to == last.to)
            << "a run ended although the next byte continues it";
    }
}

// Compares the bytes of a run with the reference from byte `at` on.
void expect_bytes(const piece& p, const std::vector<byte_move>& expected, std::size_t at) {
    ASSERT_LE(at + p.length, expected.size());
    ASSERT_EQ(p.entry, expected[at].entry);
    for (uint64_t b = 0; b < p.length; ++b) {
        const byte_move& e = expected[at + b];
        ASSERT_EQ(reinterpret_cast<uint64_t>(p.local) + b, e.local) << "byte " << at + b;
        ASSERT_EQ(p.remote + b, e.remote) << "byte " << at + b;
        ASSERT_EQ(p.local_memory, e.from);
        ASSERT_EQ(p.remote_memory, e.to);
    }
}

bool continues(const byte_move& last, const byte_move& next) {
    return next.local == last.local + 1 && next.remote == last.remote + 1 && next.from == last.from &&
           next.to == last.to;
}

// Walks in batches of random limits, now and then with a peek and a partial advance in between, and compares every
// byte.
void check_batches(const scenario& s, std::mt19937& random) {
    const std::vector<byte_move> expected = reference(s);
    const uint64_t longest = std::ranges::max_element(s.local.regions, {}, &list_region::length)->length;
    piece_cursor cursor = s.cursor();
    std::vector<piece> out;
    std::size_t at = 0;
    bool cut = false; // the cursor may stand within a piece
    while (!cursor.done()) {
        if (random() % 4 == 0) {
            piece p;
            ASSERT_TRUE(cursor.peek(1 + random() % 700, p));
            const uint64_t n = 1 + random() % p.length;
            cursor.advance(n);
            at += n;
            cut = true;
            continue;
        }
        out.assign(1 + random() % 12, {});
        const uint64_t max_run = 1 + random() % (random() % 2 == 0 ? 700 : 20'000);
        const uint64_t max_total = random() % 2 == 0 ? UINT64_MAX : 1 + random() % 3000;
        const std::size_t n = cursor.next_batch(out, max_run, max_total);
        ASSERT_GT(n, 0u);
        ASSERT_LE(n, out.size());
        uint64_t total = 0;
        for (std::size_t i = 0; i < n; ++i) {
            ASSERT_GT(out[i].length, 0u);
            ASSERT_LE(out[i].length, max_run);
            ASSERT_NO_FATAL_FAILURE(expect_bytes(out[i], expected, at + total));
            total += out[i].length;
            if (at + total == expected.size() || i + 1 == n)
                continue;
            // Within a batch a run ends where nothing continues it, or where the limit is: then less than a piece is
            // missing to it.
            if (continues(expected[at + total - 1], expected[at + total])) {
                EXPECT_GT(out[i].length + longest, max_run);
            }
        }
        ASSERT_LE(total, max_total);
        // The batch ends with its room, with the limit of bytes (less than a piece missing), or with all bytes.
        if (n < out.size() && at + total < expected.size()) {
            EXPECT_GT(total + longest, max_total);
        }
        if (!cut && s.local_ids.size() > 1 && longest <= max_run && longest <= max_total &&
            at + total < expected.size()) {
            EXPECT_TRUE(expected[at + total].entry != expected[at + total - 1].entry ||
                        expected[at + total].from != expected[at + total - 1].from ||
                        expected[at + total].local != expected[at + total - 1].local + 1)
                << "a piece was cut that is shorter than the limits";
        }
        cut = cut || longest > max_run || longest > max_total;
        at += total;
        ASSERT_EQ(cursor.remaining(), expected.size() - at);
    }
    EXPECT_EQ(at, expected.size());
    EXPECT_EQ(cursor.next_batch(out, 1), 0u);
}

void make_random(scenario& s, std::mt19937& random) {
    const bool flat = random() % 2 == 0;
    const bool uniform = random() % 2 == 0;
    const uint64_t regions = 1 + random() % 5;
    const uint64_t blocks = random() % 8 == 0 ? 1 : 1 + random() % 40;
    const bool same_counts = random() % 2 == 0;
    uint64_t local_base = 0x1000'0000;
    uint64_t remote_base = 0x7000'0000'0000;
    const uint64_t common = 1 + random() % 300;
    for (uint64_t r = 0; r < regions; ++r) {
        const uint64_t length = uniform ? common : 1 + random() % 300;
        const uint64_t count = flat && !same_counts ? 1 + random() % 40 : blocks;
        const uint64_t local_stride = length + (random() % 2 == 0 ? 0 : random() % 64);
        const uint64_t remote_stride = length + (random() % 2 == 0 ? 0 : random() % 64);
        s.add(local_base, remote_base, length, count, local_stride, remote_stride, random() % 2 == 0);
        for (list_region* region : {&s.local.regions.back(), &s.remote.regions.back()}) {
            if (random() % 3 != 0 || count % 2 != 0)
                continue;
            region->units = 2; // units of a block, sometimes next to each other
            region->unit_stride = length + (random() % 2 == 0 ? 0 : 32);
            region->stride = 2 * region->unit_stride + (random() % 2 == 0 ? 0 : 16);
        }
        // Often the next region follows without a gap, so that runs could continue across regions.
        local_base += count * local_stride + (random() % 2 == 0 ? 0 : 4096);
        remote_base += count * remote_stride + (random() % 2 == 0 ? 0 : 4096);
    }
    s.finish(flat ? NIXL_LIST_FLAT : NIXL_LIST_BLOCK);
    const uint64_t n = 1 + random() % 50;
    uint32_t local_id = 0, remote_id = 0;
    for (uint64_t i = 0; i < n; ++i) {
        if (random() % 3 == 0) { // else the neighbours
            local_id = static_cast<uint32_t>(random());
            remote_id = static_cast<uint32_t>(random());
        }
        local_id = local_id % static_cast<uint32_t>(s.local.entries);
        remote_id = remote_id % static_cast<uint32_t>(s.remote.entries);
        if (flat && s.local.region_of(local_id).length != s.remote.region_of(remote_id).length)
            remote_id = local_id; // both sides have the same regions
        s.local_ids.push_back(local_id++);
        s.remote_ids.push_back(remote_id++);
    }
}

TEST(piece_cursor, agrees_with_the_naive_reference) {
    for (unsigned seed = 0; seed < 400; ++seed) {
        std::mt19937 random(seed);
        scenario s;
        make_random(s, random);
        SCOPED_TRACE("seed " + std::to_string(seed));
        ASSERT_NO_FATAL_FAILURE(check(s, random));
        ASSERT_NO_FATAL_FAILURE(check_batches(s, random));
    }
}

TEST(piece_cursor, a_batch_merges_across_its_own_regions_and_stops_at_its_room) {
    scenario s;
    s.add(0x10000, 0x90000, 16, 4, 16, 16, true);
    s.add(0x10040, 0x90040, 16, 4, 16, 16, false); // directly behind, in the same registration
    s.finish(NIXL_LIST_BLOCK);
    s.local_ids = s.remote_ids = {3, 0, 2};
    std::vector<piece> out(2);
    piece_cursor c = s.cursor();
    ASSERT_EQ(c.next_batch(out, UINT64_MAX), 2u); // 3 | 0 …
    EXPECT_EQ(out[1].length, 16u);
    ASSERT_EQ(c.next_batch(out, UINT64_MAX), 2u); // 2 | 3, which ends the second region
    EXPECT_EQ(out[0].remote, 0x90020u);
    EXPECT_EQ(out[1].remote, 0x90070u);
    ASSERT_EQ(c.next_batch(out, UINT64_MAX), 2u);
    EXPECT_TRUE(c.done());

    s.local_ids = s.remote_ids = {0, 1, 2, 3};
    c = s.cursor();
    ASSERT_EQ(c.next_batch(out, UINT64_MAX), 1u);
    EXPECT_EQ(out[0].length, 128u);
}

TEST(piece_cursor, merges_neighbours_only_while_both_sides_continue) {
    scenario s;
    s.add(0x10000, 0x90000, 16, 100, 16, 16, true);
    s.finish(NIXL_LIST_BLOCK);
    s.local_ids = {1, 2, 3, 5, 6, 7};
    s.remote_ids = {10, 11, 12, 13, 14, 20};
    piece_cursor c = s.cursor();
    std::vector<uint64_t> runs;
    for (piece p; c.peek(UINT64_MAX, p); c.advance(p.length))
        runs.push_back(p.length / 16);
    EXPECT_EQ(runs, (std::vector<uint64_t>{3, 2, 1}));
}

TEST(piece_cursor, does_not_merge_across_adjacent_registrations) {
    scenario s;
    s.add(0x10000, 0x90000, 64, 4, 64, 64, true);
    s.add(0x10100, 0x90100, 64, 4, 64, 64, true); // directly behind, but registered by itself
    s.finish(NIXL_LIST_FLAT);
    s.local_ids = {2, 3, 4, 5};
    s.remote_ids = {2, 3, 4, 5};
    piece_cursor c = s.cursor();
    piece p;
    ASSERT_TRUE(c.peek(UINT64_MAX, p));
    EXPECT_EQ(p.length, 128u);
    c.advance(p.length);
    ASSERT_TRUE(c.peek(UINT64_MAX, p));
    EXPECT_EQ(p.length, 128u);
    EXPECT_EQ(p.entry, 2u);
}

TEST(piece_cursor, gaps_on_one_side_prevent_merging) {
    scenario s;
    s.add(0x10000, 0x90000, 32, 8, 32, 48, true);
    s.finish(NIXL_LIST_BLOCK);
    s.local_ids = {0, 1, 2};
    s.remote_ids = {0, 1, 2};
    piece_cursor c = s.cursor();
    unsigned runs = 0;
    for (piece p; c.peek(UINT64_MAX, p); c.advance(p.length))
        ++runs;
    EXPECT_EQ(runs, 3u);
}

TEST(piece_cursor, addresses_above_four_gib_do_not_wrap) {
    scenario s;
    constexpr uint64_t stride = 3ull << 30;
    s.add(1ull << 40, 1ull << 44, 4096, 100, stride, stride, true);
    s.finish(NIXL_LIST_BLOCK);
    s.local_ids = {99};
    s.remote_ids = {98};
    piece p;
    ASSERT_TRUE(s.cursor().peek(UINT64_MAX, p));
    EXPECT_EQ(reinterpret_cast<uint64_t>(p.local), (1ull << 40) + 99 * stride);
    EXPECT_EQ(p.remote, (1ull << 44) + 98 * stride);
}

TEST(piece_cursor, an_empty_one_is_done) {
    const piece_cursor c;
    piece p;
    EXPECT_TRUE(c.done());
    EXPECT_FALSE(c.peek(1, p));
}

} // namespace
} // namespace nixl
