#include "transports/fabric/packing/cost.hpp"

#include "transports/fabric/packing/messages.hpp"

#include <algorithm>

namespace nixl::fabric::packing {

namespace {

constexpr uint64_t sampled_pieces = 32;

} // namespace

// Measured (tcp;ofi_rxm, net: docs/performance.md) or from public figures (facts: EFA 2.11 and ConnectX-7 11.1 million
// writes a second). An unknown provider is taken for a device.
costs costs_of(std::string_view provider) noexcept {
    const bool sockets = provider.starts_with("tcp") || provider.starts_with("net") || provider.starts_with("sockets");
    if (sockets) {
        return {7000, 100, 200, 60'000, true};
    }
    if (provider.starts_with("shm")) {
        return {1500, 100, 200, 20'000, false};
    }
    if (provider.starts_with("efa")) {
        return {474, 50, 100, 50'000, false};
    }
    return {90, 50, 100, 10'000, false};
}

policy policy::choose(const agent_settings& settings, std::string_view provider) noexcept {
    policy p;
    p.mode = settings.packing;
    p.cost = costs_of(provider);
    const uint64_t wanted = settings.packing_piece_bytes != 0         ? settings.packing_piece_bytes
                            : settings.packing == NIXL_PACKING_ALWAYS ? max_slot_bytes
                                                                      : p.cost.break_even_bytes();
    p.piece_bytes = std::min<uint64_t>(wanted, max_slot_bytes);
    return p;
}

bool policy::packs(const request& r) const noexcept {
    if (mode == NIXL_PACKING_NEVER || r.op != NIXL_OP_WRITE || piece_bytes == 0) {
        return false;
    }
    if (mode == NIXL_PACKING_ALWAYS) {
        return true;
    }
    piece_cursor ahead = r.cursor;
    uint64_t small = 0;
    uint64_t small_bytes = 0;
    uint64_t bytes = 0;
    piece p;
    for (uint64_t i = 0; i < sampled_pieces && ahead.peek(max_slot_bytes, p); ++i) {
        if (p.length < piece_bytes) {
            ++small;
            small_bytes += p.length;
        }
        bytes += p.length;
        ahead.advance(p.length);
    }
    if (bytes == 0) {
        return false;
    }
    // As if the rest were like its beginning.
    const double more = static_cast<double>(r.cursor.remaining()) / static_cast<double>(bytes);
    const double pieces = more * static_cast<double>(small);
    const double direct = pieces * static_cast<double>(cost.operation_ns);
    const double packed = static_cast<double>(cost.round_trip_ns) + pieces * static_cast<double>(cost.piece_ns) +
                          more * static_cast<double>(small_bytes) * static_cast<double>(cost.byte_ps) / 1000.0;
    return packed < direct;
}

} // namespace nixl::fabric::packing
