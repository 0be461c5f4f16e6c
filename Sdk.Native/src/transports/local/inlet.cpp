#include "transports/local/inlet.hpp"

#include <exception>
#include <string>
#include <utility>

namespace nixl::local {
namespace {

class ring_sender final : public notification_sender {
  public:
    ring_sender(const control::hello& m, std::uint32_t limit, std::shared_ptr<ring_end> end)
        : notification_sender(std::string(m.initiator_name), m.initiator_incarnation, limit), end_(std::move(end)) {}

  private:
    void credit_returned() noexcept override {
        if (end_->reader.messages_read(1))
            end_->bell.ring();
    }
    const std::shared_ptr<ring_end> end_;
};

} // namespace

failure inlet::open(context& c, const control::hello& m, std::uint64_t connection, std::shared_ptr<inlet>& out,
                    control::unique_fd& their_bell) noexcept {
    try {
        auto made = std::make_shared<inlet>(c, connection);
        made->end_ = std::make_shared<ring_end>();
        if (const failure f = notify_memory::create(made->end_->memory); !f.ok())
            return f;
        if (!doorbell::make(made->end_->bell, their_bell))
            return fail(NIXL_ERR_BACKEND, "no descriptors for a bell");
        made->end_->reader = ring_reader<shared_words>(made->end_->memory.words(), ring_capacity);
        made->sender_ = std::make_shared<ring_sender>(m, c.settings.max_notifications, made->end_);
        (void)made->watch();
        out = std::move(made);
    } catch (const std::exception& e) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "letting a peer in: %s", e.what());
    }
    return failure::success();
}

bool inlet::look(ring_message& m, std::uint64_t& payload) noexcept {
    if (broken_)
        return false;
    const auto result = end_->reader.peek(m, payload);
    if (result == ring_reader<shared_words>::result::broken)
        give_up();
    return result == ring_reader<shared_words>::result::message;
}

// The connection is closed by the progress thread. Nothing more is read until then.
void inlet::give_up() noexcept {
    broken_ = true;
    try {
        command c;
        c.what = command::verb::broken;
        c.connection = connection_;
        (void)context_.mail->push(std::move(c));
    } catch (const std::exception&) {
        // no memory: the connection stays, unread
    }
}

arrival_source::taken inlet::read(nixl_notification_t& header, std::uint8_t* payload, std::uint64_t capacity) noexcept {
    ring_message m;
    std::uint64_t length = 0;
    if (!look(m, length))
        return taken::nothing;
    header = {};
    header.payload_length = length;
    if (length > capacity)
        return taken::too_small;
    if (!end_->reader.take(payload, length)) {
        give_up();
        return taken::nothing;
    }
    if (end_->reader.messages_read(1))
        end_->bell.ring();
    header.request = m.request;
    header.op = static_cast<std::uint32_t>(m.op);
    header.with_transfer = m.with_transfer ? 1 : 0;
    header.request_bytes = m.request_bytes;
    header.request_operations = m.request_operations;
    header.arrived_ns = now_ns();
    transport_counters::add(context_.counters.notifications_received, 1);
    return taken::one;
}

bool inlet::take(arrival& a) noexcept {
    ring_message m;
    std::uint64_t length = 0;
    if (!look(m, length))
        return false;
    try {
        a.payload.resize(length);
    } catch (const std::exception&) {
        return false; // it stays where it is
    }
    if (!end_->reader.take(a.payload.data(), length)) {
        give_up();
        return false;
    }
    if (end_->reader.messages_read(0)) // not by the application; but there is room again
        end_->bell.ring();
    a.sender = sender_;
    a.request = m.request;
    a.op = m.op;
    a.with_transfer = m.with_transfer;
    a.request_bytes = m.request_bytes;
    a.request_operations = m.request_operations;
    a.arrived_ns = now_ns();
    transport_counters::add(context_.counters.notifications_received, 1);
    return true;
}

} // namespace nixl::local
