// A list of requests through their `next` and `previous` hooks. A request is in at most one.
#pragma once

#include "core/request.hpp"

namespace nixl::local {

class request_list {
  public:
    bool empty() const noexcept { return first_ == nullptr; }
    request* front() const noexcept { return first_; }
    void push_back(request& r) noexcept {
        r.next = nullptr;
        r.previous = last_;
        (last_ == nullptr ? first_ : last_->next) = &r;
        last_ = &r;
    }
    void push_front(request& r) noexcept {
        r.next = first_;
        r.previous = nullptr;
        (first_ == nullptr ? last_ : first_->previous) = &r;
        first_ = &r;
    }
    void remove(request& r) noexcept {
        (r.previous == nullptr ? first_ : r.previous->next) = r.next;
        (r.next == nullptr ? last_ : r.next->previous) = r.previous;
        r.next = r.previous = nullptr;
    }

  private:
    request* first_ = nullptr;
    request* last_ = nullptr;
};

} // namespace nixl::local
