// A notification on its way into the agent's queue, and the inbound connection that it came over.
#pragma once

#include "nixl_sdk.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nixl {

// One per inbound connection, made by the transport that accepted it. Held by its unread notifications, so that their
// credits have a place to go back to; a transport whose connection has closed ignores them.
//
// Credits: the sender may have `limit` notifications unread here. The agent takes one when a notification is queued and
// returns it when the application has read it; the transport then tells the sender (CREDIT n).
class notification_sender {
  public:
    notification_sender(std::string name, uint64_t incarnation, uint32_t limit) noexcept
        : id_(next_id()), name_(std::move(name)), incarnation_(incarnation), limit_(limit) {}
    virtual ~notification_sender() = default;
    notification_sender(const notification_sender&) = delete;
    notification_sender& operator=(const notification_sender&) = delete;

    uint64_t id() const noexcept { return id_; } // unique in this process
    const std::string& name() const noexcept { return name_; }
    uint64_t incarnation() const noexcept { return incarnation_; }
    uint32_t limit() const noexcept { return limit_; }

    // [any] False: the sender has used up its credits, which a correct one never does.
    bool take_credit() noexcept {
        if (unread_.fetch_add(1, std::memory_order_relaxed) < limit_)
            return true;
        unread_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }
    uint32_t unread() const noexcept { return unread_.load(std::memory_order_relaxed); }
    // For a sender in the same process: would take_credit succeed?
    bool has_credit() const noexcept { return unread_.load(std::memory_order_relaxed) < limit_; }
    // [any] The application has read one; called on its thread, never blocks.
    void return_credit() noexcept {
        unread_.fetch_sub(1, std::memory_order_relaxed);
        credit_returned();
    }

  private:
    virtual void credit_returned() noexcept = 0; // [any] hand over to the progress thread
    static uint64_t next_id() noexcept {
        static std::atomic<uint64_t> last{0};
        return last.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    const uint64_t id_;
    const std::string name_;
    const uint64_t incarnation_;
    const uint32_t limit_;
    std::atomic<uint32_t> unread_{0};
};

struct arrival {
    std::shared_ptr<notification_sender> sender;
    nixl_request_header_t request{};
    nixl_op_t op = NIXL_OP_WRITE;
    bool with_transfer = false; // ends a transfer; every byte of it is visible here
    uint64_t request_bytes = 0;
    uint64_t request_operations = 0;
    uint32_t arrival_slot = 0;
    uint32_t arrival_generation = 0;
    std::vector<uint8_t> payload;
    uint64_t arrived_ns = 0; // filled by the agent if zero
};

// Notifications that lie where their sender has put them (memory shared with it) until somebody asks. The inbox reads
// them in place, so that a polling reader needs no progress thread. Everything under the inbox's lock of arrivals.
//
// Bell: while the source is watched, its sender rings after the next message, and the transport then says so
// (transport_events::source_rang). New sources are watched.
class arrival_source {
  public:
    enum class taken { nothing, one, too_small };

    virtual notification_sender& sender() noexcept = 0;
    // For the application: header and payload, and the sender's credit goes back. too_small: only
    // header.payload_length is filled in and the message stays.
    virtual taken read(nixl_notification_t& header, uint8_t* payload, uint64_t capacity) noexcept = 0;
    // For the inbox's own queue. False: nothing there, or no memory.
    virtual bool take(arrival& a) noexcept = 0;
    virtual bool waiting() const noexcept = 0;
    // True: look now, something is there already.
    virtual bool watch() noexcept = 0;
    virtual void unwatch() noexcept = 0;

  protected:
    ~arrival_source() = default;
};

} // namespace nixl
