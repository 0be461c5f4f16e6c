// The target's end of a connection: lets an initiator in, hands it the control page, the ring for its notifications and
// the arenas. Progress thread only.
#pragma once

#include "core/arena.hpp"
#include "core/arrival.hpp"
#include "transports/local/connection.hpp"
#include "transports/local/inlet.hpp"

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

namespace nixl::local {

class inbound final : public connection {
  public:
    // `id` names it in commands.
    inbound(context& c, std::uint64_t id) noexcept : connection(c), id_(id) {}

    ~inbound() override { // before the descriptors go
        finish();
        detach();
    }

    // Takes an accepted socket. Processes of other users are turned away.
    failure start(control::unique_fd socket, std::uint64_t now);
    // Says goodbye.
    void close(const failure& why) noexcept;

    // Regions have been deregistered: tells the initiator which arenas have none left.
    void arenas_changed() noexcept;

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
    struct bell_handler final : fd_handler {
        explicit bell_handler(inbound& i) noexcept : owner(i) {}
        void on_fd(std::uint32_t, std::uint64_t) noexcept override { owner.rung(); }
        inbound& owner;
    };

    failure let_in(const control::hello& m, std::vector<control::unique_fd>& fds);
    void rung() noexcept;
    void send_arenas();
    void withdraw_arenas(const std::vector<std::shared_ptr<arena>>& current);
    void finish() noexcept;

    const std::uint64_t id_;
    pid_t pid_ = 0;
    control::unique_fd pidfd_;
    std::shared_ptr<shared_page> page_;
    std::shared_ptr<inlet> inlet_; // from let_in to finish
    bell_handler bell_handler_{*this};
    std::set<std::uint64_t> sent_; // keys of arenas
};

} // namespace nixl::local
