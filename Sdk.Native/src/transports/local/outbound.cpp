#include "transports/local/outbound.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>

namespace nixl::local {
namespace {

constexpr std::uint64_t dial_interval_ns = 2'000'000;

} // namespace

void outbound::start(std::uint64_t now) noexcept {
    try {
        dial(now);
    } catch (const std::exception& e) {
        end(fail(NIXL_ERR_OUT_OF_MEMORY, "connecting: %s", e.what()), false);
    }
}

void outbound::dial(std::uint64_t now) {
    local_address where;
    if (!decode(peer_->metadata()->address(NIXL_TRANSPORT_LOCAL), where))
        return end(fail(NIXL_ERR_MISMATCH, "the peer's local address is unreadable"), false);
    bool connected = false;
    failure why;
    auto socket = control::connect_local(where.socket, connected, why);
    if (!socket) {
        if (why.system_error == EAGAIN) { // its listen queue is full
            dial_again_ = now + dial_interval_ns;
            return;
        }
        if (why.system_error == ECONNREFUSED)
            why = fail_errno(NIXL_ERR_REMOTE_DISCONNECT, ECONNREFUSED,
                             "nobody listens at the peer's local address: its process has ended");
        return end(why, false);
    }
    if (const failure f = open_session(std::move(socket), now); !f.ok())
        end(f, false);
}

failure outbound::open_session(control::unique_fd socket, std::uint64_t now) {
    failure why;
    if (!control::peer_process_of(socket.get(), process_, why))
        return why;
    if (process_.uid != ::geteuid())
        return fail(NIXL_ERR_PERMISSION, "the process at the peer's local address belongs to user %u",
                    static_cast<unsigned>(process_.uid));
    if (process_.pidfd)
        if (const failure f = watch_exit(process_.pidfd.get()); !f.ok())
            return f;
    const auto metadata = peer_->metadata();
    control::hello m;
    m.transport = NIXL_TRANSPORT_LOCAL;
    m.initiator_name = context_.settings.name;
    m.initiator_incarnation = context_.settings.incarnation;
    m.target_name = peer_->name();
    m.target_incarnation = peer_->incarnation();
    m.token = metadata->access_token;
    state_ = state::greeting;
    const auto settings = session_settings(std::max<std::uint64_t>(until_.remaining_ns(now), 1));
    const failure f = attach(control::session::initiate(std::move(socket), true, m, settings, *this, now));
    update();
    return f;
}

failure outbound::take_welcome(const control::welcome& m, std::span<control::unique_fd> fds) {
    welcome_bytes w;
    if (!decode(m.transport_bytes, w) || fds.size() != 3)
        return fail(NIXL_ERR_MISMATCH, "the peer's welcome is unreadable");
    if (const failure f = control_page::open(fds[0].get(), page_); !f.ok())
        return f;
    notify_memory memory;
    if (const failure f = notify_memory::open(fds[1].get(), memory); !f.ok())
        return f;
    if (const failure f = context_.loop().watch(fds[2].get(), EPOLLIN, bell_handler_); !f.ok())
        return f;
    lane_->open(page_, std::move(memory), doorbell(std::move(fds[2])), m.credits);
    foreign_ = process_.pidfd ? probe(process_.pid, w.nonce_address, w.nonce)
                              : fail(NIXL_ERR_NOT_SUPPORTED, "this kernel gives no pidfd: only arenas can be reached");
    return failure::success();
}

void outbound::on_welcome(control::session&, const control::welcome& m, std::span<control::unique_fd> fds) {
    if (const failure f = take_welcome(m, fds); !f.ok())
        return end(f, false);
    state_ = state::preparing;
    ask_for_regions();
}

void outbound::ask_for_regions() {
    session_->send(control::sync{++sync_sent_});
}

bool outbound::take_arena(control::received_frame& frame) {
    control::arena m;
    if (control::decode(frame.body, m) != nullptr || frame.fds.size() != 1)
        return false;
    std::shared_ptr<peer_arena> taken;
    if (const failure f = peer_arena::take(m, frame.fds[0], taken); !f.ok()) {
        end(f, false);
        return true;
    }
    prefault_.push_back(taken);
    arenas_[m.arena] = std::move(taken);
    return true;
}

// All regions of the arena have been deregistered, and that has waited until nobody was inside; their slots let nobody
// in again. So the mapping can go although requests and lists still know the regions.
bool outbound::take_arena_gone(control::received_frame& frame) {
    control::extension m;
    arena_gone_bytes gone;
    if (control::decode(frame.body, m) != nullptr || m.kind != arena_gone_bytes::kind || !decode(m.bytes, gone))
        return false;
    const auto found = arenas_.find(gone.arena);
    if (found == arenas_.end())
        return true;
    const auto metadata = peer_->metadata(); // kept: the application may load newer meanwhile
    for (const auto& r : metadata->regions) {
        if (r->slot.state != found->second)
            continue;
        const auto slot = static_cast<std::uint32_t>(r->slot.key);
        if (page_.granted(slot, static_cast<std::uint32_t>(r->slot.key >> 32)))
            return false; // not true: it still lets us in
        r->revoked.store(true, std::memory_order_release);
    }
    found->second->unmap();
    arenas_.erase(found);
    return true;
}

bool outbound::on_message(control::session&, control::received_frame& frame) {
    if (state_ != state::preparing && state_ != state::connected)
        return false;
    if (frame.header.type == control::message_type::arena)
        return take_arena(frame);
    if (frame.header.type == control::message_type::extension)
        return take_arena_gone(frame);
    control::sync_done m;
    if (frame.header.type != control::message_type::sync_done || control::decode(frame.body, m) != nullptr ||
        m.sequence != sync_done_ + 1 || m.sequence > sync_sent_)
        return false;
    sync_done_ = m.sequence;
    unresolved_ = sync_done_ == sync_sent_;
    if (prefault_.empty())
        prepared();
    return true;
}

// Page tables are set up here in steps, so that other peers' requests go on meanwhile, and before the first transfer,
// so that it is as fast as any other.
bool outbound::prefault_some() noexcept {
    if (prefault_.empty())
        return false;
    if (!prefault_.front()->prefault_some())
        prefault_.pop_front();
    if (prefault_.empty())
        prepared();
    return true;
}

void outbound::prepared() noexcept {
    if (!std::exchange(unresolved_, false) || (state_ != state::preparing && state_ != state::connected))
        return;
    failure f;
    try {
        f = resolve_regions();
    } catch (const std::exception& e) {
        f = fail(NIXL_ERR_OUT_OF_MEMORY, "%s", e.what());
    }
    if (state_ == state::connected) {
        queue_.regions_resolved(); // those for missing regions fail by themselves
        return;
    }
    if (!f.ok())
        return end(f, false);
    state_ = state::connected;
    peer_->transport_state = lane_;
    context_.events.peer_connected(*peer_, failure::success());
}

failure outbound::resolve_regions() {
    const auto metadata = peer_->metadata();
    std::size_t mapped = 0;
    std::size_t foreign = 0;
    failure first;
    for (const auto& m : metadata->regions) {
        if (m->key(NIXL_TRANSPORT_LOCAL).empty())
            continue;
        const bool known = m->slot.word == region_mapped || m->slot.word == region_foreign;
        if (!known && !resolve(*m)) {
            std::atomic_ref(m->slot.word).store(region_missing, std::memory_order_release);
            if (first.ok())
                first = (foreign_.ok() ? fail(NIXL_ERR_NOT_FOUND, "the peer no longer offers memory of its metadata")
                                       : failure(foreign_))
                            .at(m->id, m->base, m->length);
            continue;
        }
        ++(m->slot.word == region_mapped ? mapped : foreign);
    }
    if (state_ != state::connected) {
        const auto lock = peer_->text_lock();
        peer_->provider = foreign == 0 ? "memfd" : mapped == 0 ? "process_vm" : "memfd+process_vm";
        if (mapped != 0 &&
            std::all_of(arenas_.begin(), arenas_.end(), [](const auto& a) { return a.second->huge_pages(); }))
            peer_->provider += ", 2 MiB pages";
        peer_->process_id.store(static_cast<std::uint64_t>(process_.pid), std::memory_order_relaxed);
    }
    // A region that was deregistered between export and connect is no reason not to connect; one that this transport
    // cannot reach at all is, because another transport may.
    return first.status == NIXL_ERR_NOT_FOUND ? failure::success() : first;
}

// The word last: posters look at it (lane).
bool outbound::resolve(remote_region& m) const {
    region_key k;
    std::uint64_t found_as = region_missing;
    if (!decode(m.key(NIXL_TRANSPORT_LOCAL), k))
        return false;
    if (k.arena == 0) {
        if (!foreign_.ok())
            return false;
        found_as = region_foreign;
    } else {
        const auto found = arenas_.find(k.arena);
        if (found == arenas_.end() || k.offset > found->second->length() ||
            m.length > found->second->length() - k.offset)
            return false;
        m.slot.handle = found->second->address() + k.offset;
        m.slot.state = found->second; // the object; its memory may go before
        found_as = region_mapped;
    }
    m.slot.key = static_cast<std::uint64_t>(k.generation) << 32 | k.slot;
    std::atomic_ref(m.slot.word).store(found_as, std::memory_order_release);
    return true;
}

void outbound::regions_changed() noexcept {
    if (state_ != state::preparing && state_ != state::connected)
        return;
    try {
        ask_for_regions();
    } catch (const std::exception& e) {
        return end(fail(NIXL_ERR_OUT_OF_MEMORY, "%s", e.what()), false);
    }
    update();
}

void outbound::submit(request& r, std::uint64_t now) noexcept {
    if (state_ != state::connected)
        return request_queue::settle(context_, r,
                                     fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer is not connected").of(peer_->name()));
    queue_.submit(r, now);
}

void outbound::look_for_cancels() noexcept {
    queue_.drop_cancelled();
    if (peer_->connect_canceled.load(std::memory_order_relaxed) && state_ != state::connected)
        end(fail(NIXL_ERR_CANCELED, "connecting was canceled"), false);
}

bool outbound::work(std::uint64_t) noexcept {
    if (finished_ || (state_ != state::preparing && state_ != state::connected))
        return false;
    bool worked = prefault_some();
    if (state_ != state::connected)
        return worked;
    const route via{&page_, process_.pid, process_.pidfd.get()};
    if (queue_.move_chunk(via))
        worked = true;
    try {
        if (queue_.waits_for_regions() && sync_done_ == sync_sent_ && !unresolved_)
            ask_for_regions();
    } catch (const std::exception& e) {
        end(fail(NIXL_ERR_OUT_OF_MEMORY, "%s", e.what()), false);
        return true;
    }
    if (!queue_.send_notifications())
        end(fail(NIXL_ERR_REMOTE_DISCONNECT, "protocol error: the peer has spoilt the ring for its notifications"),
            false);
    update();
    return worked;
}

// There is room in the ring again: the next turn sends.
void outbound::rung() noexcept {
    if (!lane_->hear())
        context_.loop().forget(lane_->bell_fd());
}

void outbound::on_silence(control::session&, bool silent) {
    if (state_ == state::connected)
        context_.events.peer_changed(*peer_, silent ? NIXL_PEER_SUSPECT : NIXL_PEER_CONNECTED,
                                     silent ? "its process does not answer (stopped?)" : "its process answers again");
}

void outbound::on_closed(control::session&, const failure& why) {
    end(why, false);
}

void outbound::peer_exited() noexcept {
    end(fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer's process %d has exited", static_cast<int>(process_.pid)), false);
}

deadline outbound::next_check() const noexcept {
    if (state_ == state::connected)
        return queue_.next_deadline();
    return earlier(until_, deadline{state_ == state::dialing && dial_again_ != 0 ? dial_again_ : UINT64_MAX});
}

void outbound::check(std::uint64_t now) noexcept {
    if (finished_)
        return;
    if (state_ == state::connected) {
        if (queue_.next_deadline().passed(now))
            queue_.expire(now);
        return;
    }
    if (peer_->connect_canceled.load(std::memory_order_relaxed))
        return end(fail(NIXL_ERR_CANCELED, "connecting was canceled"), false);
    if (until_.passed(now)) {
        static constexpr const char* steps[] = {"being accepted", "the answer to HELLO", "its memory to be mapped"};
        return end(fail(NIXL_ERR_TIMEOUT, "connecting took too long: waited for %s",
                        steps[std::min<std::size_t>(static_cast<std::size_t>(state_), 2)]),
                   false);
    }
    if (state_ == state::dialing && dial_again_ != 0 && now >= dial_again_) {
        dial_again_ = 0;
        start(now);
    }
}

void outbound::disconnect(const failure& why) noexcept {
    end(why, true);
}

// Nothing is being copied: that happens on this thread. Another transport may be tried next and finds clean slots.
void outbound::release_memory() noexcept {
    const auto metadata = peer_->metadata();
    for (const auto& m : metadata->regions)
        m->slot = {};
    for (const auto& [key, a] : arenas_)
        a->unmap(); // lists may still hold regions of older metadata
    arenas_.clear();
    prefault_.clear();
}

void outbound::end(const failure& why, bool ours) noexcept {
    if (state_ == state::ended)
        return;
    const state before = state_;
    state_ = state::ended;
    finished_ = true;
    failure f = why;
    if (!ours && before == state::connected)
        f.status = NIXL_ERR_REMOTE_DISCONNECT;
    f.of(peer_->name());
    context_.loop().forget(lane_->bell_fd());
    lane_->close(); // posters find it closed; nobody copies any more
    queue_.fail_all(f);
    if (session_)
        session_->close(f);
    release_memory();
    if (before != state::connected)
        context_.events.peer_connected(*peer_, f);
    else if (!ours)
        context_.events.peer_changed(*peer_, NIXL_PEER_DISCONNECTED, f.text);
}

} // namespace nixl::local
