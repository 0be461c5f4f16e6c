// Rails by where the devices are: those of a provider that are nearest to a GPU or a NUMA node, by sysfs.
#pragma once

#include "core/topology.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nixl::fabric {

inline constexpr std::string_view near_prefix = "near:";

// What `place` means: "node1", or the PCI address of an accelerator or network device, "0000:53:00.0". False and a
// sentence if this machine has no such place.
bool find_place(std::string_view place, const std::string& root, pci_location& to, std::string& why);

// `devices` are libfabric's domain names: "mlx5_0", "rdmap16s27-rdm", "eth0". The indices of those that are as near to
// `to` as any is, in their order; none if sysfs says of none how near it is.
std::vector<size_t> nearest_devices(std::span<const std::string> devices, std::span<const nic> nics,
                                    const pci_location& to);

} // namespace nixl::fabric
