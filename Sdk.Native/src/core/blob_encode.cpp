#include "core/blob_format.hpp"

namespace nixl {

namespace {

template <class T>
void put(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
        out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xff);
}

void put_short(std::string& out, std::string_view text) { // at most 65535 bytes: callers' values are bounded
    put(out, static_cast<uint16_t>(text.size()));
    out += text;
}

// Begins a section; returns where its length is to be filled in.
std::size_t begin_section(std::string& out, blob_section type, uint16_t flags) {
    put(out, static_cast<uint16_t>(type));
    put(out, flags);
    put(out, uint32_t{0});
    return out.size();
}

void end_section(std::string& out, std::size_t begin) {
    const auto length = static_cast<uint32_t>(out.size() - begin);
    for (std::size_t i = 0; i < 4; ++i)
        out[begin - 4 + i] = static_cast<char>(length >> (8 * i) & 0xff);
}

} // namespace

bool valid_agent_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > NIXL_NAME_MAX)
        return false;
    for (const char c : name)
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return false;
    return true;
}

void encode_metadata(const metadata_export& from, std::string& out) {
    out.clear();
    put(out, blob_magic);
    put(out, blob_version);
    put(out, uint16_t{0});
    put(out, uint64_t{0}); // total length, below

    std::size_t begin = begin_section(out, blob_section::identity, blob_critical);
    put_short(out, from.name);
    put(out, from.incarnation);
    put_short(out, from.process.boot_id);
    put(out, from.process.process_id);
    put(out, from.process.process_nonce);
    put(out, from.process.pid_namespace);
    put(out, from.process.user_id);
    out.append(reinterpret_cast<const char*>(from.access_token.data()), from.access_token.size());
    end_section(out, begin);

    for (uint32_t i = 0; i < transport_count; ++i) {
        if (from.addresses[i].empty())
            continue;
        begin = begin_section(out, blob_section::address, 0);
        put(out, static_cast<uint32_t>(transport_at(i)));
        out += from.addresses[i];
        end_section(out, begin);
    }
    for (const region_export& r : from.regions) {
        begin = begin_section(out, blob_section::region, 0);
        put(out, r.id);
        put(out, r.base);
        put(out, r.length);
        put(out, r.device);
        put(out, static_cast<uint32_t>(r.kind));
        for (uint32_t i = 0; i < transport_count; ++i) {
            if (r.keys[i].empty())
                continue;
            put(out, static_cast<uint8_t>(transport_at(i)));
            put(out, static_cast<uint8_t>(r.keys[i].size()));
            out += r.keys[i];
        }
        end_section(out, begin);
    }

    const uint64_t total = out.size() + sizeof(uint64_t);
    for (std::size_t i = 0; i < 8; ++i)
        out[8 + i] = static_cast<char>(total >> (8 * i) & 0xff);
    put(out, blob_checksum({reinterpret_cast<const uint8_t*>(out.data()), out.size()}));
}

} // namespace nixl
