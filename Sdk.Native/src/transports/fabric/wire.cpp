#include "transports/fabric/wire.hpp"

#include <algorithm>
#include <type_traits>

namespace nixl::fabric {

namespace {

constexpr uint8_t version = 2;
constexpr size_t max_text = 200;     // providers, hosts
constexpr size_t max_endpoint = 112; // so that max_rails of them fit into a HELLO
constexpr size_t max_key = 320;      // of all rails
constexpr uint8_t short_key = 4;     // bytes of a key whose upper half is zero, as device keys are
constexpr uint8_t long_key = 8;

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
    put(out, static_cast<uint8_t>(m.rails));
}

void encode(std::string& out, const advertised_key& m) {
    const bool narrow = std::all_of(m.keys.begin(), m.keys.end(), [](uint64_t k) { return k <= UINT32_MAX; });
    put(out, version);
    put(out, m.base);
    put(out, narrow ? short_key : long_key);
    put(out, static_cast<uint8_t>(m.keys.size()));
    for (const uint64_t k : m.keys) {
        narrow ? put(out, static_cast<uint32_t>(k)) : put(out, k);
    }
}

void encode(std::string& out, const endpoint_names& m) {
    put(out, version);
    put_text(out, m.provider);
    put(out, static_cast<uint8_t>(m.addresses.size()));
    for (const std::string& address : m.addresses) {
        put_text(out, address);
    }
    if (!m.scratch.empty()) {
        put_text(out, m.scratch);
    }
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
    m.rails = r.number<uint8_t>();
    if (!r.all() || m.rails == 0 || m.rails > max_rails || flags > 1 || m.port == 0 || m.provider.empty() ||
        m.host.empty()) {
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
    m.base = r.number<uint64_t>();
    const uint8_t width = r.number<uint8_t>();
    const uint32_t count = r.number<uint8_t>();
    if (!r.ok() || count == 0 || count > max_rails || (width != short_key && width != long_key)) {
        return "fabric key is malformed";
    }
    m.keys.resize(count);
    for (uint64_t& k : m.keys) {
        k = width == short_key ? r.number<uint32_t>() : r.number<uint64_t>();
    }
    return r.all() ? nullptr : "fabric key is malformed";
}

wire_error decode(std::string_view bytes, endpoint_names& m) {
    reader r(bytes);
    if (r.number<uint8_t>() != version) {
        return "fabric endpoints of an unknown version";
    }
    m.provider = r.text(max_text);
    const uint32_t count = r.number<uint8_t>();
    if (!r.ok() || m.provider.empty() || count == 0 || count > max_rails) {
        return "fabric endpoints are malformed";
    }
    m.addresses.resize(count);
    for (std::string& address : m.addresses) {
        address = r.text(max_endpoint);
        if (address.empty()) {
            return "fabric endpoints are malformed";
        }
    }
    m.scratch = r.all() ? std::string_view{} : r.text(max_key);
    return r.all() ? nullptr : "fabric endpoints are malformed";
}

wire_error decode_key(std::string_view bytes, uint64_t& key) {
    reader r(bytes);
    key = r.number<uint64_t>();
    return r.all() ? nullptr : "fabric key is malformed";
}

} // namespace nixl::fabric
