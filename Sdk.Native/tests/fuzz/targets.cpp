#include "fuzz/targets.hpp"

#include <array>

namespace nixl::fuzz {

std::vector<bytes> metadata_seeds();
std::vector<bytes> control_seeds();
std::vector<bytes> local_seeds();
std::vector<bytes> fabric_seeds();
std::vector<bytes> packing_seeds();

std::span<const target> targets() {
    static constexpr std::array all{
        target{"metadata", metadata, metadata_seeds},   target{"control", control_wire, control_seeds},
        target{"local", local_wire, local_seeds},       target{"fabric", fabric_wire, fabric_seeds},
        target{"packing", packing_wire, packing_seeds},
    };
    return all;
}

} // namespace nixl::fuzz
