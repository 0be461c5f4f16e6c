#include "transports/fabric/rail_choice.hpp"

#include "control/unique_fd.hpp"
#include "transports/fabric/rail_nearness.hpp"
#include "transports/fabric/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <vector>

namespace nixl::fabric {

namespace {

bool numeric_address(const std::string& text) {
    std::array<unsigned char, sizeof(::in6_addr)> parsed{};
    return ::inet_pton(AF_INET, text.c_str(), parsed.data()) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), parsed.data()) == 1;
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> items;
    size_t from = 0;
    while (from <= list.size()) {
        const size_t to = std::min(list.find(',', from), list.size());
        const size_t first = list.find_first_not_of(' ', from);
        if (first < to) {
            items.push_back(list.substr(first, list.find_last_not_of(' ', to - 1) + 1 - first));
        }
        from = to + 1;
    }
    return items;
}

// libfabric takes any source address for granted and fails when the first endpoint is opened.
bool is_ours(const std::string& address) {
    ::sockaddr_in6 six{};
    ::sockaddr_in four{};
    const bool v6 = ::inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) == 1;
    six.sin6_family = AF_INET6;
    four.sin_family = AF_INET;
    if (!v6 && ::inet_pton(AF_INET, address.c_str(), &four.sin_addr) != 1) {
        return false;
    }
    const control::unique_fd socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto* at = v6 ? reinterpret_cast<const ::sockaddr*>(&six) : reinterpret_cast<const ::sockaddr*>(&four);
    return socket && ::bind(socket.get(), at, v6 ? sizeof six : sizeof four) == 0;
}

bool loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

struct device_list {
    std::vector<std::string> devices; // as libfabric calls them
    std::vector<std::string> names;   // to open them by: the same, or, for providers that speak IP, an address
};

// Of providers that speak IP, those with an address of the kind that `host` is.
device_list all_devices(const library& lib, const std::string& provider, const std::string& host, std::string& why) {
    device_list all;
    const info_handle found = domain::find(lib, provider, why);
    for (const ::fi_info* i = found.get(); i != nullptr; i = i->next) {
        const std::string device = i->domain_attr->name != nullptr ? i->domain_attr->name : "";
        const bool ip =
            i->addr_format == FI_SOCKADDR || i->addr_format == FI_SOCKADDR_IN || i->addr_format == FI_SOCKADDR_IN6;
        const std::string address = source_address(*i);
        const bool usable = !ip || (!address.empty() && loopback(address) == loopback(host) &&
                                    (address.find(':') == std::string::npos) == (host.find(':') == std::string::npos));
        if (usable && std::find(all.devices.begin(), all.devices.end(), device) == all.devices.end()) {
            all.devices.push_back(device);
            all.names.push_back(ip ? address : device);
        }
    }
    if (all.names.empty() && why.empty()) {
        why = "provider '" + provider + "' has no device for peers of " + host;
    }
    return all;
}

// Those of all_devices() that are nearest to `place`.
std::vector<std::string> near_devices(const library& lib, const std::string& provider, const std::string& host,
                                      std::string_view place, std::string& why) {
    const std::string root = "/";
    pci_location to;
    if (!find_place(place, root, to, why)) {
        return {};
    }
    const device_list all = all_devices(lib, provider, host, why);
    std::vector<std::string> names;
    for (const size_t i : nearest_devices(all.devices, read_nics(root), to)) {
        names.push_back(all.names[i]);
    }
    if (names.empty() && why.empty()) {
        why = "this machine does not say how near the devices of provider '" + provider + "' are to " +
              std::string(place) + "; name them";
    }
    return names;
}

bool alike(const provider_limits& a, const provider_limits& b) noexcept {
    return a.virtual_addresses == b.virtual_addresses && a.provider_keys == b.provider_keys &&
           a.key_bytes == b.key_bytes && a.max_message == b.max_message && a.operations == b.operations;
}

} // namespace

std::string source_address(const ::fi_info& info) {
    if (info.src_addr == nullptr || info.src_addrlen < sizeof(::sockaddr_in)) {
        return {};
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    const auto* generic = static_cast<const ::sockaddr*>(info.src_addr);
    if (info.addr_format == FI_SOCKADDR_IN || (info.addr_format == FI_SOCKADDR && generic->sa_family == AF_INET)) {
        (void)::inet_ntop(AF_INET, &static_cast<const ::sockaddr_in*>(info.src_addr)->sin_addr, text.data(),
                          text.size());
    } else if (info.addr_format == FI_SOCKADDR_IN6 && info.src_addrlen >= sizeof(::sockaddr_in6)) {
        const auto& address = static_cast<const ::sockaddr_in6*>(info.src_addr)->sin6_addr;
        if (!IN6_IS_ADDR_LINKLOCAL(&address)) {
            (void)::inet_ntop(AF_INET6, &address, text.data(), text.size());
        }
    }
    return text.data();
}

domain_list open_domains(const std::shared_ptr<const library>& lib, const std::string& provider,
                         const std::string& rails, const std::string& host, std::string& why) {
    domain_list domains;
    if (rails.empty()) {
        if (std::shared_ptr<const domain> d = domain::open(lib, provider, host, {}, why); d != nullptr) {
            domains.push_back(std::move(d));
        }
        return domains;
    }
    const bool near = rails.starts_with(near_prefix);
    const bool chosen = near || rails == "auto";
    auto names = near     ? near_devices(*lib, provider, host, std::string_view(rails).substr(near_prefix.size()), why)
                 : chosen ? all_devices(*lib, provider, host, why).names
                          : split(rails);
    if (chosen && names.size() > max_rails) {
        names.resize(max_rails);
    }
    if (names.size() > max_rails) {
        why = "fabric_rails names " + std::to_string(names.size()) + " rails; at most " + std::to_string(max_rails);
        return {};
    }
    if (names.empty() && why.empty()) {
        why = "fabric_rails names no rail";
    }
    for (const std::string& name : names) {
        const bool address = numeric_address(name);
        if (address && !is_ours(name)) {
            why = "fabric_rails: this machine has no address " + name;
            return {};
        }
        std::shared_ptr<const domain> d =
            domain::open(lib, provider, address ? name : std::string(), address ? std::string() : name, why);
        if (d != nullptr && address && !d->source_known()) {
            why.assign("provider '").append(provider).append("' cannot send from ").append(name);
            d = nullptr;
        }
        if (d != nullptr && !domains.empty() && !alike(d->limits(), domains.front()->limits())) {
            why = "the devices behind the rails differ in how they address memory: ";
            why.append(domains.front()->describe()).append("; ").append(d->describe());
            d = nullptr;
        }
        if (d == nullptr) {
            why.insert(0, ": ").insert(0, name).insert(0, "fabric_rails, ");
            return {};
        }
        domains.push_back(std::move(d));
    }
    return domains;
}

} // namespace nixl::fabric
