// The table of a packed slot: which bytes of the slot go where. It is a remote write primitive, so it is read as what a
// hostile peer may have written: decode() works on a private copy, never reads behind it and allocates nothing.
//
//   slot: [payload: the bytes of all runs, one after the other][table]
//   table: magic u32, version u16, regions u16, runs u32, payload u32, sequence u64, then regions x key u64,
//          then runs x {address u64, length u32, region u32}; little-endian
//
// Whether an address may be written is not decided here: the receiver checks each run against its own registrations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nixl::fabric::packing {

inline constexpr uint32_t header_magic = 0x4b50584e; // "NXPK"
inline constexpr uint16_t header_version = 1;
inline constexpr uint32_t max_runs = 2048;
inline constexpr uint32_t max_regions = 64;
inline constexpr size_t header_bytes = 24;
inline constexpr size_t run_bytes = 16;
inline constexpr size_t key_bytes = 8;
inline constexpr size_t max_table_bytes = header_bytes + max_regions * key_bytes + max_runs * run_bytes;

struct run {
    uint64_t address = 0; // the target's virtual address
    uint32_t length = 0;
    uint32_t region = 0; // which of the table's keys
};

constexpr size_t table_bytes(uint32_t regions, uint32_t runs) noexcept {
    return header_bytes + regions * key_bytes + runs * run_bytes;
}

// A decoded table: a view of the bytes that were decoded.
class table {
  public:
    uint32_t regions() const noexcept { return regions_; }
    uint32_t runs() const noexcept { return runs_; }
    uint32_t payload() const noexcept { return payload_; }
    uint64_t sequence() const noexcept { return sequence_; }
    uint64_t key(uint32_t region) const noexcept;
    run at(uint32_t index) const noexcept;

  private:
    friend const char* decode(std::span<const uint8_t> bytes, uint32_t payload, table& out) noexcept;
    const uint8_t* keys_ = nullptr;
    const uint8_t* run_table_ = nullptr;
    uint32_t regions_ = 0;
    uint32_t runs_ = 0;
    uint32_t payload_ = 0;
    uint64_t sequence_ = 0;
};

// nullptr, or a static text that says what is wrong. `payload`: bytes in front of the table; the runs' lengths add up
// to exactly that, none is empty and each names one of the table's regions.
const char* decode(std::span<const uint8_t> bytes, uint32_t payload, table& out) noexcept;

// Collects runs while a slot is being filled. Fixed memory.
class table_writer {
  public:
    void clear() noexcept { regions_ = runs_ = payload_ = 0; }
    // False: the table is full; nothing was added.
    bool add(uint64_t key, uint64_t address, uint32_t length) noexcept;
    uint32_t runs() const noexcept { return runs_; }
    uint32_t payload() const noexcept { return payload_; }
    const run& at(uint32_t index) const noexcept { return run_table_[index]; }
    size_t bytes() const noexcept { return table_bytes(regions_, runs_); }
    // Writes bytes() bytes.
    void write(std::byte* to, uint64_t sequence) const noexcept;

  private:
    uint64_t keys_[max_regions] = {};
    run run_table_[max_runs] = {};
    uint32_t regions_ = 0;
    uint32_t runs_ = 0;
    uint32_t payload_ = 0;
};

} // namespace nixl::fabric::packing
