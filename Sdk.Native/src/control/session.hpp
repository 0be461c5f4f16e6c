// One control connection: handshake, notifications with credits, liveness, goodbye. Shared by the local and the fabric
// transport; each adds its own messages (ARENA, SYNC, FENCE, EXTENSION), which the session hands through.
//
//   initiator:  connecting ──socket connected──▶ greeting (HELLO sent) ──WELCOME──▶ open ──▶ closed
//   target:     greeting (waits for HELLO) ──accept()──▶ open ──▶ closed
//                                          └─refuse()──▶ closed, after REJECT has been written
//
// Used by one thread, the owning transport's progress thread, which drives it:
//   - epoll watches fd() for wanted_events(); what it reports goes to ready();
//   - tick() is called at the latest at next_tick();
//   - flush() after anything was sent outside ready() and tick().
// The owner must not destroy a session inside one of its callbacks; after on_closed it may do so any time later.
#pragma once

#include "control/channel.hpp"
#include "control/wire.hpp"
#include "core/failure.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace nixl::control {

class session;

class session_events {
  public:
    // Target: someone has connected and said who it is. Call check_hello, then accept() or refuse(), now or later.
    virtual void on_hello(session& s, const hello& m) = 0;
    // Initiator: the target has accepted. Descriptors may be moved out of `fds`.
    virtual void on_welcome(session& s, const welcome& m, std::span<unique_fd> fds) = 0;
    // Target: answer with acknowledge() once it is in the core's queue.
    virtual void on_notify(session& s, const notify& m) = 0;
    // Initiator.
    virtual void on_notify_ack(session& s, const notify_ack& m) = 0;
    // Initiator: credits() has grown.
    virtual void on_credit(session& s) = 0;
    // FENCE, FENCE_ACK, SYNC, SYNC_DONE, ARENA, EXTENSION: not decoded. False: the message is wrong (protocol error).
    virtual bool on_message(session& s, received_frame& frame) = 0;
    // Nothing has been heard for suspect_after (true), or the peer is heard again (false).
    virtual void on_silence(session& s, bool silent) = 0;
    // The end, exactly once, and the last call; `why` is what the requests of the peer end with. Not called by close().
    virtual void on_closed(session& s, const failure& why) = 0;

  protected:
    ~session_events() = default;
};

struct session_settings {
    std::uint64_t handshake_ns = 10'000'000'000; // from the start to WELCOME (initiator) or HELLO (target)
    std::uint64_t suspect_after_ns = 5'000'000'000;
    bool descriptors = false; // a Unix socket
};

class session {
  public:
    enum class state { connecting, greeting, open, closed };

    // Initiator. `connected` false: a non-blocking connect is under way. HELLO is sent as soon as it has succeeded.
    static std::unique_ptr<session> initiate(unique_fd socket, bool connected, const hello& greeting,
                                             const session_settings& settings, session_events& events,
                                             std::uint64_t now);
    // Target, with a socket from a listener.
    static std::unique_ptr<session> receive(unique_fd socket, const session_settings& settings, session_events& events,
                                            std::uint64_t now);
    session(const session&) = delete;
    session& operator=(const session&) = delete;
    ~session();

    int fd() const noexcept { return channel_.fd(); }
    state current() const noexcept { return state_; }
    std::uint32_t wanted_events() const noexcept;
    void ready(std::uint32_t epoll_events, std::uint64_t now) noexcept;
    void tick(std::uint64_t now) noexcept;
    std::uint64_t next_tick() const noexcept;
    void flush() noexcept;

    // Target: the answer to on_hello. The highest version that both speak is chosen. From here on this end must not
    // hand out more than `credits` plus what it grants.
    void accept(std::uint32_t credits, std::string_view transport_bytes, std::vector<unique_fd> fds = {});
    void refuse(const failure& why);

    // Initiator: notifications that may be sent now. notify() takes one credit and fills in the sequence number.
    std::uint32_t credits() const noexcept { return credits_; }
    std::uint64_t notify(control::notify m);
    // Target. grant(): the core has room for so many more.
    void acknowledge(std::uint64_t sequence, std::int32_t status) { send(notify_ack{sequence, status}); }
    void grant(std::uint32_t count);

    template <class Message>
    void send(const Message& m) {
        channel_.send(m);
    }
    template <class Message>
    void send(const Message& m, std::vector<unique_fd> fds) {
        channel_.send(m, std::move(fds));
    }
    std::size_t output_bytes() const noexcept { return channel_.output_bytes(); }

    // Says BYE if it can without blocking, and closes. on_closed is not called. Idempotent.
    void close(const failure& why) noexcept;
    // After close() or on_closed: the socket is still open here for a moment, so that a refused peer can read why; the
    // owner destroys the session to close it.

    bool silent() const noexcept { return silent_; }
    std::uint64_t last_heard() const noexcept { return last_heard_; }
    // Owner's use.
    void* context = nullptr;

  private:
    enum class role { initiator, target };
    session(role r, unique_fd socket, const session_settings& settings, session_events& events, std::uint64_t now);

    void connected() noexcept;
    bool dispatch(received_frame& frame);
    bool dispatch_greeting(received_frame& frame);
    bool on_bye(std::span<const std::uint8_t> body);
    bool on_notify_frame(std::span<const std::uint8_t> body);
    bool protocol_error(const received_frame& frame, wire_error e);
    void heard(std::uint64_t now) noexcept;
    void ended(channel::result r) noexcept;
    void end(const failure& why) noexcept;

    const role role_;
    state state_ = state::greeting;
    channel channel_;
    const session_settings settings_;
    session_events& events_;

    std::uint32_t credits_ = 0;  // initiator: may send; target: the other end may send
    std::uint64_t sequence_ = 0; // last notification sent or received
    std::uint64_t ping_sequence_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t last_heard_ = 0;
    std::uint64_t last_ping_ = 0;
    std::uint64_t last_tick_ = 0;
    bool silent_ = false;
    std::uint16_t hello_low_ = 0;
    std::uint16_t hello_high_ = 0;
};

// What a target compares a HELLO with.
struct target_identity {
    std::string_view name;
    std::uint64_t incarnation = 0;
    access_token token{};
    std::uint32_t transport = 0;
};

// Success, or the reason to refuse(). The token is compared in constant time.
failure check_hello(const hello& m, const target_identity& self) noexcept;

} // namespace nixl::control
