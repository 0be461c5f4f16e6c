// nixl_agent_describe: the agent's transports and this machine's devices as JSON.
#include "core/agent.hpp"
#include "core/json.hpp"
#include "core/topology.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace nixl {

namespace {

void append_text_unless_empty(std::string& out, std::string_view name, std::string_view text) {
    if (!text.empty()) {
        out += ',';
        append_json_member(out, name, text);
    }
}

void append_transport(std::string& out, const transport_description& d) {
    append_json_member(out, "library", d.library);
    append_text_unless_empty(out, "library_file", d.library_file);
    append_text_unless_empty(out, "library_reason", d.library_reason);
    out += ',';
    append_json_member(out, "provider", d.provider);
    append_text_unless_empty(out, "provider_reason", d.provider_reason);
    out += ",\"limits\":{";
    const char* separator = "";
    for (const auto& [name, value] : d.limits) {
        out += std::exchange(separator, ",");
        append_json_member(out, name, value);
    }
    out += '}';
    if (d.rails.empty())
        return;
    out += ",\"rails\":[";
    separator = "";
    for (const rail_description& rail : d.rails) {
        out += std::exchange(separator, ",");
        out += '{';
        append_json_member(out, "device", rail.device);
        append_text_unless_empty(out, "address", rail.address);
        out += '}';
    }
    out += ']';
}

void append_location(std::string& out, const pci_location& where) {
    append_text_unless_empty(out, "pci", where.path.empty() ? std::string_view{} : where.path.back());
    out += ",\"numa_node\":" + std::to_string(where.numa_node);
}

void append_nic(std::string& out, const nic& n) {
    out += '{';
    append_json_member(out, "name", n.name);
    out += ',';
    append_json_member(out, "kind", name_of(n.kind));
    out += n.up ? ",\"up\":true," : ",\"up\":false,";
    append_json_member(out, "bits_per_second", n.bits_per_second);
    append_location(out, n.where);
    out += ",\"interfaces\":[";
    const char* separator = "";
    for (const std::string& name : n.interfaces) {
        out += std::exchange(separator, ",");
        append_json_string(out, name);
    }
    out += "]}";
}

// With the network devices that are nearest to it.
void append_accelerator(std::string& out, const accelerator& a, const std::vector<nic>& nics) {
    out += '{';
    append_json_member(out, "pci", a.address);
    out += ',';
    append_json_member(out, "vendor", a.vendor);
    out += ",\"numa_node\":" + std::to_string(a.where.numa_node);
    const auto order = nearest_first(nics, a.where);
    const pci_distance nearest = order.empty() ? pci_distance::unknown : distance(nics[order[0]], a);
    out += ',';
    append_json_member(out, "nearest_distance", name_of(nearest));
    out += ",\"nearest\":[";
    const char* separator = "";
    for (const uint32_t i : order) {
        if (distance(nics[i], a) == nearest) {
            out += std::exchange(separator, ",");
            append_json_string(out, nics[i].name);
        }
    }
    out += "]}";
}

void append_machine(std::string& out) {
    const auto nics = read_nics();
    out += '{';
    append_json_member(out, "numa_nodes", numa_node_count());
    out += ",\"nics\":[";
    const char* separator = "";
    for (const nic& n : nics) {
        out += std::exchange(separator, ",");
        append_nic(out, n);
    }
    out += "],\"accelerators\":[";
    separator = "";
    for (const accelerator& a : read_accelerators()) {
        out += std::exchange(separator, ",");
        append_accelerator(out, a, nics);
    }
    out += "]}";
}

} // namespace

std::string agent::describe() const {
    std::string out = "{";
    append_json_member(out, "library", "nixlsdk " NIXL_SDK_VERSION);
    out += ',';
    append_json_member(out, "agent", settings_.name);
    out += ",\"transports\":[";
    for (uint32_t i = 0; i < transport_count; ++i) {
        out += i == 0 ? "{" : ",{";
        append_json_member(out, "transport", transport_names[i]);
        out += ",\"available\":";
        out += transports_[i] ? "true," : "false,";
        if (transports_[i])
            append_transport(out, transports_[i]->describe());
        else
            append_json_member(out, "reason", unavailable_[i]);
        out += '}';
    }
    out += "],\"machine\":";
    append_machine(out);
    return out + '}';
}

} // namespace nixl
