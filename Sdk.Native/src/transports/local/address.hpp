// What the local transport puts into metadata and handshakes. Encoded little-endian, decoded with bounds.
#pragma once

#include "transports/local/foreign.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace nixl::local {

// export_address: where the agent listens.
struct local_address {
    std::string socket;              // abstract Unix socket name
    std::uint64_t net_namespace = 0; // inode: abstract names exist per network name space
};
std::string encode(const local_address& a);
bool decode(std::string_view bytes, local_address& a);

// export_region: where a region lies for this transport.
struct region_key {
    std::uint32_t slot = 0; // of the control page
    std::uint32_t generation = 0;
    std::uint64_t arena = 0;  // arena::key(); 0: not in an arena
    std::uint64_t offset = 0; // in the arena
};
std::string encode(const region_key& k);
bool decode(std::string_view bytes, region_key& k);

// WELCOME's transport bytes. The control page's descriptor rides along.
struct welcome_bytes {
    std::uint64_t nonce_address = 0; // in the target's memory
    local::nonce nonce{};
};
std::string encode(const welcome_bytes& w);
bool decode(std::string_view bytes, welcome_bytes& w);

// EXTENSION, target to initiator: the last region of the arena has been deregistered; unmap it.
struct arena_gone_bytes {
    static constexpr std::uint32_t kind = 1;
    std::uint64_t arena = 0;
};
std::string encode(const arena_gone_bytes& g);
bool decode(std::string_view bytes, arena_gone_bytes& g);

// Inode of this process's network name space; 0 if it cannot be read.
std::uint64_t net_namespace() noexcept;

} // namespace nixl::local
