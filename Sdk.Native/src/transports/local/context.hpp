// What the parts of one local transport share. Owned by the transport; outlives its connections.
#pragma once

#include "core/settings.hpp"
#include "core/transport.hpp"
#include "transports/local/inbox.hpp"
#include "transports/local/mover.hpp"
#include "transports/local/region_table.hpp"

#include <atomic>
#include <memory>

namespace nixl::local {

// Written by the progress thread, read by any.
struct transport_counters {
    std::atomic<std::uint64_t> written_bytes{0};
    std::atomic<std::uint64_t> read_bytes{0};
    std::atomic<std::uint64_t> operations{0};
    std::atomic<std::uint64_t> transfers{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> notifications_sent{0};
    std::atomic<std::uint64_t> notifications_received{0};
    std::atomic<std::uint64_t> notifications_dropped_late{0};

    static void add(std::atomic<std::uint64_t>& c, std::uint64_t n) noexcept {
        c.fetch_add(n, std::memory_order_relaxed);
    }
};

struct context {
    context(const agent_settings& s, transport_events& e) noexcept(false)
        : settings(s), events(e), mail(std::make_shared<inbox>()) {}

    const agent_settings& settings;
    transport_events& events;
    const std::shared_ptr<inbox> mail;
    region_table regions;
    transport_counters counters;
    nonce own_nonce{};           // random; peers read it here to prove that they can
    local::copiers copiers;      // they help the progress thread
    local::mover mover{copiers}; // progress thread only

    progress& loop() const noexcept { return mail->loop; }
};

} // namespace nixl::local
