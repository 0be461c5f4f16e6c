// The fabric transport behind its seam: listener, connections, hand-over queues, registrations.
#pragma once

#include "control/sockets.hpp"
#include "core/settings.hpp"
#include "core/transport.hpp"
#include "transports/fabric/inbound.hpp"
#include "transports/fabric/link.hpp"
#include "transports/fabric/outbound.hpp"
#include "transports/fabric/revocations.hpp"
#include "transports/fabric/wire.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace nixl::fabric {

class engine final : private inbound_owner {
  public:
    engine(const agent_settings& settings, transport_events& events);
    ~engine();
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;

    failure start();
    failure close(deadline until) noexcept; // idempotent

    // All [any].
    transport_description describe() const;
    void counters(nixl_transport_counters_t& out) const noexcept;
    failure register_region(local_region& r) noexcept;
    failure deregister_region(local_region& r, deadline until) noexcept;
    void export_address(std::string& out) const;
    void export_region(const local_region& r, std::string& out) const;
    bool reachable(const peer_metadata& metadata, std::string& why) const;
    void connect(peer& p, deadline until) noexcept;
    void disconnect(peer& p, const failure& why) noexcept;
    void submit(request& r) noexcept;
    void look_for_cancels() noexcept;

  private:
    class acceptor;

    failure find_addresses(std::string& listen, std::string& advertise) const;
    bool each_round(uint64_t now); // progress thread, as everything below
    void take(request& r, uint64_t now);
    void accepted(control::unique_fd socket, uint64_t now);
    void inbound_joins(inbound& l) override;
    void inbound_open(inbound& l) override;
    void inbound_revoked(inbound& l, uint64_t key) override;
    void inbound_closed(inbound& l) override;
    outbound* find_outbound(const peer& p);

    const agent_settings& settings_;
    transport_events& events_;
    struct counters count_;
    std::shared_ptr<const library> library_;
    domain_list domains_;
    std::string provider_reason_; // why this one
    packing::granted_regions granted_;
    progress loop_;
    opener openers_;
    std::unique_ptr<environment> environment_;
    std::shared_ptr<acceptor> acceptor_;
    advertised_address advertised_; // constant after start()
    bool loopback_only_ = false;

    std::mutex submitted_mutex_;
    request* submitted_first_ = nullptr; // under submitted_mutex_, through queue_next
    request* submitted_last_ = nullptr;
    bool closed_ = false; // under submitted_mutex_
    std::atomic<bool> cancels_{false};

    // Progress thread only.
    std::set<inbound*> inbound_; // open ones
    std::vector<std::weak_ptr<outbound>> outbound_;
    revocations revocations_;
    uint64_t greeting_ = 0; // inbound connections that have not shown a token yet
};

} // namespace nixl::fabric
