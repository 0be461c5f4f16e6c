// The operations in flight of one connection, at a fixed address each: the provider owns an operation's context from
// the post to the completion. As many as the window allows; none is allocated later. Progress thread only.
#pragma once

#include "core/request.hpp"
#include "transports/fabric/packing/packer.hpp"
#include "transports/fabric/registration.hpp"

#include <rdma/fabric.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace nixl::fabric {

struct alignas(64) operation {
    // waiting: no rail has it (not yet, or the peer has to scatter it now). flying: given to a rail. aside: its rail
    // died, and the peer has not said yet that it closed it too. repeating: it did; to be given to another rail.
    enum class place : uint8_t { waiting, flying, aside, repeating };

    ::fi_context2 context{};  // first: the provider hands this address back
    request* owner = nullptr; // null: free
    std::byte* local = nullptr;
    const registration* local_memory = nullptr;
    uint64_t remote = 0; // the peer's virtual address
    const remote_region* region = nullptr;
    const advertised_key* remote_memory = nullptr; // its keys
    uint64_t length = 0;
    uint64_t entry = 0;
    uint32_t rail = 0;     // that it was given to
    uint32_t attempts = 0; // how often it was given to one
    int32_t refused = 0;   // aside, repeating: the provider's error for it; 0: its rail was closed over it
    place where = place::waiting;
    uint32_t slot = packing::no_slot; // a packed one: of which the pieces are; it has no memory of its own
    operation* next = nullptr;        // of the free ones, or of those to be repeated
};
static_assert(sizeof(::fi_context2) == 64);

class operation_pool {
  public:
    explicit operation_pool(uint64_t count) : operations_(new operation[count]), count_(count) {
        for (uint64_t i = count; i > 0; --i) {
            give_back(operations_[i - 1]);
        }
        in_use_ = 0;
    }

    operation* take() noexcept {
        operation* o = free_;
        if (o != nullptr) {
            free_ = o->next;
            ++in_use_;
        }
        return o;
    }
    void give_back(operation& o) noexcept {
        o.owner = nullptr;
        o.slot = packing::no_slot;
        o.where = operation::place::waiting;
        o.next = free_;
        free_ = &o;
        --in_use_;
    }
    // Null for a context that is not one of ours, or not in use.
    operation* from_context(void* context) const noexcept {
        auto* o = static_cast<operation*>(context);
        const std::less<const operation*> before;
        if (o == nullptr || before(o, operations_.get()) || !before(o, operations_.get() + count_) ||
            o->owner == nullptr) {
            return nullptr;
        }
        return o;
    }
    uint64_t in_use() const noexcept { return in_use_; }
    uint64_t size() const noexcept { return count_; }

    template <typename F>
    void for_each_in_use(F&& f) {
        for (uint64_t i = 0; i < count_; ++i) {
            if (operations_[i].owner != nullptr) {
                f(operations_[i]);
            }
        }
    }

  private:
    std::unique_ptr<operation[]> operations_;
    const uint64_t count_;
    operation* free_ = nullptr;
    uint64_t in_use_ = 0;
};

// First in, first out, through operation::next.
class operation_queue {
  public:
    bool empty() const noexcept { return first_ == nullptr; }
    operation& front() const noexcept { return *first_; }
    void push_back(operation& o) noexcept {
        o.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &o;
        last_ = &o;
    }
    void pop_front() noexcept {
        first_ = first_->next;
        last_ = first_ == nullptr ? nullptr : last_;
    }
    void clear() noexcept { first_ = last_ = nullptr; }

  private:
    operation* first_ = nullptr;
    operation* last_ = nullptr;
};

} // namespace nixl::fabric
