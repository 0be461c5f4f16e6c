#include "transports/fabric/wire.hpp"

#include <type_traits>

namespace nixl::fabric {

namespace {

constexpr uint8_t version = 1;
constexpr size_t max_text = 200; // providers, hosts
constexpr size_t max_endpoint = 256;

template <typename T>
void put(std::string& out, T value) {
    static_assert(std::is_unsigned_v<T>);
    for (size_t i = 0; i < sizeof(T); ++i) {
        out.push_back(static_cast<char>(static_cast<uint8_t>(value >> (8 * i))));
    }
}

void put_text(std::string& out, std::string_view text) {
    put(out, static_cast<uint16_t>(text.size()));
    out.append(text);
}

// Reads from the front; once something was missing everything reads as empty and ok() is false.
class reader {
  public:
    explicit reader(std::string_view bytes) noexcept : rest_(bytes) {}

    template <typename T>
    T number() noexcept {
        if (rest_.size() < sizeof(T)) {
            ok_ = false;
            rest_ = {};
            return 0;
        }
        uint64_t value = 0;
        for (size_t i = 0; i < sizeof(T); ++i) {
            value |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
        }
        rest_.remove_prefix(sizeof(T));
        return static_cast<T>(value);
    }

    std::string_view text(size_t max) noexcept {
        const size_t length = number<uint16_t>();
        if (length > max || length > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        const std::string_view found = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return found;
    }

    bool ok() const noexcept { return ok_; }
    bool all() const noexcept { return ok_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

} // namespace

void encode(std::string& out, const advertised_address& m) {
    put(out, version);
    put(out, static_cast<uint8_t>(m.virtual_addresses ? 1 : 0));
    put(out, m.port);
    put_text(out, m.provider);
    put_text(out, m.host);
}

void encode(std::string& out, const advertised_key& m) {
    put(out, version);
    put(out, m.key);
    put(out, m.base);
}

void encode(std::string& out, const endpoint_name& m) {
    put(out, version);
    put_text(out, m.provider);
    put_text(out, m.address);
}

std::string encode_key(uint64_t key) {
    std::string out;
    put(out, key);
    return out;
}

wire_error decode(std::string_view bytes, advertised_address& m) {
    reader r(bytes);
    if (r.number<uint8_t>() != version) {
        return "fabric address of an unknown version";
    }
    const uint8_t flags = r.number<uint8_t>();
    m.port = r.number<uint16_t>();
    m.provider = r.text(max_text);
    m.host = r.text(max_text);
    if (!r.all() || flags > 1 || m.port == 0 || m.provider.empty() || m.host.empty()) {
        return "fabric address is malformed";
    }
    m.virtual_addresses = flags == 1;
    return nullptr;
}

wire_error decode(std::string_view bytes, advertised_key& m) {
    reader r(bytes);
    if (r.number<uint8_t>() != version) {
        return "fabric key of an unknown version";
    }
    m.key = r.number<uint64_t>();
    m.base = r.number<uint64_t>();
    return r.all() ? nullptr : "fabric key is malformed";
}

wire_error decode(std::string_view bytes, endpoint_name& m) {
    reader r(bytes);
    if (r.number<uint8_t>() != version) {
        return "fabric endpoint of an unknown version";
    }
    m.provider = r.text(max_text);
    m.address = r.text(max_endpoint);
    return r.all() && !m.provider.empty() && !m.address.empty() ? nullptr : "fabric endpoint is malformed";
}

wire_error decode_key(std::string_view bytes, uint64_t& key) {
    reader r(bytes);
    key = r.number<uint64_t>();
    return r.all() ? nullptr : "fabric key is malformed";
}

} // namespace nixl::fabric
