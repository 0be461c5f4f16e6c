// The other process writes to us without end, and is stopped, killed or outlived while we take the memory back: after
// deregistration not one byte of it may change.
#pragma once

#include "soak/lane.hpp"
#include "support/peer_process.hpp"

#include <memory>
#include <vector>

namespace nixl::soak {

class target_lane final : public lane {
  public:
    target_lane(std::vector<wire> over, uint64_t seed) : lane("target", seed), wires_(std::move(over)) {}

  private:
    bool round(std::mt19937_64& random, uint64_t number) override;
    const std::vector<wire> wires_;
};

} // namespace nixl::soak
