// The initiator's end of a connection to one peer. Progress thread only.
//
//   dialing ──▶ greeting ──WELCOME──▶ preparing ──arenas mapped and prefaulted──▶ connected ──▶ ended
//   (the peer's listen queue may be full: tried again until the deadline)         │
//   any state ──failure, deadline, the peer's exit, disconnect()──▶ ended         └─ SYNC when regions change
#pragma once

#include "transports/local/connection.hpp"
#include "transports/local/lane.hpp"
#include "transports/local/peer_arena.hpp"
#include "transports/local/request_queue.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

namespace nixl::local {

class outbound final : public connection {
  public:
    outbound(context& c, std::shared_ptr<nixl::peer> p, deadline until)
        : connection(c), peer_(std::move(p)), until_(until), queue_(c, *lane_) {}

    ~outbound() override { // before the descriptors and the page go
        lane_->close();
        detach();
    }

    void start(std::uint64_t now) noexcept;
    void regions_changed() noexcept;
    void submit(request& r, std::uint64_t now) noexcept;
    void look_for_cancels() noexcept;
    // One piece of work: a chunk of a request, or of prefaulting. False: nothing to do now.
    bool work(std::uint64_t now) noexcept;
    // What time has brought. Call at next_check().
    void check(std::uint64_t now) noexcept;
    deadline next_check() const noexcept;
    // The end, wanted by us: settles everything with `why`, says goodbye.
    void disconnect(const failure& why) noexcept;

    nixl::peer& target() const noexcept { return *peer_; }
    const std::shared_ptr<nixl::peer>& held_target() const noexcept { return peer_; }

    void on_hello(control::session&, const control::hello&) override {}
    void on_welcome(control::session& s, const control::welcome& m, std::span<control::unique_fd> fds) override;
    void on_notify(control::session&, const control::notify&) override {}
    void on_notify_ack(control::session&, const control::notify_ack&) override {}
    void on_credit(control::session&) override {}
    bool on_message(control::session& s, control::received_frame& frame) override;
    void on_silence(control::session& s, bool silent) override;
    void on_closed(control::session& s, const failure& why) override;

  private:
    enum class state { dialing, greeting, preparing, connected, ended };

    void peer_exited() noexcept override;
    void dial(std::uint64_t now);
    failure open_session(control::unique_fd socket, std::uint64_t now);
    failure take_welcome(const control::welcome& m, std::span<control::unique_fd> fds);
    bool take_arena(control::received_frame& frame);
    bool take_arena_gone(control::received_frame& frame);
    void ask_for_regions();
    bool prefault_some() noexcept;
    void prepared() noexcept;
    failure resolve_regions();
    bool resolve(remote_region& m) const;
    void release_memory() noexcept;
    void end(const failure& why, bool ours) noexcept;

    const std::shared_ptr<nixl::peer> peer_;
    const deadline until_; // of connecting
    state state_ = state::dialing;
    std::uint64_t dial_again_ = 0;

    struct bell_handler final : fd_handler {
        explicit bell_handler(outbound& o) noexcept : owner(o) {}
        void on_fd(std::uint32_t, std::uint64_t) noexcept override { owner.rung(); }
        outbound& owner;
    };
    void rung() noexcept;

    control::peer_process process_;
    control_page page_;
    const std::shared_ptr<lane> lane_ = std::make_shared<lane>(); // the peer's transport_state once it is connected
    bell_handler bell_handler_{*this};
    failure foreign_; // why memory outside of arenas cannot be reached; success: it can
    std::map<std::uint64_t, std::shared_ptr<peer_arena>> arenas_;
    std::deque<std::shared_ptr<peer_arena>> prefault_;
    std::uint64_t sync_sent_ = 0;
    std::uint64_t sync_done_ = 0;
    bool unresolved_ = false; // SYNC_DONE has come, prefaulting goes on
    request_queue queue_;
};

} // namespace nixl::local
