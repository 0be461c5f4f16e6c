// Loopback under EFA's rules, two agents of this process: nothing is ordered, writes are counted, rails die with writes
// in the network. Every byte arrives once, and none after its request has ended.
#pragma once

#include "soak/lane.hpp"

namespace nixl::soak {

class efa_lane final : public lane {
  public:
    explicit efa_lane(uint64_t seed) : lane("efa", seed) {}

  private:
    bool round(std::mt19937_64& random, uint64_t number) override;
};

} // namespace nixl::soak
