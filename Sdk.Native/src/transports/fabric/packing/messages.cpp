#include "transports/fabric/packing/messages.hpp"

#include <bit>
#include <cstring>

namespace nixl::fabric::packing {

static_assert(std::endian::native == std::endian::little, "messages are little-endian");

struct body_writer {
    template <typename... T>
    static encoded all(T... values) noexcept {
        encoded e;
        static_assert((sizeof(T) + ... + 0) <= sizeof e.bytes_);
        const auto put = [&e](auto value) {
            std::memcpy(e.bytes_.data() + e.size_, &value, sizeof value);
            e.size_ += static_cast<uint32_t>(sizeof value);
        };
        (put(values), ...);
        return e;
    }
};

namespace {

template <typename... T>
bool read_all(std::string_view bytes, T&... values) noexcept {
    if (bytes.size() != (sizeof(T) + ... + 0)) {
        return false;
    }
    const char* at = bytes.data();
    const auto take = [&at](auto& value) {
        std::memcpy(&value, at, sizeof value);
        at += sizeof value;
    };
    (take(values), ...);
    return true;
}

} // namespace

encoded encode(const ring_wanted& m) noexcept {
    return body_writer::all(m.slots, m.slot_bytes);
}
std::string encode(const ring& m) {
    std::string out(body_writer::all(m.slots, m.slot_bytes).view());
    out.append(m.key);
    return out;
}
encoded encode(const filled& m) noexcept {
    return body_writer::all(m.request, m.sequence, m.slot, m.payload, m.table);
}
encoded encode(const scattered& m) noexcept {
    return body_writer::all(m.sequence, m.slot, m.status, m.run);
}
encoded encode(const forget& m) noexcept {
    return body_writer::all(m.request);
}

bool decode(std::string_view bytes, ring_wanted& m) noexcept {
    return read_all(bytes, m.slots, m.slot_bytes) && m.slots > 0 && m.slots <= max_slots &&
           m.slot_bytes >= min_slot_bytes && m.slot_bytes <= max_slot_bytes;
}
bool decode(std::string_view bytes, ring& m) noexcept {
    constexpr size_t fixed = sizeof m.slots + sizeof m.slot_bytes;
    if (bytes.size() < fixed || !read_all(bytes.substr(0, fixed), m.slots, m.slot_bytes)) {
        return false;
    }
    m.key = bytes.substr(fixed);
    return m.slots <= max_slots && (m.slots == 0 || (m.slot_bytes >= min_slot_bytes && m.slot_bytes <= max_slot_bytes));
}
bool decode(std::string_view bytes, filled& m) noexcept {
    return read_all(bytes, m.request, m.sequence, m.slot, m.payload, m.table);
}
bool decode(std::string_view bytes, scattered& m) noexcept {
    return read_all(bytes, m.sequence, m.slot, m.status, m.run);
}
bool decode(std::string_view bytes, forget& m) noexcept {
    return read_all(bytes, m.request);
}

} // namespace nixl::fabric::packing
