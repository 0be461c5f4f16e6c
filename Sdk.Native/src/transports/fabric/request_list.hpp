// A doubly linked list through request::next and request::previous. A request is in at most one.
#pragma once

#include "core/request.hpp"

namespace nixl::fabric {

class request_list {
  public:
    bool empty() const noexcept { return first_ == nullptr; }
    request* front() const noexcept { return first_; }

    void push_back(request& r) noexcept {
        r.next = nullptr;
        r.previous = last_;
        (last_ != nullptr ? last_->next : first_) = &r;
        last_ = &r;
    }
    void remove(request& r) noexcept {
        (r.previous != nullptr ? r.previous->next : first_) = r.next;
        (r.next != nullptr ? r.next->previous : last_) = r.previous;
        r.next = nullptr;
        r.previous = nullptr;
    }
    // `f` may remove the request it is given, no other.
    template <typename F>
    void for_each(F&& f) {
        for (request* r = first_; r != nullptr;) {
            request* following = r->next;
            f(*r);
            r = following;
        }
    }

  private:
    request* first_ = nullptr;
    request* last_ = nullptr;
};

} // namespace nixl::fabric
