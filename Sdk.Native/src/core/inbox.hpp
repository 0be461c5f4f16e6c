// What waits for the application: completion events and notifications.
//
// Neither queue can overflow and neither drops. An event lives inside the object that it is about (an operation's slot,
// a peer, a pending connect), linked into a list; the slot is reused only after its last event was read. Notifications
// are bounded by the credits of their senders; they wait in a queue here, or in their source (shared memory), where a
// reader finds them without anybody's help.
//
// An operation's node: idle ──outcome──> queued ──read──> idle ──quiesced──> queued ──read──> free. If the second end
// comes before the first was read, both are in one event.
//
// A source is watched (its sender rings a bell, and what it holds is moved into the queue here) unless readers poll and
// nobody sleeps: then the bell is spared. Two locks, so that polling for notifications delays no completion:
// arrivals_mutex_ (queue and sources), and mutex_ (events, sleepers), which may be taken inside the first.
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
#include <vector>

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

    // A transport's progress thread.
    void open_source(const std::shared_ptr<arrival_source>& s) noexcept;
    void source_rang(arrival_source& s) noexcept;
    void close_source(arrival_source& s) noexcept;

    uint64_t read(nixl_event_t* out, uint64_t capacity) noexcept;
    failure read(nixl_notification_t& header, uint8_t* payload, uint64_t capacity) noexcept;

    failure wait(deadline until) noexcept;
    // One thread at a time. An unread notification counts only when it is new since the last call, and if it comes
    // through a source that readers poll, only after watch().
    failure wait_new(deadline until, uint32_t& what) noexcept;
    // True: a notification is there; looks for up to spin_ns. False: the next one will end wait_new.
    bool watch(uint64_t spin_ns) noexcept;
    void wake() noexcept;
    // Made on first use; readable while anything waits.
    failure event_fd(int& fd) noexcept;

  private:
    // Readers look at so many sources by themselves; the others stay watched.
    static constexpr std::size_t most_polled = 16;

    void append(event_node& node) noexcept;
    template <class Ready>
    bool wait_for(std::unique_lock<std::mutex>& lock, deadline until, Ready&& ready) noexcept;
    bool anything() const noexcept { return head_ != nullptr || unread_ != 0; }
    void signal() noexcept;                 // under mutex_, after something was added
    void unsignal() noexcept;               // under mutex_, after something was taken
    void added(uint64_t arrivals) noexcept; // under arrivals_mutex_
    void drain(arrival_source& s) noexcept; // under arrivals_mutex_: into the queue
    void watch_sources() noexcept;          // under arrivals_mutex_: what is there goes into the queue
    bool arrival_there() const noexcept;    // under arrivals_mutex_
    bool read_source(nixl_notification_t& header, uint8_t* payload, uint64_t capacity, failure& result) noexcept;

    reader& reader_;

    std::mutex arrivals_mutex_;
    std::deque<arrival> arrivals_;
    std::vector<std::shared_ptr<arrival_source>> sources_;
    std::size_t next_source_ = 0; // where the next reader looks first: fair between senders
    unsigned sleepers_ = 0;       // inside wait()
    bool watched_ = false;        // by watch(), until something was queued
    bool fd_used_ = false;        // somebody sleeps on it perhaps

    std::mutex mutex_;
    std::condition_variable ready_;
    event_node* head_ = nullptr;
    event_node* tail_ = nullptr;
    uint64_t unread_ = 0;       // arrivals_.size(), for who holds only mutex_
    uint64_t arrived_ = 0;      // notifications ever
    uint64_t arrived_seen_ = 0; // of those, told by wait_new
    unsigned waiters_ = 0;
    uint64_t wakes_ = 0;        // counts nixl_agent_wake
    bool wake_pending_ = false; // a wake that nobody has seen yet
    int fd_ = -1;
    bool fd_readable_ = false;
};

} // namespace nixl
