// Registered memory through which packed bytes pass: a ring of slots per connection and side, made when the first
// request is to be packed. An agent's rings together never exceed its limit; a ring that would is refused, and the
// pieces then go one by one.
#pragma once

#include "core/failure.hpp"
#include "core/memory.hpp"
#include "transports/fabric/registration.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace nixl::fabric::packing {

// What an agent's rings may take together. Any thread.
class staging_budget {
  public:
    explicit staging_budget(uint64_t limit) noexcept : limit_(limit) {}
    bool take(uint64_t bytes) noexcept;
    void give_back(uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    uint64_t limit() const noexcept { return limit_; }
    uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

  private:
    const uint64_t limit_;
    std::atomic<uint64_t> used_{0};
};

// One ring: mapped, touched and registered. Let go of only when nothing can write into it any more (the endpoint that
// its key was told over is closed).
class staging {
  public:
    // Takes long (it touches every page and registers it): on the opener's thread.
    static failure make(const domain_list& domains, const std::shared_ptr<staging_budget>& budget, uint32_t slots,
                        uint32_t slot_bytes, std::unique_ptr<staging>& out);
    ~staging();
    staging(const staging&) = delete;
    staging& operator=(const staging&) = delete;

    uint32_t slots() const noexcept { return slots_; }
    uint32_t slot_bytes() const noexcept { return slot_bytes_; }
    std::byte* slot(uint32_t index) const noexcept { return memory_ + uint64_t{index} * slot_bytes_; }
    const advertised_key& published() const noexcept { return registration_->published(); }
    void* descriptor(uint32_t domain) const noexcept { return registration_->descriptor(domain); }

  private:
    staging(std::shared_ptr<staging_budget> budget, uint32_t slots, uint32_t slot_bytes) noexcept
        : budget_(std::move(budget)), slots_(slots), slot_bytes_(slot_bytes) {}
    uint64_t bytes() const noexcept { return uint64_t{slots_} * slot_bytes_; }

    const std::shared_ptr<staging_budget> budget_; // taken from until destroyed
    const uint32_t slots_;
    const uint32_t slot_bytes_;
    std::byte* memory_ = nullptr;
    std::shared_ptr<registration> registration_;
};

} // namespace nixl::fabric::packing
