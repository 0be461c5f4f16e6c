// Two buffers with the same pieces at different places, and what the destination must look like afterwards, worked out
// byte by byte without any of the library's own arithmetic.
#pragma once

#include "support/pattern.hpp"
#include "support/test_agent.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

namespace nixl::test {

struct piece_shape {
    uint64_t length;
    uint64_t gap; // unused bytes behind each piece
};

// Regions of `blocks` pieces each, one after the other.
class scattered {
  public:
    scattered(std::vector<piece_shape> shapes, uint64_t blocks) : shapes_(std::move(shapes)), blocks_(blocks) {}

    uint64_t offset(size_t region, uint64_t block) const {
        uint64_t at = 0;
        for (size_t r = 0; r < region; ++r)
            at += blocks_ * (shapes_[r].length + shapes_[r].gap);
        return at + block * (shapes_[region].length + shapes_[region].gap);
    }
    uint64_t length(size_t region) const { return shapes_[region].length; }
    uint64_t bytes() const {
        return offset(shapes_.size() - 1, blocks_ - 1) + shapes_.back().length + shapes_.back().gap;
    }
    size_t regions() const { return shapes_.size(); }
    uint64_t blocks() const { return blocks_; }
    uint64_t bytes_per_block() const {
        uint64_t sum = 0;
        for (const piece_shape& s : shapes_)
            sum += s.length;
        return sum;
    }

    std::vector<nixl_strided_region_t> strided_at(uint64_t base) const {
        std::vector<nixl_strided_region_t> all;
        for (size_t r = 0; r < shapes_.size(); ++r)
            all.push_back(strided(reinterpret_cast<const void*>(base + offset(r, 0)),
                                  shapes_[r].length + shapes_[r].gap, shapes_[r].length, blocks_));
        return all;
    }

  private:
    std::vector<piece_shape> shapes_;
    uint64_t blocks_;
};

// What `to` must be after the blocks from[i] -> to[i] were moved into it.
inline void move_naively(const scattered& from_layout, std::span<const std::byte> from, const scattered& to_layout,
                         std::span<std::byte> to, std::span<const uint32_t> from_ids,
                         std::span<const uint32_t> to_ids) {
    for (size_t i = 0; i < from_ids.size(); ++i)
        for (size_t r = 0; r < from_layout.regions(); ++r)
            for (uint64_t k = 0; k < from_layout.length(r); ++k)
                to[to_layout.offset(r, to_ids[i]) + k] = from[from_layout.offset(r, from_ids[i]) + k];
}

inline std::vector<uint32_t> shuffled_ids(uint64_t all, uint64_t take, uint64_t seed) {
    std::vector<uint32_t> ids(all);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937_64(seed));
    ids.resize(take);
    return ids;
}

// Index of the first byte that differs, or all_match.
inline uint64_t first_mismatch(std::span<const std::byte> got, std::span<const std::byte> expected) {
    if (got.size() != expected.size())
        return 0;
    const auto at = std::mismatch(got.begin(), got.end(), expected.begin());
    return at.first == got.end() ? all_match : static_cast<uint64_t>(at.first - got.begin());
}

inline std::span<const uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

} // namespace nixl::test
