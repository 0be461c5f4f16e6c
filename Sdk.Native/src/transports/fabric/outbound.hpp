// Our connection to one peer: everything that this agent does to that peer's memory, and its notifications.
//
//   connecting (TCP, our endpoints, HELLO, WELCOME, a first write over each rail) ──> open <──silence──> suspect
//        │                                               │
//        │                                               ├─ the provider lost the connection ──> lost (at most 100 ms:
//        │                                               │   is the process gone too?)            │
//        └───────────────────────────────────────────────┴────────────────────────────────────────┴──> closed
//
// A request on it:
//   posting (pieces left, dealt to the rails) <──> packing (its next piece goes into a packed slot)
//      └──> draining (operations in flight) ──> crediting (waits for a notification credit)
//           ──> acknowledging (NOTIFY sent) ──> settled, and quiesced once nothing of it is in flight
// Operations of a request that was settled early (deadline, cancel, failure) end by themselves within the grace time,
// or the endpoint is closed, which ends all of them and the connection.
//
// Progress thread only.
#pragma once

#include "transports/fabric/link.hpp"
#include "transports/fabric/operation_pool.hpp"
#include "transports/fabric/request_list.hpp"

#include <deque>
#include <unordered_set>
#include <vector>

namespace nixl::fabric {

class outbound final : public link, public peer_transport_state {
  public:
    // Starts to connect; transport_events::peer_connected reports how it ended, also when it fails here.
    static std::shared_ptr<outbound> connect(environment& env, std::shared_ptr<peer> p, deadline until, uint64_t now);

    // Takes a request over. Settles it at once if the connection is no longer there.
    void submit(request& r, uint64_t now);
    void look_for_cancels() noexcept { check_at_ = 0; }
    // Settles everything with `why`, closes the endpoint and the connection. No peer_changed follows.
    void disconnect(const failure& why);
    const peer& target() const noexcept { return *peer_; }

    bool advance(uint64_t now) override;
    void tick(uint64_t now) override;
    uint64_t next_tick() const override;
    // The provider makes its connections while it is polled.
    bool wants_timer() const override { return link::wants_timer() || blocked_ || warming_ != nullptr; }
    bool finished() const override { return state_ == state::closed; }
    void retire() override;

  private:
    enum class state { connecting, open, closed };
    enum stage : uint32_t { posting, packing_stage, draining, crediting, acknowledging };

    outbound(environment& env, std::shared_ptr<peer> p, deadline until);

    // ---- connection (outbound.cpp) ----
    failure start(uint64_t now);
    void opened(endpoint_list endpoints, const std::string& why) override;
    void welcomed();
    void warm_up(advertised_key scratch);
    bool advance_warm_up();
    void on_hello(control::session&, const control::hello&) override {}
    void on_welcome(control::session& s, const control::welcome& m, std::span<control::unique_fd> fds) override;
    void on_notify(control::session&, const control::notify&) override {}
    void on_notify_ack(control::session& s, const control::notify_ack& m) override;
    void on_credit(control::session& s) override;
    bool on_message(control::session& s, control::received_frame& frame) override;
    void on_silence(control::session& s, bool silent) override;
    void on_closed(control::session& s, const failure& why) override;
    void close(const failure& why, bool report);
    void give_up_lost();
    void answer_revokes();

    // ---- requests (outbound_requests.cpp) ----
    request_list& list_of(uint32_t of) noexcept;
    void data_done(request& r, uint64_t now);
    void send_notifications(uint64_t now);
    void check_requests(uint64_t now);
    void move(request& r, stage to);
    void settle(request& r, const failure& f);
    void quiesce_if_idle(request& r);
    void settle_all(const failure& why);

    // ---- operations (outbound_operations.cpp) ----
    enum class posted { yes, wait, later, failed }; // later: not this request, perhaps another
    bool post_pieces(uint64_t now);
    posted post_piece(request& r, uint64_t now);
    uint64_t share(request& r) const noexcept;
    int64_t launch(operation& op, uint64_t now);
    rail* choose_rail() noexcept;
    bool poll_completions(uint64_t now);
    bool poll_rail(rail& r, uint64_t now);
    void completed(operation& op, const completion& c, uint64_t now);
    void ended(operation& op, const failure& f, uint64_t now); // f: of this operation alone
    void count_posted(request& r, const operation& op, uint64_t now) noexcept;
    const advertised_key* key_of(const piece& p, failure& why) const;
    rma_operation describe(operation& op, const rail& over) const noexcept;
    failure refused(int64_t code) const;
    failure revoked(const remote_region& region, const advertised_key* key) const;

    // ---- rails (outbound_rails.cpp) ----
    bool lose(rail& r, const std::string& why, uint64_t now);
    void bury_dying(uint64_t now);
    void bury(rail& r);
    bool fenced(const control::fence_ack& m);
    bool repeat_operations(uint64_t now);
    void watch_for_stalls(uint64_t now);
    uint64_t next_stall() const noexcept;
    size_t rails_left() const noexcept;

    // ---- packing (outbound_packing.cpp) ----
    bool pack_slots(uint64_t now);
    posted pack_slot(request& r, uint64_t now);
    posted write_slot(uint64_t now);
    void tell(operation& op);
    bool on_packing(const control::extension& m);
    bool on_ring(const packing::ring& m);
    bool on_scattered(const packing::scattered& m);
    void ring_opened(std::unique_ptr<packing::staging> own);
    void forget(const request& r);

    // The peer's process where it is on this machine: its sockets may live on in a child that it forked.
    struct exit_watch final : watcher {
        explicit exit_watch(outbound& o) noexcept : owner(o) {}
        void ready(uint32_t events, uint64_t now) override;
        outbound& owner;
        control::unique_fd process;
    };
    void watch_process(uint64_t id);

    const std::shared_ptr<peer> peer_;
    const deadline connect_until_;
    exit_watch exit_watch_{*this};
    state state_ = state::connecting;
    control::unique_fd socket_; // until the session has it
    bool socket_connected_ = false;
    bool target_virtual_addresses_ = false;

    struct warming { // while connecting, see warm_up
        advertised_key target;
        std::unique_ptr<::fi_context2[]> contexts; // one for each rail
        size_t posted = 0;
        size_t done = 0;
    };
    std::unique_ptr<warming> warming_;

    operation_pool operations_;
    uint64_t in_flight_bytes_ = 0;
    request_list posting_; // taken from the front, one piece each in turn
    request_list packing_; // the same, one slot each
    request_list others_;
    packing::packer packer_;
    operation* unwritten_ = nullptr; // a filled slot that the provider has not taken yet
    std::deque<request*> crediting_;
    std::deque<request*> acknowledging_; // in the order of their sequence numbers; null: settled meanwhile
    uint64_t acknowledged_ = 0;          // sequence number before that of acknowledging_.front()

    operation_queue repeats_; // of closed rails, for others
    uint32_t next_rail_ = 0;  // whose turn it is among equals
    uint64_t fences_ = 0;     // ids used
    bool dying_ = false;      // some rail is
    const uint64_t stall_ns_; // see watch_for_stalls
    uint64_t stall_look_at_ = 0;
    bool blocked_ = false;                 // no rail takes any more (EAGAIN): try again after polling
    uint64_t check_at_ = UINT64_MAX;       // when the next deadline may pass
    uint64_t lost_at_ = 0;                 // when the provider lost the connection
    failure lost_;                         // why
    std::unordered_set<uint64_t> revoked_; // keys that the peer has taken back
    std::vector<uint64_t> revoking_;       // those of them whose operations in flight are waited for
};

} // namespace nixl::fabric
