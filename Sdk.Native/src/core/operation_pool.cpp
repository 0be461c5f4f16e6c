#include "core/operation_pool.hpp"

namespace nixl {

void operation::reset() noexcept {
    cursor = piece_cursor{};
    kind = request_kind::transfer;
    op = NIXL_OP_WRITE;
    notify = false;
    target = nullptr;
    total_bytes = 0;
    notification = {};
    header = {};
    until = {};
    posted_ns = 0;
    cancel_requested.store(false, std::memory_order_relaxed);
    next = previous = queue_next = nullptr;
    context = nullptr;
    holds.reset();
    stage = 0;
    settled = failed = packed = false;
    outstanding_operations = outstanding_bytes = 0;
    run_left = run_share = 0;
    bytes_done = operations = 0;
    notification_sequence = 0;
    started_ns = data_done_ns = settled_ns = 0;
    first_failure = failure{};
    holds_peer.reset();
    local_list.reset();
    remote_list.reset();
    event = {};
    outcome.store(NIXL_IN_PROGRESS, std::memory_order_relaxed);
    quiesced.store(false, std::memory_order_relaxed);
}

void operation_pool::push_free(operation& op) noexcept {
    op.queue_next = nullptr;
    if (free_tail_ != nullptr)
        free_tail_->queue_next = &op;
    else
        free_head_ = &op;
    free_tail_ = &op;
}

operation* operation_pool::acquire() noexcept {
    const std::lock_guard lock(mutex_);
    if (free_head_ == nullptr) {
        if (slots_.size() >= limit_)
            return nullptr;
        try {
            auto made = std::make_unique<operation>();
            made->slot_ = static_cast<uint32_t>(slots_.size());
            slots_.push_back(std::move(made));
        } catch (...) {
            return nullptr;
        }
        push_free(*slots_.back());
    }
    operation* op = free_head_;
    free_head_ = static_cast<operation*>(op->queue_next);
    if (free_head_ == nullptr)
        free_tail_ = nullptr;
    op->queue_next = nullptr;
    op->in_use_ = true;
    op->id = make_handle(handle_type::operation, op->generation_, op->slot_);
    return op;
}

void operation_pool::release(operation& op) noexcept {
    {
        const std::lock_guard lock(mutex_); // from here on `with` does not find it
        op.in_use_ = false;
        op.generation_ = op.generation_ == generation_mask ? 1 : op.generation_ + 1;
    }
    op.reset();
    op.ids.reset();
    op.payload.reset();
    const std::lock_guard lock(mutex_);
    push_free(op);
}

} // namespace nixl
