// The operations in flight of one connection, at a fixed address each: the provider owns an operation's context from
// the post to the completion. As many as the window allows; none is allocated later. Progress thread only.
#pragma once

#include "core/request.hpp"
#include "transports/fabric/packing/packer.hpp"

#include <rdma/fabric.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace nixl::fabric {

struct alignas(64) operation {
    ::fi_context2 context{};  // first: the provider hands this address back
    request* owner = nullptr; // null: free
    uint32_t rail = 0;        // that it was posted on
    uint64_t remote = 0;      // the peer's virtual address, for messages
    uint64_t length = 0;
    uint64_t entry = 0;
    uint64_t key = 0; // the region's, as REVOKE names it
    uint32_t slot = packing::no_slot; // a packed one: of which the pieces are
    operation* next_free = nullptr;
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
            free_ = o->next_free;
            ++in_use_;
        }
        return o;
    }
    void give_back(operation& o) noexcept {
        o.owner = nullptr;
        o.slot = packing::no_slot;
        o.next_free = free_;
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

} // namespace nixl::fabric
