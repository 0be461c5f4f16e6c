// What must be true of every byte and every notification after a round.
#include "soak/initiator_lane.hpp"

#include "core/failure.hpp"
#include "support/pattern.hpp"
#include "support/process_resources.hpp"

#include <cstring>
#include <set>

namespace nixl::soak {

using namespace nixl::test;

// One operation's destinations: all of the source where it succeeded; where it did not, each byte is the source's or
// what was there before.
bool initiator_lane::check_one(const planned& p, std::span<const std::byte> source, std::span<const std::byte> got,
                               std::vector<bool>& touched) {
    const bool write = op_ == NIXL_OP_WRITE;
    const scattered& from = write ? *local_layout_ : *remote_layout_;
    const scattered& to = write ? *remote_layout_ : *local_layout_;
    for (size_t i = 0; i < p.local.size(); ++i)
        for (size_t r = 0; r < to.regions(); ++r) {
            const uint64_t length = to.length(r);
            const uint64_t at = to.offset(r, write ? p.remote[i] : p.local[i]);
            const uint64_t source_at = from.offset(r, write ? p.local[i] : p.remote[i]);
            for (uint64_t k = 0; k < length; ++k)
                touched[at + k] = true;
            if (taken_back_) // poisoned afterwards: not one byte may have come since
                continue;
            if (std::memcmp(&got[at], &source[source_at], length) == 0)
                continue;
            for (uint64_t k = 0; k < length; ++k)
                if (got[at + k] != source[source_at + k] && (p.status == NIXL_SUCCESS || got[at + k] != poison))
                    return wrong("byte " + std::to_string(at + k) + " is wrong in an operation that ended with " +
                                 status_name(p.status) + (write ? " (write)" : " (read)"));
        }
    return true;
}

bool initiator_lane::check_memory(uint64_t number) {
    step("comparing");
    const bool write = op_ == NIXL_OP_WRITE;
    std::vector<std::byte> there(bytes_);
    if (gone_) { // nobody can look; a read that succeeded has its bytes here
        if (write)
            return true;
        there = before_there_;
    } else if (!read_process(there_->pid(), there_->address(), there.data(), bytes_)) {
        return wrong("the other process's memory cannot be read");
    }
    if (!write && there != before_there_)
        return wrong("a read changed its source");
    if (write && memory_ != before_here_)
        return wrong("a write changed its source");
    const std::span<const std::byte> source = write ? before_here_ : before_there_;
    const std::span<const std::byte> got = write ? there : memory_;
    std::vector<bool> touched(bytes_);
    for (const planned& p : planned_)
        if (!check_one(p, source, got, touched))
            return false;
    for (uint64_t i = 0; i < bytes_; ++i)
        if ((!touched[i] || taken_back_) && got[i] != poison)
            return wrong("byte " + std::to_string(i) +
                         (touched[i] ? " changed after it was deregistered" : " is nobody's, but was written") +
                         " in round " + std::to_string(number));
    return true;
}

// Each success was told, each was told at most once, and nothing else was.
bool initiator_lane::check_notifications() {
    if (gone_)
        return true;
    step("reading notifications");
    std::multiset<uint32_t> told;
    for (;;) {
        const auto got = there_->notifications(64, 0);
        for (const auto& payload : got) {
            uint32_t i = UINT32_MAX;
            if (payload.size() == sizeof i)
                std::memcpy(&i, payload.data(), sizeof i);
            if (i >= planned_.size() || !planned_[i].notify)
                return wrong("a notification that nobody sent");
            told.insert(i);
        }
        if (got.size() < 64)
            break;
    }
    for (uint32_t i = 0; i < planned_.size(); ++i) {
        if (told.count(i) > 1)
            return wrong("a notification came twice");
        if (planned_[i].notify && planned_[i].status == NIXL_SUCCESS && told.count(i) == 0)
            return wrong("an operation succeeded, but its notification is not there");
    }
    return true;
}

} // namespace nixl::soak
