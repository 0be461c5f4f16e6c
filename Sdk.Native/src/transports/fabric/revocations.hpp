// Taking regions back: deregistering one must not return while a peer may still be writing into it.
//
// Closing a registration stops new operations, but with stream providers not one whose bytes are arriving at this
// moment. So every connected peer is asked first to stop using the key and to say when nothing of its is in flight. One
// that does not answer within a grace time is fenced: our endpoint towards it is closed. Then the registration is
// closed.
//
//   asked ──all peers answered, closed or fenced──> registration closed ──> caller told
#pragma once

#include "core/deadline.hpp"
#include "transports/fabric/inbound.hpp"
#include "transports/fabric/registration.hpp"

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>

namespace nixl::fabric {

// Where the caller of deregister_region waits.
class revocation_result {
  public:
    void set(const failure& f);
    // NIXL_ERR_BUSY if the deadline passes first.
    failure wait(deadline until);

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
    failure result_;
};

// Progress thread only.
class revocations {
  public:
    void start(std::shared_ptr<registration> r, std::shared_ptr<revocation_result> result, uint64_t force_at_ns,
               std::set<inbound*> peers);
    void peer_joined(inbound& l); // a connection that has just been opened may know the key too
    void peer_answered(inbound& l, uint64_t key);
    void peer_gone(inbound& l);
    void check(uint64_t now); // fences peers whose time is up
    uint64_t next_check() const noexcept;

  private:
    struct pending {
        std::shared_ptr<registration> region;
        std::shared_ptr<revocation_result> result;
        uint64_t force_at_ns;
        std::set<inbound*> waiting;
    };
    void finish_idle();

    std::list<pending> pending_;
};

} // namespace nixl::fabric
