// Handles: 4 bits of type, 28 bits of generation, 32 bits of slot. A released slot changes its generation, so a stale
// or made-up handle is found out; freed slots are reused oldest first, which keeps a generation from coming round
// early.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace nixl {

enum class handle_type : uint64_t { region = 1, arena = 2, peer = 3, list = 4, operation = 5 };

inline constexpr uint32_t generation_mask = 0x0fff'ffffu;

constexpr uint64_t make_handle(handle_type type, uint32_t generation, uint32_t slot) noexcept {
    return static_cast<uint64_t>(type) << 60 | static_cast<uint64_t>(generation & generation_mask) << 32 | slot;
}
constexpr bool handle_is(uint64_t handle, handle_type type) noexcept {
    return handle >> 60 == static_cast<uint64_t>(type);
}
constexpr uint32_t handle_slot(uint64_t handle) noexcept {
    return static_cast<uint32_t>(handle);
}
constexpr uint32_t handle_generation(uint64_t handle) noexcept {
    return static_cast<uint32_t>(handle >> 32) & generation_mask;
}

// Owns its objects by shared_ptr; any thread.
template <class T, handle_type Type>
class handle_table {
  public:
    explicit handle_table(uint32_t limit) noexcept : limit_(limit) {}

    // `make(handle)` returns the shared_ptr to keep. 0: the table is full.
    template <class Make>
    uint64_t insert(Make&& make) {
        const std::lock_guard lock(mutex_);
        uint32_t slot = 0;
        if (!free_.empty()) {
            slot = free_.front();
        } else {
            if (slots_.size() >= limit_)
                return 0;
            slot = static_cast<uint32_t>(slots_.size());
            slots_.emplace_back();
            free_.push_back(slot);
        }
        const uint64_t handle = make_handle(Type, slots_[slot].generation, slot);
        slots_[slot].object = std::forward<Make>(make)(handle);
        free_.pop_front();
        return handle;
    }

    std::shared_ptr<T> find(uint64_t handle) const {
        const std::lock_guard lock(mutex_);
        const entry* e = get(handle);
        return e != nullptr ? e->object : nullptr;
    }

    // Both with one look.
    template <class Base>
    void find_both(uint64_t first, std::shared_ptr<Base>& a, uint64_t second, std::shared_ptr<Base>& b) const {
        const std::lock_guard lock(mutex_);
        if (const entry* e = get(first))
            a = e->object;
        if (const entry* e = get(second))
            b = e->object;
    }

    // The object leaves the table; the caller gets the last say on its destruction, outside the lock.
    std::shared_ptr<T> erase(uint64_t handle) {
        const std::lock_guard lock(mutex_);
        const entry* found = get(handle);
        if (found == nullptr)
            return nullptr;
        free_.push_back(handle_slot(handle));
        entry& e = slots_[handle_slot(handle)];
        e.generation = e.generation == generation_mask ? 1 : e.generation + 1;
        return std::exchange(e.object, nullptr);
    }

    // `visit(handle, object)` for each, under the lock.
    template <class Visit>
    void for_each(Visit&& visit) const {
        const std::lock_guard lock(mutex_);
        for (std::size_t slot = 0; slot < slots_.size(); ++slot)
            if (slots_[slot].object)
                visit(make_handle(Type, slots_[slot].generation, static_cast<uint32_t>(slot)), slots_[slot].object);
    }

  private:
    struct entry {
        std::shared_ptr<T> object;
        uint32_t generation = 1;
    };
    const entry* get(uint64_t handle) const noexcept {
        if (!handle_is(handle, Type) || handle_slot(handle) >= slots_.size())
            return nullptr;
        const entry& e = slots_[handle_slot(handle)];
        return e.generation == handle_generation(handle) && e.object ? &e : nullptr;
    }

    mutable std::mutex mutex_;
    std::deque<entry> slots_;
    std::deque<uint32_t> free_;
    const uint32_t limit_;
};

} // namespace nixl
