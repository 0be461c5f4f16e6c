#include "transports/fabric/packing/header.hpp"

#include <bit>
#include <cstring>

namespace nixl::fabric::packing {

static_assert(std::endian::native == std::endian::little, "tables are little-endian");
static_assert(sizeof(run) == run_bytes);

namespace {

template <typename T>
T load(const uint8_t* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <typename T>
std::byte* store(std::byte* to, T value) noexcept {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

} // namespace

uint64_t table::key(uint32_t region) const noexcept {
    return load<uint64_t>(keys_ + region * key_bytes);
}

run table::at(uint32_t index) const noexcept {
    return load<run>(run_table_ + index * run_bytes);
}

const char* decode(std::span<const uint8_t> bytes, uint32_t payload, table& out) noexcept {
    if (bytes.size() < header_bytes) {
        return "the table is shorter than its header";
    }
    const uint8_t* at = bytes.data();
    if (load<uint32_t>(at) != header_magic || load<uint16_t>(at + 4) != header_version) {
        return "not a table of a known version";
    }
    out.regions_ = load<uint16_t>(at + 6);
    out.runs_ = load<uint32_t>(at + 8);
    out.payload_ = load<uint32_t>(at + 12);
    out.sequence_ = load<uint64_t>(at + 16);
    if (out.regions_ == 0 || out.regions_ > max_regions || out.runs_ == 0 || out.runs_ > max_runs) {
        return "more regions or runs than the limit, or none";
    }
    if (bytes.size() != table_bytes(out.regions_, out.runs_)) {
        return "the table's length is not that of its runs";
    }
    out.keys_ = at + header_bytes;
    out.run_table_ = out.keys_ + out.regions_ * key_bytes;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < out.runs_; ++i) {
        const run r = out.at(i);
        if (r.length == 0) {
            return "an empty run";
        }
        if (r.region >= out.regions_) {
            return "a run in a region that the table does not have";
        }
        sum += r.length;
    }
    if (out.payload_ != payload || sum != payload) {
        return "the runs' lengths do not add up to the payload";
    }
    return nullptr;
}

bool table_writer::add(uint64_t key, uint64_t address, uint32_t length) noexcept {
    if (runs_ == max_runs) {
        return false;
    }
    uint32_t region = regions_;
    while (region > 0 && keys_[region - 1] != key) { // mostly the last one
        --region;
    }
    if (region == 0) {
        if (regions_ == max_regions) {
            return false;
        }
        keys_[regions_] = key;
        region = ++regions_;
    }
    run_table_[runs_++] = {address, length, region - 1};
    payload_ += length;
    return true;
}

void table_writer::write(std::byte* to, uint64_t sequence) const noexcept {
    to = store(to, header_magic);
    to = store(to, header_version);
    to = store(to, static_cast<uint16_t>(regions_));
    to = store(to, runs_);
    to = store(to, payload_);
    to = store(to, sequence);
    std::memcpy(to, keys_, regions_ * key_bytes);
    std::memcpy(to + regions_ * key_bytes, run_table_, runs_ * run_bytes);
}

} // namespace nixl::fabric::packing
