#include "transports/fabric/rail_nearness.hpp"

#include <algorithm>
#include <charconv>

namespace nixl::fabric {

namespace {

// EFA's and verbs' names say the kind of endpoint behind a hyphen.
bool names(const std::string& device, const std::string& name) {
    return device == name || (device.size() > name.size() && device.starts_with(name) && device[name.size()] == '-');
}

pci_distance distance_of(const std::string& device, std::span<const nic> nics, const pci_location& to) {
    const auto found = std::find_if(nics.begin(), nics.end(), [&](const nic& n) {
        return names(device, n.name) ||
               std::find(n.interfaces.begin(), n.interfaces.end(), device) != n.interfaces.end();
    });
    return found == nics.end() ? pci_distance::unknown : distance(found->where, to);
}

} // namespace

bool find_place(std::string_view place, const std::string& root, pci_location& to, std::string& why) {
    constexpr std::string_view node = "node";
    if (place.starts_with(node)) {
        uint32_t number = 0;
        const char* end = place.data() + place.size();
        const auto [parsed, error] = std::from_chars(place.data() + node.size(), end, number);
        if (error == std::errc{} && parsed == end && number < numa_node_count(root)) {
            to = {{}, static_cast<int>(number)};
            return true;
        }
        why = "this machine has no NUMA " + std::string(place) + "; its nodes are node0 to node" +
              std::to_string(numa_node_count(root) - 1);
        return false;
    }
    const auto here = [&](const pci_location& where) { return !where.path.empty() && where.path.back() == place; };
    for (const accelerator& a : read_accelerators(root)) {
        if (here(a.where)) {
            to = a.where;
            return true;
        }
    }
    for (const nic& n : read_nics(root)) {
        if (here(n.where)) {
            to = n.where;
            return true;
        }
    }
    why = "no accelerator or network device has the PCI address '" + std::string(place) +
          "'; write it as lspci -D does, or name a NUMA node: node0";
    return false;
}

std::vector<size_t> nearest_devices(std::span<const std::string> devices, std::span<const nic> nics,
                                    const pci_location& to) {
    std::vector<pci_distance> distances;
    for (const std::string& device : devices) {
        distances.push_back(distance_of(device, nics, to));
    }
    std::vector<size_t> nearest;
    const auto best = std::min_element(distances.begin(), distances.end());
    for (size_t i = 0; i < devices.size() && *best != pci_distance::unknown; ++i) {
        if (distances[i] == *best) {
            nearest.push_back(i);
        }
    }
    return nearest;
}

} // namespace nixl::fabric
