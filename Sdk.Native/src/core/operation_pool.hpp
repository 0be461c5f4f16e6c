// Slots of operations in flight: made on demand up to the agent's limit, then reused. A slot is taken by a post and
// goes back when the application has read its QUIESCED event, so an unread completion keeps its slot.
#pragma once

#include "core/buffer_pool.hpp"
#include "core/handle_table.hpp"
#include "core/inbox.hpp"
#include "core/request.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nixl {

class operation final : public request, public event_node {
  public:
    operation() noexcept : event_node(node_type::operation) {}
    buffer_pool::buffer ids;     // local ids, then remote ids
    buffer_pool::buffer payload; // the notification
    std::atomic<int32_t> outcome{NIXL_IN_PROGRESS};
    std::atomic<bool> quiesced{false};

  private:
    friend class operation_pool;
    void reset() noexcept; // everything but the id
    uint32_t slot_ = 0;
    uint32_t generation_ = 1;
    bool in_use_ = false;
};

class operation_pool {
  public:
    explicit operation_pool(uint32_t limit) noexcept : limit_(limit) {}

    operation* acquire() noexcept; // null: all slots are in use
    void release(operation& op) noexcept;

    // Runs `use(op)` while the slot cannot be released. False: no such operation (any more).
    template <class Use>
    bool with(uint64_t handle, Use&& use) noexcept {
        const std::lock_guard lock(mutex_);
        if (!handle_is(handle, handle_type::operation) || handle_slot(handle) >= slots_.size())
            return false;
        operation& op = *slots_[handle_slot(handle)];
        if (!op.in_use_ || op.generation_ != handle_generation(handle))
            return false;
        use(op);
        return true;
    }

  private:
    void push_free(operation& op) noexcept; // under the lock

    std::mutex mutex_;
    std::vector<std::unique_ptr<operation>> slots_;
    operation* free_head_ = nullptr; // linked by queue_next
    operation* free_tail_ = nullptr;
    const uint32_t limit_;
};

} // namespace nixl
