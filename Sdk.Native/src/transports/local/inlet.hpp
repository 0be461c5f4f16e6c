// The target's end of a notification ring: what its application reads, in place or moved into the core's queue.
#pragma once

#include "control/wire.hpp"
#include "core/arrival.hpp"
#include "transports/local/context.hpp"
#include "transports/local/doorbell.hpp"
#include "transports/local/notify_memory.hpp"

#include <cstdint>
#include <memory>

namespace nixl::local {

// What outlives the connection as long as notifications that came over it are unread.
struct ring_end {
    notify_memory memory;
    ring_reader<shared_words> reader;
    doorbell bell;
};

// Under the inbox's lock of arrivals, except sender() and bell().
class inlet final : public arrival_source {
  public:
    // `their_bell` is for the initiator, like the memory's descriptor.
    static failure open(context& c, const control::hello& m, std::uint64_t connection, std::shared_ptr<inlet>& out,
                        control::unique_fd& their_bell) noexcept;

    notification_sender& sender() noexcept override { return *sender_; }
    taken read(nixl_notification_t& header, std::uint8_t* payload, std::uint64_t capacity) noexcept override;
    bool take(arrival& a) noexcept override;
    bool waiting() const noexcept override { return !broken_ && end_->reader.waiting(); }
    bool watch() noexcept override { return end_->reader.sleep() && !broken_; }
    void unwatch() noexcept override { end_->reader.stay_awake(); }

    const doorbell& bell() const noexcept { return end_->bell; }
    int memory_fd() const noexcept { return end_->memory.fd(); }

    inlet(context& c, std::uint64_t connection) noexcept : context_(c), connection_(connection) {}

  private:
    bool look(ring_message& m, std::uint64_t& payload) noexcept;
    void give_up() noexcept;

    context& context_; // the transport closes its sources before it goes
    const std::uint64_t connection_;
    std::shared_ptr<ring_end> end_;
    std::shared_ptr<notification_sender> sender_;
    bool broken_ = false;
};

} // namespace nixl::local
