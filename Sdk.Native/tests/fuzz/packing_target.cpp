// The tables of packed slots and the messages about them. The first byte chooses the form.
#include "fuzz/targets.hpp"
#include "transports/fabric/packing/header.hpp"
#include "transports/fabric/packing/messages.hpp"

#include <memory>
#include <string_view>

namespace nixl::fuzz {

namespace {

using namespace nixl::fabric;

std::string_view characters(input data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

uint32_t word_of(input data) {
    return static_cast<uint32_t>(data[0] | data[1] << 8 | data[2] << 16 | static_cast<uint32_t>(data[3]) << 24);
}

// A payload length, then the table.
void slot_table(input data) {
    if (data.size() < 4)
        return;
    const uint32_t payload = word_of(data);
    packing::table t;
    if (packing::decode(data.subspan(4), payload, t) != nullptr)
        return;
    require(t.payload() == payload, "the payload is the one that was announced");
    require(t.runs() >= 1 && t.runs() <= packing::max_runs, "runs within the limit");
    require(t.regions() >= 1 && t.regions() <= packing::max_regions, "regions within the limit");
    uint64_t sum = 0;
    for (uint32_t i = 0; i < t.runs(); ++i) {
        const packing::run r = t.at(i);
        require(r.length != 0 && r.region < t.regions(), "a run has bytes and a region");
        (void)t.key(r.region);
        sum += r.length;
    }
    require(sum == payload, "the runs make up the payload");
}

template <class Message>
void message(input data) {
    Message m;
    if (!packing::decode(characters(data), m))
        return;
    const auto bytes = packing::encode(m);
    require(std::string_view(bytes.view()) == characters(data), "a message has one encoding");
}

void ring_message(input data) {
    packing::ring m;
    if (packing::decode(characters(data), m))
        require(packing::encode(m) == characters(data), "a ring has one encoding");
}

} // namespace

void packing_wire(input data) {
    if (data.empty())
        return;
    const input rest = data.subspan(1);
    switch (data[0] % 6) {
    case 0:
        return slot_table(rest);
    case 1:
        return message<packing::ring_wanted>(rest);
    case 2:
        return ring_message(rest);
    case 3:
        return message<packing::filled>(rest);
    case 4:
        return message<packing::scattered>(rest);
    default:
        return message<packing::forget>(rest);
    }
}

std::vector<bytes> packing_seeds() {
    std::vector<bytes> all;
    const auto writer = std::make_unique<packing::table_writer>();
    for (uint32_t i = 0; i < 5; ++i)
        (void)writer->add(i % 2, 0x1000 * i, 100 + i);
    std::vector<std::byte> table(writer->bytes());
    writer->write(table.data(), 7);
    const uint32_t payload = writer->payload();
    bytes& slot = all.emplace_back(5, uint8_t{0});
    for (unsigned i = 0; i < 4; ++i)
        slot[1 + i] = static_cast<uint8_t>(payload >> (8 * i));
    for (const std::byte b : table)
        slot.push_back(static_cast<uint8_t>(b));
    const auto add = [&all](uint8_t kind, std::string_view body) {
        bytes& seed = all.emplace_back(1, kind);
        seed.insert(seed.end(), body.begin(), body.end());
    };
    add(1, packing::encode(packing::ring_wanted{8, packing::min_slot_bytes}).view());
    add(2, packing::encode(packing::ring{8, packing::min_slot_bytes, "the key"}));
    add(3, packing::encode(packing::filled{1, 2, 3, 4, 5}).view());
    add(4, packing::encode(packing::scattered{1, 2, 0, 3}).view());
    add(5, packing::encode(packing::forget{1}).view());
    return all;
}

} // namespace nixl::fuzz
