// The regions that peers may write into, by key: what the runs of packed slots are checked against. A region that is
// being deregistered is gone from here before anyone waits for anything else, and taking it out waits for the copies
// into it that are running at that moment.
#pragma once

#include "core/deadline.hpp"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace nixl::fabric::packing {

struct granted_region {
    uint64_t base = 0;
    uint64_t length = 0;
    bool writable = true; // this process may write there: known after the first use

    bool covers(uint64_t at, uint64_t bytes) const noexcept {
        return at >= base && bytes <= length && at - base <= length - bytes;
    }

  private:
    friend class granted_regions;
    uint64_t in_use = 0;  // under the table's lock, as all below
    bool removed = false; // waits for in_use to become zero
    bool probed = false;
};

// Any thread.
class granted_regions {
  public:
    void add(uint64_t key, uint64_t base, uint64_t length);
    // Returns when nothing is copied into it any more; false if that has not come by the deadline (nothing new starts).
    bool remove(uint64_t key, deadline until) noexcept;

    // Null: no such region. Stays valid until release().
    const granted_region* acquire(uint64_t key) noexcept;
    void release(const granted_region* region) noexcept;

  private:
    std::mutex mutex_;
    std::condition_variable idle_;
    std::unordered_map<uint64_t, std::unique_ptr<granted_region>> regions_;
};

} // namespace nixl::fabric::packing
