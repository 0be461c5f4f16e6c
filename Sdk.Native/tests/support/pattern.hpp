// Bytes that say where they belong, and poison for where nothing has been written yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nixl::test {

inline constexpr std::byte poison{0xA5};

// The byte at `index` of a buffer filled with `seed`: differs between neighbours, blocks and seeds; never poison.
inline uint64_t pattern_word(uint64_t seed, uint64_t word) noexcept {
    uint64_t x = (seed + 1) * 0x9E3779B97F4A7C15u ^ (word + 1) * 0xBF58476D1CE4E5B9u;
    x ^= x >> 29;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 32;
}
inline std::byte pattern_byte(uint64_t word, uint64_t index) noexcept {
    const auto value = static_cast<std::byte>(word >> (8 * (index % 8)));
    return value == poison ? std::byte{0x5A} : value;
}
inline std::byte pattern_at(uint64_t seed, uint64_t index) noexcept {
    return pattern_byte(pattern_word(seed, index / 8), index);
}

inline void fill_pattern(std::span<std::byte> out, uint64_t seed, uint64_t first_index = 0) noexcept {
    for (uint64_t i = 0; i < out.size();) {
        const uint64_t word = pattern_word(seed, (first_index + i) / 8);
        do
            out[i] = pattern_byte(word, first_index + i);
        while (++i < out.size() && (first_index + i) % 8 != 0);
    }
}

inline void fill_poison(std::span<std::byte> out) noexcept {
    std::memset(out.data(), static_cast<int>(poison), out.size());
}

inline constexpr uint64_t all_match = UINT64_MAX;

// Index of the first byte that is not the pattern's, or all_match.
inline uint64_t first_difference(std::span<const std::byte> bytes, uint64_t seed, uint64_t first_index = 0) noexcept {
    for (uint64_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != pattern_at(seed, first_index + i))
            return i;
    return all_match;
}

inline uint64_t first_not_poison(std::span<const std::byte> bytes) noexcept {
    for (uint64_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] != poison)
            return i;
    return all_match;
}

} // namespace nixl::test
