// The target's end of a connection: lets an initiator in, hands it the control page and the arenas, and queues its
// notifications. Progress thread only.
#pragma once

#include "core/arrival.hpp"
#include "transports/local/connection.hpp"

#include <cstdint>
#include <memory>
#include <set>

namespace nixl::local {

class inbound final : public connection {
  public:
    // `id` names it in commands.
    inbound(context& c, std::uint64_t id) noexcept : connection(c), id_(id) {}

    ~inbound() override { detach(); } // before the descriptors go

    // Takes an accepted socket. Processes of other users are turned away.
    failure start(control::unique_fd socket, std::uint64_t now);
    // The application has read `count` notifications.
    void grant(std::uint32_t count) noexcept;
    // Says goodbye.
    void close(const failure& why) noexcept;

    std::uint64_t id() const noexcept { return id_; }
    bool greeted() const noexcept { return page_ != nullptr; }

    void on_hello(control::session& s, const control::hello& m) override;
    void on_welcome(control::session&, const control::welcome&, std::span<control::unique_fd>) override {}
    void on_notify(control::session& s, const control::notify& m) override;
    void on_notify_ack(control::session&, const control::notify_ack&) override {}
    void on_credit(control::session&) override {}
    bool on_message(control::session& s, control::received_frame& frame) override;
    void on_silence(control::session&, bool) override {} // what its initiator may touch stays as it is until it exits
    void on_closed(control::session& s, const failure& why) override;

  private:
    void peer_exited() noexcept override;
    failure let_in(const control::hello& m, control::unique_fd& page_fd);
    void send_arenas();
    void finish() noexcept;

    const std::uint64_t id_;
    pid_t pid_ = 0;
    control::unique_fd pidfd_;
    std::shared_ptr<shared_page> page_;
    std::shared_ptr<notification_sender> sender_;
    std::set<std::uint64_t> sent_; // keys of arenas
};

} // namespace nixl::local
