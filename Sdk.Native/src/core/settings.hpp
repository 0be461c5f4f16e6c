// The agent's parameters with the defaults filled in. Constant for the agent's life; shared by core and transports.
#pragma once

#include "nixl_sdk.h"

#include <cstdint>
#include <string>

namespace nixl {

struct agent_settings {
    std::string name;
    uint64_t incarnation = 0;
    uint32_t transports = NIXL_TRANSPORT_LOOPBACK | NIXL_TRANSPORT_LOCAL | NIXL_TRANSPORT_FABRIC;
    std::string listen_host = "127.0.0.1";
    std::string advertise_host; // listen_host unless given
    uint16_t listen_port = 0;
    uint32_t max_transfers = 4096;
    uint32_t max_notifications = 256; // receive credits per sending peer
    uint32_t window_operations = 256;
    uint64_t window_bytes = 8u << 20;
    uint64_t chunk_bytes = 1u << 20;
    uint32_t packing = NIXL_PACKING_AUTO;
    uint64_t packing_piece_bytes = 0;    // pieces below this are packed; 0: from the transport's costs
    uint64_t staging_bytes = 128u << 20; // for all packing rings of the agent
    uint32_t copier_threads = 0;         // of the local transport; 0: by the number of cores
    uint64_t spin_ns = 50'000;
    uint64_t default_timeout_ns = 30'000'000'000u;
    uint64_t suspect_after_ns = 5'000'000'000u;
    uint64_t quiesce_grace_ns = 1'000'000'000u;
    std::string fabric_library;  // empty: see library::find
    std::string fabric_provider; // empty: see fabric::provider_candidates
    std::string fabric_rails;    // "": one, the advertised address; "auto"; or addresses and device names, with commas
    // Random per agent, 128 bits: in the metadata; a control connection must present it (HELLO).
    uint8_t access_token[16] = {};
};

} // namespace nixl
