// The seam between the core and the transports: open, register, connect, submit, cancel, disconnect, close.
//
// The core (agent, memory table, lists, request slots, rings) knows nothing about sockets, shared memory or libfabric;
// a transport knows nothing about handles, lists or the ABI. Each transport owns one or more progress threads; those
// threads alone touch its endpoints and connections. Calls marked [any] come from callers' threads and only hand work
// over (a queue and a wake-up); everything else a transport does happens on its progress thread.
#pragma once

#include "core/arrival.hpp"
#include "core/blob.hpp"
#include "core/failure.hpp"
#include "core/memory.hpp"
#include "core/peer.hpp"
#include "core/request.hpp"
#include "core/settings.hpp"
#include "nixl_sdk.h"

#include <memory>
#include <string>
#include <utility>

namespace nixl {

// What a transport calls back. Implemented by the agent. All callable from any thread, never block.
class transport_events {
  public:
    // The connect asked for by transport::connect has ended. On success the peer's transport_state is set.
    virtual void peer_connected(peer& p, const failure& result) noexcept = 0;
    // Suspect, connected again, or disconnected (final). After `disconnected` the transport has already settled every
    // request of that peer with NIXL_ERR_REMOTE_DISCONNECT.
    virtual void peer_changed(peer& p, nixl_peer_state_t state, const std::string& reason) noexcept = 0;
    // The outcome. Exactly once per request. `r` stays valid until request_quiesced.
    virtual void request_settled(request& r, const failure& result) noexcept = 0;
    // The transport can no longer touch the request's memory and forgets it. Exactly once, never before settled.
    virtual void request_quiesced(request& r) noexcept = 0;
    // A notification whose data is visible. False if this sender has used up its credits (a protocol error of the
    // sender: the connection is closed).
    virtual bool notification_arrived(arrival&& a) noexcept = 0;
    // A source that readers may look at directly, until source_closed returns; what is left in it then is kept.
    virtual void source_opened(const std::shared_ptr<arrival_source>&) noexcept {}
    // Its bell has rung. Afterwards it is watched again.
    virtual void source_rang(arrival_source& s) noexcept {
        (void)s.watch(); // first: what comes while we look rings again
        for (arrival a; s.take(a); a = {})
            (void)notification_arrived(std::move(a));
    }
    virtual void source_closed(arrival_source& s) noexcept { source_rang(s); }

  protected:
    ~transport_events() = default;
};

class transport {
  public:
    virtual ~transport() = default; // after close()

    virtual nixl_transport_t kind() const noexcept = 0;
    // For nixl_agent_describe and nixl_peer_info: library and version, provider, limits.
    virtual transport_description describe() const = 0;
    virtual void counters(nixl_transport_counters_t& out) const noexcept = 0;

    // [any] Makes a region reachable. May leave something in r.key(kind()) that export_region publishes. A transport
    // that cannot serve this memory returns NIXL_ERR_NOT_SUPPORTED and the region is simply not reachable through it.
    virtual failure register_region(local_region& r) noexcept = 0;
    // [any] Returns once no peer can reach the region through this transport any more, or NIXL_ERR_BUSY at the
    // deadline.
    virtual failure deregister_region(local_region& r, deadline until) noexcept = 0;

    // [any] Own addresses and, per region, own keys: opaque bytes in the agent's metadata, at most 1 KiB / 255 B.
    virtual void export_address(std::string& out) const = 0;
    virtual void export_region(const local_region& r, std::string& out) const = 0;

    // [any] Could this peer be reached, judging by its metadata alone? Not: `why` says the reason.
    virtual bool reachable(const peer_metadata& metadata, std::string& why) const = 0;
    // [any] Starts connecting; ends with transport_events::peer_connected.
    virtual void connect(peer& p, deadline until) noexcept = 0;
    // [any] The peer's metadata was loaded again with other regions.
    virtual void regions_changed(peer& p) noexcept = 0;
    // [any] Settles the peer's requests with `why`, quiesces them (closing the endpoint if need be), closes.
    virtual void disconnect(peer& p, const failure& why) noexcept = 0;

    // [any] Takes a validated request. The transport reports settled and quiesced, watches r.until, obeys the peer's
    // window and keeps requests of one peer fair by interleaving chunks.
    virtual void submit(request& r) noexcept = 0;
    // [any] Does the whole request on the calling thread if that takes no waiting and little time. True: it is done,
    // every byte and the notification, and bytes_done, operations and the times are filled in; nothing is reported.
    // False: it was not done; some bytes may have been copied, r.cursor is used up, and the request is to be submitted
    // afresh. `r` need not be one of the core's slots.
    virtual bool complete_now(request&) noexcept { return false; }
    // [any] r.cancel_requested is set; look at it soon. r may be quiesced at this very moment: do not keep the pointer,
    // wake the progress thread and let it look at the requests that it has.
    virtual void cancel(request& r) noexcept = 0;

    // Settles and quiesces everything (by force at the deadline), joins the threads. Idempotent.
    virtual failure close(deadline until) noexcept = 0;
};

} // namespace nixl
