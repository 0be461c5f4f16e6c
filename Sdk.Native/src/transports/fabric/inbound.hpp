// A connection that another agent made to us: its one-sided operations into our memory, which the provider carries out
// while we poll, and its notifications.
//
//   greeting (waits for HELLO) ──> opening (our endpoints) ──> open ──> closed
//
// Progress thread only, but for the sender's credits.
#pragma once

#include "core/arrival.hpp"
#include "transports/fabric/link.hpp"
#include "transports/fabric/packing/scatterer.hpp"

#include <functional>

namespace nixl::fabric {

class inbound;

// What an inbound connection tells the transport.
class inbound_owner {
  public:
    // It is about to be let in.
    virtual void inbound_joins(inbound& l) = 0;
    virtual void inbound_open(inbound& l) = 0;
    virtual void inbound_revoked(inbound& l, uint64_t key) = 0;
    virtual void inbound_closed(inbound& l) = 0;

  protected:
    ~inbound_owner() = default;
};

class inbound final : public link {
  public:
    // Takes an accepted socket. Null if it cannot be watched.
    static std::shared_ptr<inbound> accept(environment& env, inbound_owner& owner, control::unique_fd socket,
                                           uint64_t now);

    bool advance(uint64_t now) override;
    void tick(uint64_t now) override;
    uint64_t next_tick() const override;
    bool may_sleep() override { return link::may_sleep() && (scatterer_ == nullptr || !scatterer_->waiting()); }
    bool finished() const override { return closed_; }

    bool open() const noexcept { return session_->current() == control::session::state::open && !rails_.empty(); }
    // Asks the peer to use the key no more; inbound_revoked or inbound_closed follows.
    void revoke(uint64_t key);
    // Closes the endpoints, then says why: the fence against this peer.
    void close(const failure& why);
    // An initiator has one connection at a time: the one that it made before this is over for it.
    bool replaces(const inbound& other) const noexcept;

  private:
    class sender;
    inbound(environment& env, inbound_owner& owner, uint64_t now) : link(env), owner_(owner), accepted_ns_(now) {}

    void opened(endpoint_list endpoints, const std::string& why) override;
    void on_hello(control::session& s, const control::hello& m) override;
    void on_welcome(control::session&, const control::welcome&, std::span<control::unique_fd>) override {}
    void on_notify(control::session& s, const control::notify& m) override;
    void on_notify_ack(control::session&, const control::notify_ack&) override {}
    void on_credit(control::session&) override {}
    bool on_message(control::session& s, control::received_frame& frame) override;
    void on_silence(control::session&, bool) override {} // its own side of the connection reports it
    void on_closed(control::session& s, const failure& why) override;
    bool fence(control::session& s, const control::fence& f);
    bool on_packing(control::session& s, const control::extension& m);
    void make_ring(const packing::ring_wanted& m);
    void ring_made(std::unique_ptr<packing::staging> made, const failure& why);
    bool scatter();
    void ended();

    inbound_owner& owner_;
    const uint64_t accepted_ns_;
    std::shared_ptr<sender> sender_;
    std::vector<std::string> peer_endpoints_;
    std::unique_ptr<packing::scatterer> scatterer_; // once the peer has asked for a ring
    bool ring_asked_ = false;
    bool closed_ = false;
};

} // namespace nixl::fabric
