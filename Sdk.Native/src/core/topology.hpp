// Where this machine's network devices and accelerators are, read from sysfs: which are near each other, and near which
// memory. Reads files and keeps nothing; `root` is "/" but for tests, which bring a tree of their own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nixl {

// The way from the CPU to a device.
struct pci_location {
    std::vector<std::string> path; // host bridge ("pci0000:10"), bridges, the device's own address; empty: not on PCI
    int numa_node = -1;            // -1: unknown
};

enum class nic_kind : uint8_t { ethernet, infiniband, roce, efa };

struct nic {
    std::string name; // as libfabric names its domain: "mlx5_0", "rdmap16s27", "eth0"
    nic_kind kind = nic_kind::ethernet;
    std::vector<std::string> interfaces; // network interfaces of the same device; of an ethernet nic itself
    uint64_t bits_per_second = 0;        // 0: unknown
    bool up = false;
    pci_location where;
};

struct accelerator {
    std::string address; // "0000:53:00.0"
    uint16_t vendor = 0; // 0x10de NVIDIA, 0x1002 AMD, 0x1d0f Amazon …
    pci_location where;
};

// RDMA devices, and network interfaces on a device that has none; by name, numbers in them by value.
std::vector<nic> read_nics(const std::string& root = "/");
std::vector<accelerator> read_accelerators(const std::string& root = "/");
// 1 where the kernel does not say.
uint32_t numa_node_count(const std::string& root = "/");

// Nearest first. The names in brackets are those of `nvidia-smi topo`.
enum class pci_distance : uint8_t {
    same,        // one device [X]
    one_switch,  // at most one PCIe bridge between [PIX]
    switches,    // several, below one host bridge's port [PXB]
    host_bridge, // through a host bridge of the CPU [PHB]
    numa_node,   // between host bridges of one NUMA node [NODE]
    system,      // between NUMA nodes [SYS]
    unknown,     // no PCI address and no NUMA node to go by
};

pci_distance distance(const pci_location& a, const pci_location& b) noexcept;
inline pci_distance distance(const nic& a, const accelerator& b) noexcept {
    return distance(a.where, b.where);
}
inline pci_distance distance(const nic& a, const nic& b) noexcept {
    return distance(a.where, b.where);
}
// For memory of the host.
inline pci_distance distance(const nic& a, int numa_node) noexcept {
    return distance(a.where, {{}, numa_node});
}

// Indices of `nics`, nearest to `to` first; those equally near in their own order.
std::vector<uint32_t> nearest_first(std::span<const nic> nics, const pci_location& to);

std::string_view name_of(nic_kind kind) noexcept;
std::string_view name_of(pci_distance d) noexcept;

} // namespace nixl
