// The target's side of packing, of one connection: its staging ring and the slots that wait to be scattered.
//
//   slot:  free ──filled──> waiting ──scatter_one()──> free (the answer says so)
//
// A slot's table is copied out before it is read, because the peer can still write into the slot; each run is checked
// against our own registrations before a byte of it is copied. A request that the peer has cancelled is not scattered.
// Progress thread only.
#pragma once

#include "transports/fabric/packing/granted.hpp"
#include "transports/fabric/packing/header.hpp"
#include "transports/fabric/packing/messages.hpp"
#include "transports/fabric/packing/staging.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace nixl::fabric::packing {

class scatterer {
  public:
    scatterer(granted_regions& granted, std::unique_ptr<staging> ring);

    const staging& memory() const noexcept { return *ring_; }
    // nullptr, or what is wrong with the message: a protocol error, nothing was taken.
    const char* take(const filled& m) noexcept;
    void drop(const forget& m) noexcept;
    bool waiting() const noexcept { return count_ != 0; }
    // The oldest waiting slot. nullptr and the answer to send, or a protocol error.
    const char* scatter_one(scattered& answer) noexcept;
    // Nothing that waits will be scattered any more.
    void clear() noexcept { count_ = 0; }

  private:
    struct place {
        uint64_t sequence = 0; // of its last use
        bool waiting = false;
    };
    struct job {
        filled what;
        bool forgotten = false;
    };
    const char* scatter(const filled& m, scattered& answer) noexcept;

    granted_regions& granted_;
    const std::unique_ptr<staging> ring_;
    std::array<place, max_slots> places_{};
    std::array<job, max_slots> jobs_{}; // a ring: first_ … first_ + count_
    uint32_t first_ = 0;
    uint32_t count_ = 0;
    std::vector<uint8_t> table_;
    std::array<const granted_region*, max_regions> held_{};
};

} // namespace nixl::fabric::packing
