// EFA mode, the initiator's side of one connection and the network behind it. On the initiator's progress thread.
//
// An operation: sent ──lands at a random time──> placed ──acknowledged at a later one──> ended. The completion at the
// target (its immediate) travels by itself. When a rail dies, what was in flight on it is lost to the initiator and
// goes on as a ghost: its bytes arrive whenever they like, also after the work was repeated. The target's closed gate
// is what keeps them out.
#pragma once

#include "core/arrival_slots.hpp"
#include "core/request.hpp"
#include "core/settings.hpp"
#include "transports/loopback/endpoint.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace nixl::loopback {

// The transport, as its senders see it.
class efa_owner {
  public:
    virtual const nixl_loopback_faults_t& rules() const noexcept = 0;
    virtual bool injected_failure() noexcept = 0; // counts an operation
    virtual void moved(nixl_op_t op, uint64_t bytes) noexcept = 0;
    virtual void notification_sent() noexcept = 0;
    virtual void settle(request& r, const failure& result) noexcept = 0;

  protected:
    ~efa_owner() = default;
};

class efa_sender {
  public:
    efa_sender(efa_owner& owner, const agent_settings& settings, std::shared_ptr<endpoint> target,
               std::shared_ptr<inbound> connection);

    // Of a request that is not settled.
    void advance(request& r, uint64_t now, bool& busy);
    // It has just been settled.
    void settled(request& r) noexcept;
    // Of a settled one. True: nothing is in flight; `force` makes it so.
    bool drain(request& r, bool force) noexcept;

    // Moves the network on.
    void progress(uint64_t now, bool& busy, deadline& next);
    // False: the connection is broken, `why` says how.
    bool answered(const efa_answer& a, std::string& why);
    void close() noexcept;

    // Notifications on their way that hold a credit.
    uint32_t reserved() const noexcept { return reserved_; }

  private:
    struct operation {
        request* owner = nullptr; // null: a ghost, or its request was quiesced by force
        piece what;
        nixl_op_t op = NIXL_OP_WRITE;
        uint32_t rail = 0;
        arrival_slots::use* under = nullptr; // counted
        uint32_t immediate = 0;
        bool placed = false;
        uint32_t not_ready = 0; // times that the target had no receive
        uint64_t due_ns = 0;
        std::shared_ptr<window> memory;
        std::vector<std::byte> ghost;
    };
    struct immediate {
        uint32_t value = 0;
        uint32_t rail = 0;
        uint64_t due_ns = 0;
    };
    // Kept in request::holds.
    struct state {
        arrival_attempt attempt;
        std::vector<piece> again; // lost with a rail
        uint32_t in_flight = 0;   // operations, those that a fence will tell about included
        uint64_t sequence = 0;    // of the NOTIFY that has no answer yet
        bool early = false;       // announces before its writes have ended
        bool acknowledged = false;
        bool lost = false;
    };

    static state& of(request& r) noexcept { return *static_cast<state*>(r.context); }
    void send_operations(request& r, uint64_t now);
    bool choose_rail(bool counted, uint32_t& rail);
    void announce(request& r);
    void land(operation& o, uint64_t now); // o.due_ns == 0 afterwards: it has ended
    bool place(operation& o);
    void ended(operation& o, bool delivered) noexcept;
    void kill_rail(uint64_t now);
    void fenced(uint32_t rail);
    void acknowledged(uint64_t sequence, bool shown, uint64_t now);
    void retire();
    efa_frame frame(efa_frame::kind kind) const { return {kind, connection_}; }
    void expect(const arrival_slots::use& u, efa_frame& f) const;
    bool alive(uint32_t rail) const noexcept { return (dead_ >> rail & 1) == 0; }
    uint64_t some_time(uint64_t now, uint64_t at_most_ns);

    efa_owner& owner_;
    const agent_settings& settings_;
    const std::shared_ptr<endpoint> target_;
    const std::shared_ptr<inbound> connection_;
    const uint32_t rails_;
    std::mt19937 random_;

    arrival_slots slots_;
    counted_window credits_;
    std::vector<operation> network_;
    std::vector<operation> lost_; // on dead rails, until their fence is acknowledged
    std::vector<immediate> immediates_;
    std::unordered_map<uint64_t, request*> announced_; // by sequence; null: its request has ended
    std::array<uint32_t, max_rails> on_rail_{};
    uint32_t dead_ = 0;
    uint32_t landed_ = 0; // since the last rail died
    uint32_t reserved_ = 0;
    uint64_t bytes_ = 0; // in flight
    uint64_t sequence_ = 0;
};

} // namespace nixl::loopback
