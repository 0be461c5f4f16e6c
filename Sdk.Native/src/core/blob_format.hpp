// Constants of the metadata's byte form; see blob.hpp for the form itself.
//
//   header   magic u32 "NXB1", version u16, reserved u16, total length u64 (with header and checksum)
//   sections type u16, flags u16, length u32, then:
//     identity  name, incarnation u64, boot id, pid u64, process nonce u64, pid namespace u64, uid u32, token 16 bytes
//     address   transport u32, bytes (at most 1 KiB)
//     region    id u64, base u64, length u64, device u64, kind u32, then keys {transport u8, length u8,
//     bytes}
//   checksum u64 over all before it
// Texts are {length u16, bytes}. A section may be longer than this version knows; the rest is ignored.
#pragma once

#include "core/blob.hpp"

#include <cstdint>
#include <span>

namespace nixl {

inline constexpr uint32_t blob_magic = 0x3142'584E; // "NXB1"
inline constexpr uint16_t blob_version = 1;
inline constexpr uint16_t blob_critical = 1; // flag: a reader that does not know the section must refuse the blob
inline constexpr uint64_t blob_largest = 256u << 20;

enum class blob_section : uint16_t { identity = 1, address = 2, region = 3 };

// FNV-1a: finds accidents, not attackers.
inline uint64_t blob_checksum(std::span<const uint8_t> bytes) noexcept {
    uint64_t hash = 0xcbf2'9ce4'8422'2325u;
    for (const uint8_t b : bytes)
        hash = (hash ^ b) * 0x0000'0100'0000'01b3u;
    return hash;
}

} // namespace nixl
