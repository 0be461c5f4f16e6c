// Bounded little-endian readers and writers, the only way that control messages touch bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace nixl::control {

// Reads from memory that it does not own. Never reads past the end: the first read that would do so makes the reader
// fail, and from then on every read answers zero or empty. Callers check ok() once at the end.
class wire_reader {
  public:
    explicit wire_reader(std::span<const std::uint8_t> bytes) noexcept : rest_(bytes) {}

    bool ok() const noexcept { return ok_; }
    std::size_t remaining() const noexcept { return rest_.size(); }

    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(integer(1)); }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
    std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(integer(4)); }
    std::uint64_t u64() noexcept { return integer(8); }
    std::int32_t i32() noexcept { return static_cast<std::int32_t>(u32()); }

    // The next n bytes, as a view into the input.
    std::span<const std::uint8_t> bytes(std::size_t n) noexcept {
        if (n > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        auto taken = rest_.first(n);
        rest_ = rest_.subspan(n);
        return taken;
    }

    // A 32-bit length of at most `limit`, then that many bytes.
    std::string_view text(std::size_t limit) noexcept {
        const std::uint32_t n = u32();
        if (n > limit) {
            ok_ = false;
            rest_ = {};
        }
        auto taken = bytes(n);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

  private:
    std::uint64_t integer(std::size_t n) noexcept {
        auto taken = bytes(n);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < taken.size(); ++i)
            value |= static_cast<std::uint64_t>(taken[i]) << (8 * i);
        return value;
    }

    std::span<const std::uint8_t> rest_;
    bool ok_ = true;
};

// Appends to a vector that it does not own. May throw std::bad_alloc.
class wire_writer {
  public:
    explicit wire_writer(std::vector<std::uint8_t>& out) noexcept : out_(out) {}

    void u8(std::uint8_t v) { out_.push_back(v); }
    void u16(std::uint16_t v) { integer(v, 2); }
    void u32(std::uint32_t v) { integer(v, 4); }
    void u64(std::uint64_t v) { integer(v, 8); }
    void i32(std::int32_t v) { u32(static_cast<std::uint32_t>(v)); }
    void bytes(std::span<const std::uint8_t> b) { out_.insert(out_.end(), b.begin(), b.end()); }
    void text(std::string_view s) {
        u32(static_cast<std::uint32_t>(s.size()));
        bytes({reinterpret_cast<const std::uint8_t*>(s.data()), s.size()});
    }

  private:
    void integer(std::uint64_t v, std::size_t n) {
        std::uint8_t b[8];
        for (std::size_t i = 0; i < n; ++i)
            b[i] = static_cast<std::uint8_t>(v >> (8 * i));
        out_.insert(out_.end(), b, b + n);
    }

    std::vector<std::uint8_t>& out_;
};

} // namespace nixl::control
