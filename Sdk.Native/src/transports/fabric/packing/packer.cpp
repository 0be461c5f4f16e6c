#include "transports/fabric/packing/packer.hpp"

#include <cstring>

namespace nixl::fabric::packing {

void packer::granted(uint32_t slots, uint32_t slot_bytes, advertised_key key) {
    slots_ = slots;
    slot_bytes_ = slot_bytes;
    remote_ = std::move(key);
    state_ = state::opening;
}

void packer::opened(std::unique_ptr<staging> own) {
    own_ = std::move(own);
    origins_.resize(size_t{slots_} * max_runs);
    state_ = state::ready;
}

uint32_t packer::find_free() const noexcept {
    for (uint32_t i = 0; i < slots_; ++i) {
        const uint32_t slot = (next_ + i) % slots_;
        if (!places_[slot].used) {
            return slot;
        }
    }
    return no_slot;
}

bool packer::begin() noexcept {
    filling_ = find_free();
    writer_.clear();
    return filling_ != no_slot;
}

uint64_t packer::room() const noexcept {
    const uint64_t taken = writer_.payload() + max_table_bytes;
    return writer_.runs() == max_runs || taken >= slot_bytes_ ? 0 : slot_bytes_ - taken;
}

bool packer::add(const std::byte* from, uint64_t length, uint64_t address, uint64_t key, uint64_t entry) noexcept {
    const uint64_t at = writer_.payload();
    const uint32_t index = writer_.runs();
    if (!writer_.add(key, address, static_cast<uint32_t>(length))) {
        return false;
    }
    std::memcpy(own_->slot(filling_) + at, from, length);
    origins_[size_t{filling_} * max_runs + index] = {entry, address, length};
    return true;
}

uint32_t packer::end() noexcept {
    place& p = places_[filling_];
    p.sequence = ++sequence_;
    p.payload = writer_.payload();
    p.table = static_cast<uint32_t>(writer_.bytes());
    p.runs = writer_.runs();
    p.used = true;
    p.told = false;
    writer_.write(own_->slot(filling_) + p.payload, p.sequence);
    pieces_ += p.runs;
    next_ = (filling_ + 1) % slots_;
    return filling_;
}

filled packer::tell(uint32_t slot, uint64_t request) noexcept {
    place& p = places_[slot];
    p.told = true;
    return {request, p.sequence, slot, p.payload, p.table};
}

bool packer::answers(const scattered& m) const noexcept {
    return m.slot < slots_ && places_[m.slot].used && places_[m.slot].told && places_[m.slot].sequence == m.sequence &&
           m.run < places_[m.slot].runs;
}

origin packer::origin_of(uint32_t slot, uint32_t run) const noexcept {
    return origins_[size_t{slot} * max_runs + run];
}

void packer::free(uint32_t slot) noexcept {
    places_[slot].used = false;
    places_[slot].told = false;
}

} // namespace nixl::fabric::packing
