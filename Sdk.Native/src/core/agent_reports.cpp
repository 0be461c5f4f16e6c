// What the transports call back about operations and notifications.
#include "core/agent.hpp"

#include <utility>

namespace nixl {

void agent::request_settled(request& r, const failure& result) noexcept {
    auto& op = static_cast<operation&>(r);
    r.settled_ns = now_ns();
    inbox_.publish(op, [&](event_node& node) {
        node.event.flags |= NIXL_EVENT_OUTCOME;
        node.event.status = result.status;
        node.event.system_error = result.system_error;
        node.event.bytes = r.bytes_done;
        node.event.operations = r.operations;
        node.event.started_ns = r.started_ns;
        node.event.data_done_ns = r.data_done_ns;
        node.event.settled_ns = r.settled_ns;
        if (!result.ok() && result.entry_valid) {
            node.event.entry = result.entry;
            node.event.address = result.address;
            node.event.length = result.length;
        }
        op.outcome.store(result.status);
    });
}

void agent::request_quiesced(request& r) noexcept {
    auto& op = static_cast<operation&>(r);
    // What the operation holds is let go before anybody can read that it has quiesced, so that whoever read it can
    // deregister at once.
    r.cursor = piece_cursor{};
    r.notification = {};
    r.holds.reset();
    op.ids.reset();
    op.payload.reset();
    r.remote_list.reset();
    r.local_list.reset();
    op.quiesced.store(true);
    inbox_.publish(op, [](event_node& node) { node.event.flags |= NIXL_EVENT_QUIESCED; });
    // `r` may be in use again by now.
}

bool agent::notification_arrived(arrival&& a) noexcept {
    const std::shared_ptr<notification_sender> sender = a.sender;
    if (!sender->take_credit())
        return false;
    return inbox_.publish(std::move(a));
}

void agent::operation_event_taken(event_node& node, const nixl_event_t& event) noexcept {
    if ((event.flags & NIXL_EVENT_QUIESCED) != 0)
        operations_.release(static_cast<operation&>(node));
}

} // namespace nixl
