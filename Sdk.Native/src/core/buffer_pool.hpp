// Native buffers for copied ids and notification payloads, reused by size class, so that a warm agent posts without
// going to the allocator. What lies idle is bounded; more is given back to the allocator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace nixl {

class buffer_pool {
  public:
    // Owns one buffer until it is reset or destroyed; the pool outlives it.
    class buffer {
      public:
        buffer() = default;
        buffer(buffer&& other) noexcept { swap(other); }
        buffer& operator=(buffer&& other) noexcept {
            swap(other);
            return *this;
        }
        ~buffer() { reset(); }
        std::byte* data() const noexcept { return data_; }
        void reset() noexcept;

      private:
        friend class buffer_pool;
        void swap(buffer& other) noexcept;
        buffer_pool* pool_ = nullptr;
        std::byte* data_ = nullptr;
        unsigned size_class_ = 0;
    };

    explicit buffer_pool(uint64_t idle_limit = 64u << 20) noexcept : idle_limit_(idle_limit) {}
    ~buffer_pool();
    buffer_pool(const buffer_pool&) = delete;
    buffer_pool& operator=(const buffer_pool&) = delete;

    // False: out of memory. Contents are undefined.
    bool acquire(uint64_t bytes, buffer& out) noexcept;

  private:
    struct idle_buffer {
        idle_buffer* next;
    };
    static constexpr unsigned smallest = 8; // 256 bytes
    static constexpr unsigned largest = 40; // 1 TiB: never pooled that far, idle_limit_ sees to it
    void give_back(std::byte* data, unsigned size_class) noexcept;

    std::mutex mutex_;
    std::array<idle_buffer*, largest + 1> idle_{};
    uint64_t idle_bytes_ = 0;
    const uint64_t idle_limit_;
};

} // namespace nixl
