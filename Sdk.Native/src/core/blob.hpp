// The agent's metadata as bytes: identity, transport addresses, regions and keys.
//
// Little-endian; magic, version, total length, then sections {type u16, flags u16, length u32, bytes}; a 64-bit
// checksum ends it. Unknown sections are skipped unless marked critical, so the form can grow. Decoding untrusted bytes
// allocates at most a small multiple of their number and answers NIXL_ERR_MISMATCH for anything it does not understand.
// The checksum finds accidents, not attackers: authenticity is the business of the envelope around this blob.
#pragma once

#include "core/failure.hpp"
#include "core/identity.hpp"
#include "core/memory.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace nixl {

// Decoded metadata of a peer. Immutable but for what remote_region says about itself.
struct peer_metadata {
    std::string name;
    uint64_t incarnation = 0;
    process_identity process;
    std::array<uint8_t, 16> access_token{};              // to be presented in HELLO
    std::array<std::string, transport_count> addresses;  // what export_address wrote; empty: transport not offered
    std::vector<std::shared_ptr<remote_region>> regions; // in region_order
    uint64_t longest_region = 0;

    const std::string& address(nixl_transport_t k) const noexcept { return addresses[transport_index(k)]; }
};

// By kind, device and base.
inline bool region_order(const remote_region& a, const remote_region& b) noexcept {
    return std::tie(a.kind, a.device, a.base) < std::tie(b.kind, b.device, b.base);
}

// What encode_metadata needs to know of a region.
struct region_export {
    uint64_t id = 0;
    uint64_t base = 0;
    uint64_t length = 0;
    uint64_t device = 0;
    nixl_memory_kind_t kind = NIXL_MEMORY_DRAM;
    std::array<std::string, transport_count> keys;
};

struct metadata_export {
    std::string name;
    uint64_t incarnation = 0;
    process_identity process;
    std::array<uint8_t, 16> access_token{};
    std::array<std::string, transport_count> addresses;
    std::vector<region_export> regions;
};

void encode_metadata(const metadata_export& from, std::string& out);
failure decode_metadata(std::span<const uint8_t> bytes, peer_metadata& out) noexcept;

bool valid_agent_name(std::string_view name) noexcept; // [A-Za-z0-9._-]{1,128}

} // namespace nixl
