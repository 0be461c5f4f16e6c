// The agent's side of a peer: who waits for its connect, and its events.
#pragma once

#include "core/inbox.hpp"
#include "core/peer.hpp"

#include <memory>
#include <vector>

namespace nixl {

// One call of nixl_peer_connect that waits for its event.
struct connect_waiter final : event_node {
    explicit connect_waiter(uint64_t data) noexcept : event_node(node_type::connect), user_data(data) {}
    const uint64_t user_data;
};

class agent_peer final : public peer {
  public:
    using peer::peer;

    // Under the agent's peers lock.
    std::vector<std::shared_ptr<connect_waiter>> waiters; // until the connect has an outcome
    bool connecting = true;                               // no outcome yet

    // NIXL_EVENT_PEER_STATE, coalesced: an unread one is overwritten by a newer state. Under the inbox's lock.
    event_node state_event{node_type::peer_state};
};

} // namespace nixl
