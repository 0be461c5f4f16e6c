#include "core/id_checks.hpp"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstring>

namespace nixl {

namespace {

constexpr uint64_t largest_byte_map = 1 << 20;

failure no_memory() noexcept {
    return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory to check the ids");
}

failure duplicate(const uint32_t* ids, uint64_t index) noexcept {
    return fail(NIXL_ERR_INVALID_PARAM,
                "destination id %u appears twice, the second time at position %" PRIu64
                "; two sources for one destination leave its contents undefined",
                ids[index], index)
        .at(index, 0, 0);
}

bool none_reaches(const uint32_t* ids, uint64_t count, uint64_t entries) noexcept {
    if (entries == 0 || entries > uint64_t{1} << 31)
        return std::all_of(ids, ids + count, [=](uint32_t id) { return id < entries; });
    // Without a comparison of unsigned numbers, which the oldest x86-64 vectors do not have: below 2^31 the sign of the
    // difference tells, and what is not below has its own sign bit set.
    const auto last = static_cast<uint32_t>(entries - 1);
    uint32_t signs = 0;
    for (uint64_t i = 0; i < count; ++i)
        signs |= (last - ids[i]) | ids[i];
    return signs >> 31 == 0;
}

bool strictly_increasing(const uint32_t* ids, uint64_t count) noexcept {
    constexpr uint64_t stretch = 256; // looked at without a branch
    for (uint64_t first = 1; first < count; first += stretch) {
        bool increasing = true;
        for (uint64_t i = first; i < std::min(first + stretch, count); ++i)
            increasing &= ids[i - 1] < ids[i];
        if (!increasing)
            return false;
    }
    return true;
}

// One byte per entry of the list: the fastest while all of it stays in a processor's nearest caches. No branch in the
// loop; where a duplicate is, is looked for only if there is one.
failure distinct_by_bytes(const uint32_t* ids, uint64_t count, uint8_t* seen, uint64_t entries) noexcept {
    uint8_t twice = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const uint32_t id = ids[i];
        twice |= seen[id];
        seen[id] = 1;
    }
    if (twice == 0)
        return failure::success();
    std::memset(seen, 0, entries);
    uint64_t at = 0;
    while (seen[ids[at]] == 0)
        seen[ids[at++]] = 1;
    return duplicate(ids, at);
}

// One bit per entry of the list.
failure distinct_by_bitmap(const uint32_t* ids, uint64_t count, uint64_t* bits) noexcept {
    for (uint64_t i = 0; i < count; ++i) {
        uint64_t& word = bits[ids[i] / 64];
        const uint64_t bit = uint64_t{1} << (ids[i] % 64);
        if ((word & bit) != 0)
            return duplicate(ids, i);
        word |= bit;
    }
    return failure::success();
}

// Open addressing over id + 1; `slots` is a power of two above twice the count.
failure distinct_by_hash(const uint32_t* ids, uint64_t count, uint64_t* table, uint64_t slots) noexcept {
    for (uint64_t i = 0; i < count; ++i) {
        const uint64_t value = uint64_t{ids[i]} + 1;
        uint64_t at = (value * 0x9E37'79B9'7F4A'7C15u >> 20) & (slots - 1);
        while (table[at] != 0 && table[at] != value)
            at = (at + 1) & (slots - 1);
        if (table[at] == value)
            return duplicate(ids, i);
        table[at] = value;
    }
    return failure::success();
}

} // namespace

failure check_ids_in_range(const uint32_t* ids, uint64_t count, uint64_t entries, const char* side) noexcept {
    if (none_reaches(ids, count, entries))
        return failure::success();
    const uint64_t at =
        static_cast<uint64_t>(std::find_if(ids, ids + count, [&](uint32_t id) { return id >= entries; }) - ids);
    return fail(NIXL_ERR_INVALID_PARAM,
                "%s id %u at position %" PRIu64 " is out of range; the list has %" PRIu64 " entries", side, ids[at], at,
                entries)
        .at(at, 0, 0);
}

failure check_ids_distinct(const uint32_t* ids, uint64_t count, uint64_t entries, buffer_pool& scratch) noexcept {
    if (strictly_increasing(ids, count))
        return failure::success();
    if (count <= 16) {
        for (uint64_t i = 1; i < count; ++i)
            if (std::find(ids, ids + i, ids[i]) != ids + i)
                return duplicate(ids, i);
        return failure::success();
    }
    if (entries <= largest_byte_map && entries <= count * 16) {
        buffer_pool::buffer bytes;
        if (!scratch.acquire(entries, bytes))
            return no_memory();
        auto* seen = reinterpret_cast<uint8_t*>(bytes.data());
        std::memset(seen, 0, entries);
        return distinct_by_bytes(ids, count, seen, entries);
    }
    const uint64_t words = (std::min<uint64_t>(entries, uint64_t{1} << 32) + 63) / 64;
    const uint64_t slots = std::bit_ceil(count * 2 + 1);
    const bool bitmap = words <= slots;
    const uint64_t bytes = (bitmap ? words : slots) * sizeof(uint64_t);
    buffer_pool::buffer buffer;
    if (!scratch.acquire(bytes, buffer))
        return no_memory();
    std::memset(buffer.data(), 0, bytes);
    auto* table = reinterpret_cast<uint64_t*>(buffer.data());
    return bitmap ? distinct_by_bitmap(ids, count, table) : distinct_by_hash(ids, count, table, slots);
}

} // namespace nixl
