// Decodes metadata that nobody vouches for: every length is checked against what is left, every value against its
// range.
#include "core/blob_format.hpp"

#include <algorithm>
#include <cinttypes>
#include <new>

namespace nixl {

namespace {

class reader {
  public:
    explicit reader(std::span<const uint8_t> bytes) noexcept : bytes_(bytes) {}

    std::size_t left() const noexcept { return bytes_.size(); }
    bool good() const noexcept { return good_; }

    template <class T>
    T get() noexcept {
        uint64_t value = 0;
        const std::span<const uint8_t> from = take(sizeof(T));
        for (std::size_t i = 0; i < from.size(); ++i)
            value |= static_cast<uint64_t>(from[i]) << (8 * i);
        return static_cast<T>(value);
    }
    // Empty, and good() false from now on, if there are not that many.
    std::span<const uint8_t> take(std::size_t n) noexcept {
        if (!good_ || n > bytes_.size()) {
            good_ = false;
            return {};
        }
        const auto taken = bytes_.first(n);
        bytes_ = bytes_.subspan(n);
        return taken;
    }
    std::string_view text() noexcept {
        const auto from = take(get<uint16_t>());
        return {reinterpret_cast<const char*>(from.data()), from.size()};
    }

  private:
    std::span<const uint8_t> bytes_;
    bool good_ = true;
};

failure mismatch(const char* what) noexcept {
    return fail(NIXL_ERR_MISMATCH, "the metadata is unreadable: %s", what);
}

failure read_identity(reader in, peer_metadata& out) {
    if (!out.name.empty())
        return mismatch("it has two identities");
    const std::string_view name = in.text();
    out.incarnation = in.get<uint64_t>();
    const std::string_view boot_id = in.text();
    out.process.process_id = in.get<uint64_t>();
    out.process.process_nonce = in.get<uint64_t>();
    out.process.pid_namespace = in.get<uint64_t>();
    out.process.user_id = in.get<uint32_t>();
    const auto token = in.take(out.access_token.size());
    if (!in.good())
        return mismatch("its identity is cut short");
    if (!valid_agent_name(name) || out.incarnation == 0 || boot_id.size() > 64)
        return mismatch("its identity has an invalid name, incarnation or boot id");
    std::copy(token.begin(), token.end(), out.access_token.begin());
    out.name = name;
    out.process.boot_id = boot_id;
    return failure::success();
}

bool known_transport(uint32_t kind) noexcept {
    return kind == NIXL_TRANSPORT_LOOPBACK || kind == NIXL_TRANSPORT_LOCAL || kind == NIXL_TRANSPORT_FABRIC;
}

failure read_address(reader in, peer_metadata& out) {
    const auto kind = in.get<uint32_t>();
    if (!in.good() || in.left() == 0 || in.left() > max_transport_address)
        return mismatch("a transport's address is empty or too long");
    if (!known_transport(kind))
        return failure::success(); // a newer peer's transport
    std::string& address = out.addresses[transport_index(static_cast<nixl_transport_t>(kind))];
    if (!address.empty())
        return mismatch("it has two addresses for one transport");
    const auto bytes = in.take(in.left());
    address.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return failure::success();
}

failure read_region(reader in, peer_metadata& out) {
    auto region = std::make_shared<remote_region>();
    region->id = in.get<uint64_t>();
    region->base = in.get<uint64_t>();
    region->length = in.get<uint64_t>();
    region->device = in.get<uint64_t>();
    const auto kind = in.get<uint32_t>();
    if (!in.good())
        return mismatch("a region is cut short");
    if (kind > NIXL_MEMORY_FILE || region->length == 0 || region->length > UINT64_MAX - region->base)
        return mismatch("a region has an unknown memory kind, is empty or wraps around");
    region->kind = static_cast<nixl_memory_kind_t>(kind);
    while (in.left() > 0) {
        const auto transport = in.get<uint8_t>();
        const auto key = in.take(in.get<uint8_t>());
        if (!in.good() || key.size() > max_region_key)
            return mismatch("a region's key is cut short or too long");
        if (known_transport(transport))
            region->keys[transport_index(static_cast<nixl_transport_t>(transport))].assign(
                reinterpret_cast<const char*>(key.data()), key.size());
    }
    out.longest_region = std::max(out.longest_region, region->length);
    out.regions.push_back(std::move(region));
    return failure::success();
}

failure read_section(reader& in, peer_metadata& out) {
    const auto type = in.get<uint16_t>();
    const auto flags = in.get<uint16_t>();
    const auto length = in.get<uint32_t>();
    const auto body = in.take(length);
    if (!in.good())
        return mismatch("a section is cut short");
    switch (type) { // any number may come: a newer writer's sections are skipped unless it says that they are critical
    case static_cast<uint16_t>(blob_section::identity):
        return read_identity(reader(body), out);
    case static_cast<uint16_t>(blob_section::address):
        return read_address(reader(body), out);
    case static_cast<uint16_t>(blob_section::region):
        return read_region(reader(body), out);
    default:
        return (flags & blob_critical) == 0 ? failure::success() : mismatch("it needs a newer version of this library");
    }
}

failure decode(std::span<const uint8_t> bytes, peer_metadata& out) {
    constexpr std::size_t header = 16;
    constexpr std::size_t trailer = 8;
    if (bytes.size() > blob_largest)
        return mismatch("it is larger than 256 MiB");
    reader head(bytes);
    if (head.get<uint32_t>() != blob_magic)
        return mismatch("it does not begin like metadata of this library");
    if (const auto version = head.get<uint16_t>(); version != blob_version)
        return fail(NIXL_ERR_MISMATCH, "the metadata has version %u; this library reads version %u", version,
                    blob_version);
    head.get<uint16_t>();
    if (head.get<uint64_t>() != bytes.size() || !head.good() || bytes.size() < header + trailer)
        return mismatch("its length is not what it says");
    const auto checked = bytes.first(bytes.size() - trailer);
    if (reader(bytes.last(trailer)).get<uint64_t>() != blob_checksum(checked))
        return mismatch("its checksum is wrong");

    reader sections(checked.subspan(header));
    while (sections.left() > 0)
        if (failure f = read_section(sections, out); !f.ok())
            return f;
    if (out.name.empty())
        return mismatch("it has no identity");
    std::stable_sort(out.regions.begin(), out.regions.end(),
                     [](const auto& a, const auto& b) { return region_order(*a, *b); });
    return failure::success();
}

} // namespace

failure decode_metadata(std::span<const uint8_t> bytes, peer_metadata& out) noexcept {
    try {
        return decode(bytes, out);
    } catch (const std::bad_alloc&) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory to decode the metadata");
    }
}

} // namespace nixl
