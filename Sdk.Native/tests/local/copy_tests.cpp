// Every copy routine against memmove: all alignments, lengths around every threshold, every byte, and nothing beside.
#include "transports/local/copy.hpp"
#include "transports/local/stream_lines.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace nixl::local {
namespace {

constexpr std::byte poison{0xa5};

// 64-byte aligned, with room for poison around what is written.
struct buffer {
    explicit buffer(std::size_t bytes) : all(bytes + 64), at(all.data()) {
        while (reinterpret_cast<std::uint64_t>(at) % 64 != 0)
            ++at;
    }
    std::vector<std::byte> all;
    std::byte* at;
};

void fill_random(std::vector<std::byte>& bytes, unsigned seed) {
    std::mt19937 random(seed);
    for (std::byte& b : bytes)
        b = static_cast<std::byte>(random());
}

TEST(copy, every_stream_routine_copies_whole_lines_from_any_alignment_and_nothing_else) {
    const auto all = all_stream_routines();
#if defined(__x86_64__)
    ASSERT_EQ(3u, all.count);
    ASSERT_TRUE(all.first[0].usable); // SSE2 is part of the architecture
#endif
    buffer source(9000);
    buffer next(9000);
    fill_random(source.all, 1);
    for (std::size_t i = 0; i < all.count; ++i) {
        if (!all.first[i].usable)
            continue;
        for (const std::size_t lines : {0u, 1u, 2u, 3u, 7u, 64u, 65u})
            for (std::size_t align = 0; align < 64; ++align)
                for (const bool fetch : {false, true}) {
                    buffer target(lines * 64 + 256);
                    std::fill(target.all.begin(), target.all.end(), poison);
                    std::byte* const to = target.at + 64;
                    all.first[i].copy(to, source.at + align, lines, fetch ? next.at + align : nullptr);
                    stream_fence();
                    ASSERT_EQ(0, std::memcmp(to, source.at + align, lines * 64))
                        << all.first[i].name << " " << lines << " " << align;
                    for (const std::byte* b = target.all.data(); b < to; ++b)
                        ASSERT_EQ(poison, *b) << all.first[i].name;
                    for (const std::byte* b = to + lines * 64; b < target.all.data() + target.all.size(); ++b)
                        ASSERT_EQ(poison, *b) << all.first[i].name;
                }
    }
}

class copy_ways : public ::testing::TestWithParam<copy_way> {};

// Heads, tails, the shortest streamed piece (256), whole lines, pages, and more than one look-ahead.
TEST_P(copy_ways, one_piece_equals_memmove_for_all_alignments_and_lengths) {
    std::vector<std::size_t> lengths{1, 2, 3, 31, 63, 64, 65, 127, 128, 129, 191, 192, 193, 319, 320, 321, 383, 1000};
    for (std::size_t n = 250; n <= 262; ++n)
        lengths.push_back(n);
    buffer source(20000);
    fill_random(source.all, 2);
    const auto check = [&](std::size_t length, std::size_t to_align, std::size_t from_align, buffer& target) {
        std::byte* const begin = target.at;
        const std::size_t around = to_align + length + 64;
        std::fill_n(begin, around, poison);
        const copy_piece p{begin + to_align, source.at + from_align, length};
        copy_pieces({&p, 1}, GetParam());
        ASSERT_EQ(0, std::memcmp(p.to, p.from, length)) << length << " " << to_align << " " << from_align;
        ASSERT_TRUE(std::all_of(begin, p.to, [](std::byte b) { return b == poison; })) << length << " " << to_align;
        ASSERT_TRUE(std::all_of(p.to + length, begin + around, [](std::byte b) { return b == poison; }))
            << length << " " << to_align;
    };
    buffer target(20000);
    for (const std::size_t length : lengths)
        for (std::size_t to_align = 0; to_align < 64; ++to_align)
            for (std::size_t from_align = 0; from_align < 64; ++from_align)
                ASSERT_NO_FATAL_FAILURE(check(length, to_align, from_align, target));
    for (const std::size_t length : {4095u, 4096u, 4097u, 8191u, 8192u, 8193u, 12345u})
        for (std::size_t align = 0; align < 64; ++align) {
            ASSERT_NO_FATAL_FAILURE(check(length, align, 0, target));
            ASSERT_NO_FATAL_FAILURE(check(length, align, (align * 7 + 13) % 64, target));
        }
}

TEST_P(copy_ways, overlapping_pieces_equal_memmove) {
    buffer memory(20000);
    std::vector<std::byte> before(20000);
    for (const std::size_t length : {1u, 255u, 256u, 300u, 4096u, 5001u})
        for (const int distance : {-4097, -300, -64, -63, -1, 0, 1, 63, 64, 300, 4097}) {
            fill_random(memory.all, static_cast<unsigned>(length) + static_cast<unsigned>(distance + 5000));
            std::copy_n(memory.at, before.size(), before.begin());
            std::memmove(before.data() + 4200 + distance, before.data() + 4200, length);
            const copy_piece p{memory.at + 4200 + distance, memory.at + 4200, length};
            copy_pieces({&p, 1}, GetParam());
            ASSERT_EQ(0, std::memcmp(memory.at, before.data(), before.size())) << length << " " << distance;
        }
}

TEST_P(copy_ways, many_pieces_of_mixed_lengths_land_where_they_belong) {
    for (unsigned seed = 0; seed < 30; ++seed) {
        std::mt19937 random(seed);
        buffer source(400'000);
        buffer target(400'000);
        fill_random(source.all, seed + 100);
        std::fill(target.all.begin(), target.all.end(), poison);
        std::vector<std::byte> expected(target.all.size(), poison);
        const std::size_t skip = static_cast<std::size_t>(target.at - target.all.data());
        // Places one behind the other in the target with gaps, taken in random order.
        std::vector<copy_piece> pieces;
        for (std::size_t at = random() % 70; at < 380'000;) {
            const std::size_t choice = random() % 4;
            const std::size_t length = 1 + random() % (choice == 0   ? 100u
                                                       : choice == 1 ? 600u
                                                       : choice == 2 ? 4200u
                                                                     : 17000u);
            pieces.push_back({target.at + at, source.at + random() % (390'000 - length), length});
            at += length + random() % 3 * (random() % 100);
        }
        std::shuffle(pieces.begin(), pieces.end(), random);
        std::erase_if(pieces, [&](const copy_piece& p) { return p.to + p.length > target.at + 399'000; });
        for (const copy_piece& p : pieces)
            std::memcpy(expected.data() + skip + (p.to - target.at), p.from, p.length);
        copy_pieces(pieces, GetParam());
        ASSERT_TRUE(expected == target.all) << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(local, copy_ways, ::testing::Values(copy_way::cached, copy_way::streaming),
                         [](const auto& test) { return test.param == copy_way::cached ? "cached" : "streaming"; });

TEST(copy, little_goes_through_the_cache_and_much_does_not) {
    EXPECT_EQ(copy_way::cached, way_for(1));
    EXPECT_EQ(copy_way::cached, way_for(streaming_from - 1));
    EXPECT_EQ(copy_way::streaming, way_for(streaming_from));
}

} // namespace
} // namespace nixl::local
