#include "transports/fabric/packing/scatterer.hpp"

#include "nixl_sdk.h"

#include <cstring>

namespace nixl::fabric::packing {

scatterer::scatterer(granted_regions& granted, std::unique_ptr<staging> ring)
    : granted_(granted), ring_(std::move(ring)), table_(max_table_bytes) {}

const char* scatterer::take(const filled& m) noexcept {
    if (m.slot >= ring_->slots()) {
        return "a slot that the ring does not have";
    }
    place& p = places_[m.slot];
    if (p.waiting) {
        return "a slot that has not been given back";
    }
    if (m.sequence <= p.sequence) {
        return "a slot's sequence number does not grow";
    }
    if (m.table > max_table_bytes || m.payload > ring_->slot_bytes() || m.table > ring_->slot_bytes() - m.payload) {
        return "more bytes than the slot has";
    }
    p = {m.sequence, true};
    jobs_[(first_ + count_) % max_slots] = {m, false}; // a slot waits once: there is room
    ++count_;
    return nullptr;
}

void scatterer::drop(const forget& m) noexcept {
    for (uint32_t i = 0; i < count_; ++i) {
        job& j = jobs_[(first_ + i) % max_slots];
        j.forgotten |= j.what.request == m.request;
    }
}

const char* scatterer::scatter_one(scattered& answer) noexcept {
    const job j = jobs_[first_];
    first_ = (first_ + 1) % max_slots;
    --count_;
    places_[j.what.slot].waiting = false;
    answer = {j.what.sequence, j.what.slot, j.forgotten ? NIXL_ERR_CANCELED : NIXL_SUCCESS, 0};
    return j.forgotten ? nullptr : scatter(j.what, answer);
}

const char* scatterer::scatter(const filled& m, scattered& answer) noexcept {
    const std::byte* slot = ring_->slot(m.slot);
    std::memcpy(table_.data(), slot + m.payload, m.table);
    table t;
    if (const char* error = decode({table_.data(), m.table}, m.payload, t)) {
        return error;
    }
    if (t.sequence() != m.sequence) {
        return "a slot's table is of another use of it";
    }
    for (uint32_t i = 0; i < t.regions(); ++i) {
        held_[i] = granted_.acquire(t.key(i));
    }
    const char* error = nullptr;
    uint64_t from = 0;
    for (uint32_t i = 0; i < t.runs() && answer.status == NIXL_SUCCESS; ++i) {
        const run r = t.at(i);
        const granted_region* region = held_[r.region];
        if (region == nullptr || !region->writable) {
            answer.status = region == nullptr ? NIXL_ERR_NOT_FOUND : NIXL_ERR_PERMISSION;
            answer.run = i;
        } else if (!region->covers(r.address, r.length)) {
            error = "a packed run outside of its region";
            break;
        } else {
            std::memcpy(reinterpret_cast<void*>(r.address), slot + from, r.length);
            from += r.length;
        }
    }
    for (uint32_t i = 0; i < t.regions(); ++i) {
        if (held_[i] != nullptr) {
            granted_.release(held_[i]);
        }
    }
    return error;
}

} // namespace nixl::fabric::packing
