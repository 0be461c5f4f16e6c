// What both kinds of connection have in common: a control session in the epoll set and rails, whose endpoints are
// opened aside and polled. Progress thread only.
#pragma once

#include "control/session.hpp"
#include "core/settings.hpp"
#include "core/transport.hpp"
#include "transports/fabric/endpoint.hpp"
#include "transports/fabric/opener.hpp"
#include "transports/fabric/packing/cost.hpp"
#include "transports/fabric/packing/granted.hpp"
#include "transports/fabric/packing/staging.hpp"
#include "transports/fabric/progress.hpp"
#include "transports/fabric/rail.hpp"
#include "transports/fabric/wire.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace nixl::fabric {

struct counters {
    std::atomic<uint64_t> written_bytes{0};
    std::atomic<uint64_t> read_bytes{0};
    std::atomic<uint64_t> operations{0};
    std::atomic<uint64_t> transfers{0};
    std::atomic<uint64_t> failures{0};
    std::atomic<uint64_t> notifications_sent{0};
    std::atomic<uint64_t> notifications_received{0};
};

// The transport's parts that links use. All outlive every link.
struct environment {
    const agent_settings& settings;
    transport_events& events;
    progress& loop;
    opener& openers;
    counters& count;
    domain_list domains;
    packing::policy packing;
    std::shared_ptr<packing::staging_budget> staging; // of all connections
    packing::granted_regions& granted;
    std::unique_ptr<packing::staging> scratch; // see endpoint_names; the source of our own such writes too

    const domain& provider() const noexcept { return *domains.front(); } // what all domains have in common
    uint32_t domain_of(uint32_t rail) const noexcept { return rail % static_cast<uint32_t>(domains.size()); }
    uint64_t window_operations() const noexcept; // of one peer
    uint64_t rail_operations() const noexcept;   // of one rail, at most
    uint64_t piece_bytes() const noexcept;       // the largest operation to post
    // What large pieces may have in flight over so many rails: small ones wait behind them in a socket.
    uint64_t bulk_bytes(uint64_t rails) const noexcept;
};

class link : public driven,
             public watcher,
             protected control::session_events,
             public std::enable_shared_from_this<link> {
  public:
    bool wants_timer() const override;
    bool may_sleep() override;
    void ready(uint32_t events, uint64_t now) final;
    void retire() override;

  protected:
    explicit link(environment& env) : env_(env) {}
    ~link() override;

    // Watches the session's socket from now on.
    failure attach(std::unique_ptr<control::session> s);
    // Flushes the session and watches for what it now waits for. After anything was sent; cheap if nothing was.
    void update_session();
    // Opens the endpoints of `count` rails on the opener's thread, bound as the control socket is where the device
    // leaves the choice; opened() follows unless the link is gone.
    void open_rails(int control_socket, uint32_t count);
    using endpoint_list = std::vector<std::unique_ptr<endpoint>>;
    // All of them, or none and the reason.
    virtual void opened(endpoint_list endpoints, const std::string& why) = 0;
    failure attach(endpoint_list endpoints);
    endpoint_names rail_names() const; // of our own endpoints, for HELLO and WELCOME
    // Tells the endpoints their peers; false and the reason if one does not fit.
    bool insert_peers(const std::vector<std::string>& addresses, std::string& why);
    // Closes it: from here on the provider touches no memory on behalf of this rail.
    void drop(rail& r) noexcept { drop(r, deadline::after(drain_wait_ns)); }
    void drop_rails() noexcept;

    control::session_settings session_settings(uint64_t handshake_ns) const noexcept;

    environment& env_;
    std::unique_ptr<control::session> session_;
    std::vector<rail> rails_;           // made once, all at a time
    std::array<completion, 64> polled_; // scratch of advance(): a poll makes nothing

  private:
    // How long closing waits for operations in flight, however many rails it closes. The progress thread stands still
    // meanwhile: only a peer that is silent, not gone, costs all of it.
    static constexpr uint64_t drain_wait_ns = 50'000'000;
    void drop(rail& r, deadline until) noexcept;

    uint32_t watched_ = 0; // epoll events of the session's socket
    int watched_fd_ = -1;
};

} // namespace nixl::fabric
