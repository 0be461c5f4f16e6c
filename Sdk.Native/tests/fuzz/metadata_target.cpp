#include "core/blob_format.hpp"
#include "fuzz/targets.hpp"

#include <string>

namespace nixl::fuzz {

namespace {

metadata_export again(const peer_metadata& m) {
    metadata_export out;
    out.name = m.name;
    out.incarnation = m.incarnation;
    out.process = m.process;
    out.access_token = m.access_token;
    out.addresses = m.addresses;
    for (const auto& r : m.regions) {
        region_export& e = out.regions.emplace_back();
        e.id = r->id;
        e.base = r->base;
        e.length = r->length;
        e.device = r->device;
        e.kind = r->kind;
        for (uint32_t i = 0; i < transport_count; ++i)
            e.keys[i] = r->key(static_cast<nixl_transport_t>(1u << i));
    }
    return out;
}

// The checksum would keep everything that is interesting out of reach.
void seal(bytes& blob) {
    if (blob.size() < 24)
        return;
    const auto put = [&](size_t at, uint64_t value) {
        for (size_t i = 0; i < 8; ++i)
            blob[at + i] = static_cast<uint8_t>(value >> (8 * i));
    };
    put(8, blob.size());
    put(blob.size() - 8, blob_checksum({blob.data(), blob.size() - 8}));
}

} // namespace

void metadata(input data) {
    if (data.empty())
        return;
    bytes blob(data.begin() + 1, data.end());
    if ((data[0] & 1) != 0)
        seal(blob);
    peer_metadata decoded;
    if (!decode_metadata(blob, decoded).ok())
        return;
    require(valid_agent_name(decoded.name), "an accepted name is valid");
    require(decoded.incarnation != 0, "an accepted incarnation is not 0");
    require(decoded.regions.size() <= blob.size(), "no more regions than bytes");
    for (size_t i = 0; i < decoded.regions.size(); ++i) {
        const remote_region& r = *decoded.regions[i];
        require(r.base + r.length >= r.base, "a region does not wrap");
        require(r.length <= decoded.longest_region, "longest_region is the longest");
        require(i == 0 || !region_order(r, *decoded.regions[i - 1]), "regions are in order");
    }
    // What was accepted can be written and is then read as the same.
    std::string written;
    encode_metadata(again(decoded), written);
    peer_metadata second;
    require(decode_metadata({reinterpret_cast<const uint8_t*>(written.data()), written.size()}, second).ok(),
            "what was decoded encodes to what can be decoded");
    require(second.name == decoded.name && second.incarnation == decoded.incarnation &&
                second.addresses == decoded.addresses && second.regions.size() == decoded.regions.size(),
            "the same comes back");
}

std::vector<bytes> metadata_seeds() {
    std::vector<bytes> all;
    for (const unsigned regions : {0u, 1u, 5u}) {
        metadata_export m;
        m.name = "decode-0.rank_3";
        m.incarnation = 0xfeed'beef;
        m.process = {"11111111-2222-3333-4444-555555555555", 1234, 0xabcdef, 0x77, 1000};
        m.addresses = {"loop", "local-address", "fabric"};
        for (unsigned i = 0; i < regions; ++i)
            m.regions.push_back(
                {100 + i, (1 + i) * (1ull << 33), 1ull << 20, 0, NIXL_MEMORY_DRAM, {"k1", "", "key-3"}});
        std::string out;
        encode_metadata(m, out);
        bytes sealed(1, 1);
        sealed.insert(sealed.end(), out.begin(), out.end());
        all.push_back(sealed);
        sealed[0] = 0;
        all.push_back(std::move(sealed));
    }
    return all;
}

} // namespace nixl::fuzz
