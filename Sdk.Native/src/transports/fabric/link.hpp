// What both kinds of connection have in common: a control session in the epoll set and an endpoint that is opened aside
// and polled. Progress thread only.
#pragma once

#include "control/session.hpp"
#include "core/settings.hpp"
#include "core/transport.hpp"
#include "transports/fabric/endpoint.hpp"
#include "transports/fabric/opener.hpp"
#include "transports/fabric/progress.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <string>

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
    std::shared_ptr<const domain> provider;

    uint64_t window_operations() const noexcept;
    uint64_t piece_bytes() const noexcept; // the largest operation to post
};

class link : public driven,
             public watcher,
             protected control::session_events,
             public std::enable_shared_from_this<link> {
  public:
    bool wants_timer() const override { return endpoint_ != nullptr && endpoint_->wait_fd() < 0; }
    bool may_sleep() override { return endpoint_ == nullptr || endpoint_->may_sleep(); }
    void ready(uint32_t events, uint64_t now) final;
    void retire() override;

  protected:
    explicit link(environment& env) : env_(env) {}
    ~link() override;

    // Watches the session's socket from now on.
    failure attach(std::unique_ptr<control::session> s);
    // Flushes the session and watches for what it now waits for. After anything was sent; cheap if nothing was.
    void update_session();
    // Opens an endpoint on the opener's thread, bound as the control socket is; opened() follows unless the link is
    // gone.
    void open_endpoint(int control_socket);
    // Exactly one of the two arguments says something.
    virtual void opened(std::unique_ptr<endpoint> e, const std::string& why) = 0;
    failure attach(std::unique_ptr<endpoint> e);
    // Closes it: from here on the provider touches no memory on behalf of this link.
    void drop_endpoint() noexcept;

    control::session_settings session_settings(uint64_t handshake_ns) const noexcept;

    environment& env_;
    std::unique_ptr<control::session> session_;
    std::unique_ptr<endpoint> endpoint_;
    std::array<completion, 64> polled_; // scratch of advance(): a poll makes nothing

  private:
    uint32_t watched_ = 0; // epoll events of the session's socket
    int watched_fd_ = -1;
};

} // namespace nixl::fabric
