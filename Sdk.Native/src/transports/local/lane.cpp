#include "transports/local/lane.hpp"

#include "transports/local/mover.hpp"

#include <atomic>
#include <sched.h>
#include <utility>

namespace nixl::local {
namespace {

// Written by the progress thread when regions change, while posters look.
std::uint64_t state_of(remote_region& m) noexcept {
    return std::atomic_ref(m.slot.word).load(std::memory_order_acquire);
}

} // namespace

void lane::open(control_page& page, notify_memory memory, doorbell bell, std::uint32_t limit) noexcept {
    page_ = &page;
    memory_ = std::move(memory);
    writer_ = ring_writer<shared_words>(memory_.words(), ring_capacity, limit);
    bell_ = std::move(bell);
    gate_.fetch_and(~closed, std::memory_order_release);
}

void lane::close() noexcept {
    gate_.fetch_or(closed, std::memory_order_acq_rel);
    while ((gate_.load(std::memory_order_acquire) & ~closed) != 0)
        ::sched_yield();
    // The peer's object may be kept long after its connection.
    page_ = nullptr;
    writer_ = {};
    memory_ = {};
    bell_ = {};
}

bool lane::copy(request& r) noexcept {
    remote_region* held = nullptr;
    std::uint32_t slot = 0;
    bool good = true;
    piece p;
    while (good && r.cursor.peek(inline_bytes, p)) {
        remote_region& m = *p.remote_memory;
        if (&m != held) {
            if (std::exchange(held, nullptr) != nullptr)
                page_->leave(slot);
            if (state_of(m) != region_mapped || m.revoked.load(std::memory_order_relaxed))
                return false;
            slot = static_cast<std::uint32_t>(m.slot.key);
            if (!page_->enter(slot, static_cast<std::uint32_t>(m.slot.key >> 32)))
                return false;
            held = &m;
        }
        good = m.covers(p.remote, p.length);
        if (!good)
            break;
        std::byte* const remote = static_cast<std::byte*>(m.slot.handle) + (p.remote - m.base);
        // Through the cache: whoever is told of so little data reads it soon.
        if (r.op == NIXL_OP_WRITE)
            copy_bytes(remote, p.local, p.length);
        else
            copy_bytes(p.local, remote, p.length);
        r.cursor.advance(p.length);
        r.bytes_done += p.length;
        ++r.operations;
    }
    if (held != nullptr)
        page_->leave(slot);
    return good && r.bytes_done == r.total_bytes;
}

lane::result lane::publish(const request& r, bool& wake) noexcept {
    ring_message m;
    m.request = r.header;
    m.op = r.op;
    m.with_transfer = r.kind == request_kind::transfer;
    if (m.with_transfer && r.op == NIXL_OP_WRITE) {
        m.request_bytes = r.total_bytes;
        m.request_operations = r.operations;
    }
    return writer_.publish(m, r.notification, wake);
}

bool lane::complete(request& r, context& c) noexcept {
    if (!is_small(r) || ahead_.load(std::memory_order_acquire) != 0 || !enter())
        return false;
    const bool transfer = r.kind == request_kind::transfer;
    if (transfer)
        r.posted_ns = r.started_ns = now_ns();
    bool wake = false;
    bool done = copy(r);
    if (done && r.notify) {
        const std::lock_guard lock(mutex_);
        done = publish(r, wake) == result::done;
    }
    if (wake)
        bell_.ring();
    leave();
    if (!done)
        return false;
    if (transfer) {
        r.data_done_ns = r.settled_ns = now_ns();
        transport_counters::add(r.op == NIXL_OP_WRITE ? c.counters.written_bytes : c.counters.read_bytes, r.bytes_done);
        transport_counters::add(c.counters.operations, r.operations);
        transport_counters::add(c.counters.transfers, 1);
    }
    if (r.notify)
        transport_counters::add(c.counters.notifications_sent, 1);
    return true;
}

lane::result lane::publish_or_wait(const request& r) noexcept {
    bool wake = false;
    result outcome = result::done;
    {
        const std::lock_guard lock(mutex_);
        outcome = publish(r, wake);
        if (outcome == result::full) {
            outcome = writer_.wait_for_room(r.notification.size());
            if (outcome == result::done)
                outcome = publish(r, wake);
        }
        // Its application need not read for that: the reader moves what is there into its queue.
        if (outcome == result::full && !asked_for_room_ && writer_.lacks_slots(r.notification.size()))
            wake = asked_for_room_ = true;
        if (outcome == result::done)
            asked_for_room_ = false;
    }
    if (wake)
        bell_.ring();
    return outcome;
}

} // namespace nixl::local
