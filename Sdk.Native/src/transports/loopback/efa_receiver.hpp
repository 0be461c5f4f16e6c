// EFA mode, the target's side: the arrival ledger with what it needs to show notifications. On the progress thread of
// the target's transport; the application has no part in it.
#pragma once

#include "core/arrival_ledger.hpp"
#include "transports/loopback/endpoint.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace nixl::loopback {

class efa_receiver {
  public:
    explicit efa_receiver(endpoint& here) noexcept : here_(here) {}

    void handle(efa_frame&& f);

    // [any] Completions that came after their attempt or their rail had ended.
    uint64_t dropped_late() const noexcept { return late_.load(std::memory_order_relaxed); }

  private:
    static constexpr uint32_t slots_per_connection = 64;
    static constexpr uint32_t window = 64; // counted writes in flight per rail

    struct connection {
        std::shared_ptr<inbound> from;
        bool broken = false;
    };
    struct held {
        uint64_t sequence = 0;
        arrival what;
    };

    void open(const efa_frame& f);
    void close(uint32_t number);
    void notify(uint32_t number, efa_frame&& f);
    void apply(const arrival_ledger::result& r);
    void answer(uint64_t ticket, uint32_t number, bool shown);
    void break_off(uint32_t number, const std::string& why);

    endpoint& here_;
    arrival_ledger ledger_{max_rails, 1u << 16};
    std::vector<connection> connections_; // by the ledger's number
    std::unordered_map<const inbound*, uint32_t> numbers_;
    std::unordered_map<uint64_t, held> held_; // announced, not shown; by ticket
    uint64_t tickets_ = 0;
    std::vector<arrival_ledger::result> changes_;
    std::atomic<uint64_t> late_{0};
};

} // namespace nixl::loopback
