// What waits for the application: completion events and notifications.
//
// Neither queue can overflow and neither drops. An event lives inside the object that it is about (an operation's slot,
// a peer, a pending connect), linked into a list; the slot is reused only after its last event was read. Notifications
// are bounded by the credits of their senders.
//
// An operation's node: idle ──outcome──> queued ──read──> idle ──quiesced──> queued ──read──> free. If the second end
// comes before the first was read, both are in one event.
#pragma once

#include "core/arrival.hpp"
#include "core/deadline.hpp"
#include "core/failure.hpp"
#include "nixl_sdk.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

namespace nixl {

enum class node_type : uint8_t { operation, connect, peer_state };

// Intrusive. All fields are guarded by the inbox's lock.
struct event_node {
    explicit event_node(node_type t) noexcept : type(t) {}
    const node_type type;
    std::shared_ptr<void> keep; // what must live while the node is queued; let go when its event was read
    event_node* next_event = nullptr;
    bool queued = false;
    nixl_event_t event{}; // flags: what has not been read yet
};

class inbox {
  public:
    // Called without the lock, for operations only, when an event of it was copied out.
    class reader {
      public:
        virtual void operation_event_taken(event_node& node, const nixl_event_t& event) noexcept = 0;

      protected:
        ~reader() = default;
    };

    explicit inbox(reader& owner) noexcept : reader_(owner) {}
    ~inbox();
    inbox(const inbox&) = delete;
    inbox& operator=(const inbox&) = delete;

    // [any] `change(node)` fills node.event under the lock; the node is queued if it is not.
    template <class Change>
    void publish(event_node& node, Change&& change) noexcept {
        const std::lock_guard lock(mutex_);
        change(node);
        append(node);
    }
    // False: could not be stored (out of memory).
    bool publish(arrival&& a) noexcept;

    uint64_t read(nixl_event_t* out, uint64_t capacity) noexcept;
    failure read(nixl_notification_t& header, uint8_t* payload, uint64_t capacity) noexcept;

    failure wait(deadline until) noexcept;
    // One thread at a time. An unread notification counts only when it is new since the last call.
    failure wait_new(deadline until, uint32_t& what) noexcept;
    void wake() noexcept;
    // Made on first use; readable while anything waits.
    failure event_fd(int& fd) noexcept;

  private:
    void append(event_node& node) noexcept;
    template <class Ready>
    bool wait_for(std::unique_lock<std::mutex>& lock, deadline until, Ready&& ready) noexcept;
    bool anything() const noexcept { return head_ != nullptr || !arrivals_.empty(); }
    void signal() noexcept;   // under the lock, after something was added
    void unsignal() noexcept; // under the lock, after something was taken

    reader& reader_;
    std::mutex mutex_;
    std::condition_variable ready_;
    event_node* head_ = nullptr;
    event_node* tail_ = nullptr;
    std::deque<arrival> arrivals_;
    uint64_t arrived_ = 0;      // notifications ever
    uint64_t arrived_seen_ = 0; // of those, told by wait_new
    unsigned waiters_ = 0;
    uint64_t wakes_ = 0;        // counts nixl_agent_wake
    bool wake_pending_ = false; // a wake that nobody has seen yet
    int fd_ = -1;
    bool fd_readable_ = false;
};

} // namespace nixl
