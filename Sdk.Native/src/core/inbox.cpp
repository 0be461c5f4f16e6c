#include "core/inbox.hpp"

#include "core/waiting.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace nixl {
namespace {

failure too_small(uint64_t needed, uint64_t capacity) noexcept {
    return fail(NIXL_ERR_BUFFER_TOO_SMALL, "the notification has %llu bytes, the buffer %llu; read it again",
                static_cast<unsigned long long>(needed), static_cast<unsigned long long>(capacity));
}

void describe(nixl_notification_t& header, const notification_sender& sender) noexcept {
    header.sender = sender.id();
    header.sender_incarnation = sender.incarnation();
    const std::string& name = sender.name();
    std::memcpy(header.sender_name, name.data(), std::min(name.size(), sizeof header.sender_name - 1));
}

} // namespace

inbox::~inbox() {
    while (head_ != nullptr) {
        event_node* node = std::exchange(head_, head_->next_event);
        const std::shared_ptr<void> keep = std::move(node->keep);
    }
    if (fd_ >= 0)
        ::close(fd_);
}

void inbox::signal() noexcept {
    if (waiters_ > 0) // all: they wait for different things
        ready_.notify_all();
    if (fd_ >= 0 && !fd_readable_) {
        const uint64_t one = 1;
        fd_readable_ = ::write(fd_, &one, sizeof one) == sizeof one;
    }
}

void inbox::unsignal() noexcept {
    if (fd_readable_ && !anything() && !wake_pending_) {
        uint64_t value = 0;
        fd_readable_ = ::read(fd_, &value, sizeof value) != sizeof value;
    }
}

void inbox::append(event_node& node) noexcept {
    if (node.queued) // and said so: its event has another flag now
        return;
    node.queued = true;
    node.next_event = nullptr;
    (tail_ != nullptr ? tail_->next_event : head_) = &node;
    tail_ = &node;
    signal();
}

void inbox::added(uint64_t arrivals) noexcept {
    if (arrivals == 0)
        return;
    watched_ = false;
    const std::lock_guard lock(mutex_);
    unread_ += arrivals;
    arrived_ += arrivals;
    signal();
}

bool inbox::publish(arrival&& a) noexcept {
    if (a.arrived_ns == 0)
        a.arrived_ns = now_ns();
    const std::lock_guard lock(arrivals_mutex_);
    try {
        arrivals_.push_back(std::move(a));
    } catch (...) {
        return false;
    }
    added(1);
    return true;
}

uint64_t inbox::read(nixl_event_t* out, uint64_t capacity) noexcept {
    uint64_t count = 0;
    while (count < capacity) {
        event_node* node = nullptr;
        node_type type{};
        std::shared_ptr<void> keep; // let go outside the lock
        {
            const std::lock_guard lock(mutex_);
            node = head_;
            if (node == nullptr) {
                wake_pending_ = false;
                unsignal();
                break;
            }
            head_ = node->next_event;
            if (head_ == nullptr)
                tail_ = nullptr;
            node->queued = false;
            out[count] = node->event;
            node->event.flags = 0;
            type = node->type;
            keep = std::move(node->keep);
            unsignal();
        }
        if (type == node_type::operation)
            reader_.operation_event_taken(*node, out[count]);
        ++count;
    }
    return count;
}

// One result in all returns: made in the caller's place, because a failure is large and a poll is short.
failure inbox::read(nixl_notification_t& header, uint8_t* payload, uint64_t capacity) noexcept {
    failure result;
    arrival taken;
    {
        const std::lock_guard lock(arrivals_mutex_);
        if (arrivals_.empty()) {
            if (!read_source(header, payload, capacity, result))
                result.status = NIXL_ERR_NOT_FOUND; // the normal answer of a poll: no text is made
            return result;
        }
        const arrival& a = arrivals_.front();
        if (a.payload.size() > capacity) {
            header = {};
            header.payload_length = a.payload.size();
            result = too_small(a.payload.size(), capacity);
            return result;
        }
        taken = std::move(arrivals_.front());
        arrivals_.pop_front();
        const std::lock_guard events(mutex_);
        --unread_;
        unsignal();
    }
    header = {};
    header.payload_length = taken.payload.size();
    describe(header, *taken.sender);
    header.request_bytes = taken.request_bytes;
    header.request_operations = taken.request_operations;
    header.request = taken.request;
    header.op = static_cast<uint32_t>(taken.op);
    header.with_transfer = taken.with_transfer ? 1 : 0;
    header.arrival_slot = taken.arrival_slot;
    header.arrival_generation = taken.arrival_generation;
    header.arrived_ns = taken.arrived_ns;
    if (!taken.payload.empty())
        std::memcpy(payload, taken.payload.data(), taken.payload.size());
    taken.sender->return_credit();
    return result;
}

// False: the deadline passed, and neither is it ready nor was it woken.
template <class Ready>
bool inbox::wait_for(std::unique_lock<std::mutex>& lock, deadline until, Ready&& ready) noexcept {
    const uint64_t wakes = wakes_;
    const auto woken = [&] { return wake_pending_ || wakes_ != wakes; };
    ++waiters_;
    const bool happened = wait_until(ready_, lock, until, [&] { return ready() || woken(); });
    --waiters_;
    return happened;
}

failure inbox::wait(deadline until) noexcept {
    {
        const std::lock_guard arrivals(arrivals_mutex_);
        ++sleepers_;
        watch_sources();
    }
    bool woken = false;
    {
        std::unique_lock lock(mutex_);
        woken = wait_for(lock, until, [this] { return anything(); });
        wake_pending_ = false;
        unsignal();
    }
    const std::lock_guard arrivals(arrivals_mutex_);
    --sleepers_;
    return woken ? failure::success() : fail(NIXL_ERR_TIMEOUT, "nothing happened within the time given");
}

failure inbox::wait_new(deadline until, uint32_t& what) noexcept {
    std::unique_lock lock(mutex_);
    const auto news = [this] {
        uint32_t mask = 0;
        if (head_ != nullptr)
            mask |= NIXL_WAIT_EVENTS;
        if (arrived_ != arrived_seen_)
            mask |= NIXL_WAIT_ARRIVALS;
        return mask;
    };
    const bool woken = wait_for(lock, until, [&] { return news() != 0; });
    what = news();
    if (what == 0 && woken)
        what = NIXL_WAIT_WOKEN;
    arrived_seen_ = arrived_;
    wake_pending_ = false;
    unsignal();
    return woken ? failure::success() : fail(NIXL_ERR_TIMEOUT, "nothing happened within the time given");
}

void inbox::wake() noexcept {
    const std::lock_guard lock(mutex_);
    ++wakes_;
    wake_pending_ = true;
    ready_.notify_all();
    signal();
}

failure inbox::event_fd(int& fd) noexcept {
    const std::lock_guard arrivals(arrivals_mutex_);
    if (!fd_used_) {
        fd_used_ = true;
        watch_sources();
    }
    const std::lock_guard lock(mutex_);
    if (fd_ < 0) {
        fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd_ < 0)
            return fail_errno(NIXL_ERR_BACKEND, errno, "could not create an eventfd");
        if (anything() || wake_pending_)
            signal();
    }
    fd = fd_;
    return failure::success();
}

} // namespace nixl
