#include "core/buffer_pool.hpp"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace nixl {

void buffer_pool::buffer::swap(buffer& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_class_, other.size_class_);
}

void buffer_pool::buffer::reset() noexcept {
    if (data_ != nullptr)
        pool_->give_back(std::exchange(data_, nullptr), size_class_);
}

buffer_pool::~buffer_pool() {
    for (idle_buffer* head : idle_) {
        while (head != nullptr)
            ::operator delete(std::exchange(head, head->next));
    }
}

bool buffer_pool::acquire(uint64_t bytes, buffer& out) noexcept {
    out.reset();
    const auto wanted = static_cast<unsigned>(std::bit_width(std::max<uint64_t>(bytes, 1) - 1));
    const unsigned size_class = std::max(wanted, smallest);
    if (size_class > largest)
        return false;
    std::byte* data = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (idle_buffer* head = idle_[size_class]; head != nullptr) {
            idle_[size_class] = head->next;
            idle_bytes_ -= uint64_t{1} << size_class;
            data = reinterpret_cast<std::byte*>(head);
        }
    }
    if (data == nullptr)
        data = static_cast<std::byte*>(::operator new (uint64_t{1} << size_class, std::nothrow));
    if (data == nullptr)
        return false;
    out.pool_ = this;
    out.data_ = data;
    out.size_class_ = size_class;
    return true;
}

void buffer_pool::give_back(std::byte* data, unsigned size_class) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (idle_bytes_ + (uint64_t{1} << size_class) <= idle_limit_) {
            idle_[size_class] = new (data) idle_buffer{idle_[size_class]};
            idle_bytes_ += uint64_t{1} << size_class;
            return;
        }
    }
    ::operator delete(data);
}

} // namespace nixl
