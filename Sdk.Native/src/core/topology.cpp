#include "core/topology.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <system_error>

namespace nixl {

namespace {

namespace fs = std::filesystem;

// One line of a sysfs file; empty if it cannot be read.
std::string read_line(const fs::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line;
}

std::optional<int64_t> read_number(const fs::path& file, int base = 10) {
    const std::string line = read_line(file);
    const bool prefixed = base == 16 && line.starts_with("0x");
    int64_t value = 0;
    const char* first = line.data() + (prefixed ? 2 : 0);
    const char* last = line.data() + line.size();
    const auto [end, error] = std::from_chars(first, last, value, base);
    return error == std::errc{} && end != first ? std::optional(value) : std::nullopt;
}

// The names in a folder; none if there is no such folder.
std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> found;
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
        found.push_back(i->path().filename().string());
    }
    return found;
}

// "eth2" before "eth10".
bool natural_less(std::string_view a, std::string_view b) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    size_t i = 0;
    size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (digit(a[i]) && digit(b[j])) {
            const auto end_of = [&](std::string_view s, size_t at) {
                while (at < s.size() && digit(s[at])) {
                    ++at;
                }
                return at;
            };
            const size_t a_end = end_of(a, i);
            const size_t b_end = end_of(b, j);
            const auto number = [](std::string_view s) {
                s.remove_prefix(std::min(s.find_first_not_of('0'), s.size()));
                return s;
            };
            const std::string_view x = number(a.substr(i, a_end - i));
            const std::string_view y = number(b.substr(j, b_end - j));
            if (x.size() != y.size()) {
                return x.size() < y.size();
            }
            if (x != y) {
                return x < y;
            }
            i = a_end;
            j = b_end;
        } else if (a[i] != b[j]) {
            return a[i] < b[j];
        } else {
            ++i;
            ++j;
        }
    }
    return a.size() - i < b.size() - j;
}

// 0000:53:00.0
bool is_pci_address(std::string_view text) {
    constexpr std::string_view form = "hhhh:hh:hh.h";
    return text.size() == form.size() && std::equal(text.begin(), text.end(), form.begin(), [](char c, char f) {
               return f == 'h' ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : c == f;
           });
}

// `device` is a folder of sysfs or a link to one; its path names every bridge on the way.
pci_location locate(const fs::path& device) {
    pci_location where;
    std::error_code error;
    const fs::path real = fs::canonical(device, error);
    if (error) {
        return where;
    }
    for (const fs::path& part : real) {
        const std::string name = part.string();
        if (name.starts_with("pci") || is_pci_address(name)) {
            where.path.push_back(name);
        }
    }
    where.numa_node = static_cast<int>(read_number(real / "numa_node").value_or(-1));
    return where;
}

std::string driver_of(const fs::path& device) {
    std::error_code error;
    const fs::path driver = fs::canonical(device / "driver", error);
    return error ? std::string{} : driver.filename().string();
}

// "400 Gb/sec (4X NDR)"
uint64_t parse_rate(const std::string& line) {
    double gigabits = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), gigabits);
    const bool known = error == std::errc{} && gigabits > 0 && gigabits < 1e6;
    return known && std::string_view(end, static_cast<size_t>(line.data() + line.size() - end)).starts_with(" Gb")
               ? static_cast<uint64_t>(gigabits * 1e9)
               : 0;
}

nic read_rdma_device(const fs::path& sys, const std::string& name) {
    const fs::path entry = sys / "class/infiniband" / name;
    const fs::path device = entry / "device";
    const fs::path port = entry / "ports/1";
    nic n;
    n.name = name;
    n.where = locate(device);
    n.interfaces = names_in(device / "net");
    std::sort(n.interfaces.begin(), n.interfaces.end(), natural_less);
    n.up = read_line(port / "state").find("ACTIVE") != std::string::npos;
    n.bits_per_second = parse_rate(read_line(port / "rate"));
    if (driver_of(device) == "efa") {
        n.kind = nic_kind::efa;
    } else {
        n.kind = read_line(port / "link_layer") == "Ethernet" ? nic_kind::roce : nic_kind::infiniband;
    }
    return n;
}

std::optional<nic> read_interface(const fs::path& sys, const std::string& name) {
    const fs::path entry = sys / "class/net" / name;
    nic n;
    n.name = name;
    n.interfaces = {name};
    n.where = locate(entry / "device");
    if (n.where.path.empty()) {
        return std::nullopt; // loopback, bridges, tunnels
    }
    n.up = read_line(entry / "operstate") == "up";
    const int64_t megabits = read_number(entry / "speed").value_or(-1); // -1: no link
    n.bits_per_second = megabits > 0 ? static_cast<uint64_t>(megabits) * 1'000'000 : 0;
    return n;
}

bool is_accelerator(int64_t device_class, int64_t vendor) {
    const int64_t kind = device_class >> 8;
    constexpr int64_t display = 0x0300; // also of management controllers
    constexpr int64_t three_d = 0x0302;
    constexpr int64_t processing = 0x1200;
    return kind == three_d || kind == processing || (kind == display && (vendor == 0x10de || vendor == 0x1002));
}

} // namespace

std::vector<nic> read_nics(const std::string& root) {
    const fs::path sys = fs::path(root) / "sys";
    std::vector<nic> all;
    std::set<std::string> with_rdma; // interfaces that an RDMA device has too
    for (const std::string& name : names_in(sys / "class/infiniband")) {
        all.push_back(read_rdma_device(sys, name));
        with_rdma.insert(all.back().interfaces.begin(), all.back().interfaces.end());
    }
    for (const std::string& name : names_in(sys / "class/net")) {
        if (!with_rdma.contains(name)) {
            if (auto n = read_interface(sys, name)) {
                all.push_back(std::move(*n));
            }
        }
    }
    std::sort(all.begin(), all.end(), [](const nic& a, const nic& b) { return natural_less(a.name, b.name); });
    return all;
}

std::vector<accelerator> read_accelerators(const std::string& root) {
    const fs::path devices = fs::path(root) / "sys/bus/pci/devices";
    std::vector<accelerator> all;
    for (const std::string& address : names_in(devices)) {
        const int64_t vendor = read_number(devices / address / "vendor", 16).value_or(0);
        if (is_accelerator(read_number(devices / address / "class", 16).value_or(0), vendor)) {
            all.push_back({address, static_cast<uint16_t>(vendor), locate(devices / address)});
        }
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.address < b.address; });
    return all;
}

uint32_t numa_node_count(const std::string& root) {
    uint32_t count = 0;
    for (const std::string& name : names_in(fs::path(root) / "sys/devices/system/node")) {
        count +=
            name.starts_with("node") && name.size() > 4 && std::isdigit(static_cast<unsigned char>(name[4])) ? 1 : 0;
    }
    return std::max(count, 1u);
}

pci_distance distance(const pci_location& a, const pci_location& b) noexcept {
    if (!a.path.empty() && a.path == b.path) {
        return pci_distance::same;
    }
    const auto [x, y] = std::mismatch(a.path.begin(), a.path.end(), b.path.begin(), b.path.end());
    const auto common = static_cast<size_t>(x - a.path.begin());
    if (common > 1) { // below one port of a host bridge
        // What is left of each path without the device itself: bridges that only one of them passes.
        const auto own = [](auto from, const auto& path) {
            return static_cast<size_t>(std::max<std::ptrdiff_t>(path.end() - from - 1, 0));
        };
        return own(x, a.path) + own(y, b.path) <= 2 ? pci_distance::one_switch : pci_distance::switches;
    }
    if (common == 1) {
        return pci_distance::host_bridge;
    }
    if (a.numa_node < 0 || b.numa_node < 0) {
        return pci_distance::unknown;
    }
    return a.numa_node == b.numa_node ? pci_distance::numa_node : pci_distance::system;
}

std::vector<uint32_t> nearest_first(std::span<const nic> nics, const pci_location& to) {
    std::vector<uint32_t> order(nics.size());
    for (uint32_t i = 0; i < order.size(); ++i) {
        order[i] = i;
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return distance(nics[a].where, to) < distance(nics[b].where, to); });
    return order;
}

std::string_view name_of(nic_kind kind) noexcept {
    switch (kind) {
    case nic_kind::ethernet:
        return "ethernet";
    case nic_kind::infiniband:
        return "infiniband";
    case nic_kind::roce:
        return "roce";
    case nic_kind::efa:
        return "efa";
    }
    return "?";
}

std::string_view name_of(pci_distance d) noexcept {
    switch (d) {
    case pci_distance::same:
        return "same device";
    case pci_distance::one_switch:
        return "one PCIe switch";
    case pci_distance::switches:
        return "several PCIe switches";
    case pci_distance::host_bridge:
        return "host bridge";
    case pci_distance::numa_node:
        return "NUMA node";
    case pci_distance::system:
        return "between NUMA nodes";
    case pci_distance::unknown:
        return "unknown";
    }
    return "?";
}

} // namespace nixl
