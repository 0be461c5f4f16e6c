// What the fabric transport puts into metadata and into the control connection's transport-specific bytes. Plain
// functions over bytes: little-endian, versioned, every field checked, nothing allocated beyond the input's size.
#pragma once

#include "core/arrival_tag.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nixl::fabric {

// In the agent's metadata: where the control listener is and how memory behind it is addressed.
struct advertised_address {
    std::string provider; // both sides must use the same one
    std::string host;     // a numeric IP address, never a wildcard
    uint16_t port = 0;
    bool virtual_addresses = false; // of its memory: the target's own addresses, else offsets from a region's start
    uint32_t rails = 1;             // domains that it uses at once, 1 … max_rails
};

// In the agent's metadata, per region. One key for all rails, or one for each.
struct advertised_key {
    std::vector<uint64_t> keys;
    uint64_t base = 0; // virtual address of the registration's first byte: offset 0

    // What names the region in REVOKE, whatever the rail.
    uint64_t name() const noexcept { return keys.front(); }
    uint64_t of_rail(uint32_t rail) const noexcept { return keys[rail % keys.size()]; }
};

// In HELLO and WELCOME: the sender's endpoints for this connection, as its provider names them; one for each rail.
struct endpoint_names {
    std::string provider;
    std::vector<std::string> addresses; // 1 … max_rails
    // WELCOME: the encoded key of a page that means nothing, which the initiator may write to so that the provider
    // connects before the first transfer. May be empty.
    std::string scratch = {};
};

// EXTENSION messages.
enum class extension_kind : uint32_t {
    revoke = 1,  // target: use this key no more; answer when nothing of yours is in flight to it
    revoked = 2, // initiator: nothing is, and nothing will be
};

void encode(std::string& out, const advertised_address& m);
void encode(std::string& out, const advertised_key& m);
void encode(std::string& out, const endpoint_names& m);
std::string encode_key(uint64_t key); // body of both extensions

// nullptr, or a static text that says what is wrong.
using wire_error = const char*;
wire_error decode(std::string_view bytes, advertised_address& m);
wire_error decode(std::string_view bytes, advertised_key& m);
wire_error decode(std::string_view bytes, endpoint_names& m);
wire_error decode_key(std::string_view bytes, uint64_t& key);

} // namespace nixl::fabric
