#include "transports/fabric/provider_choice.hpp"

#include "transports/fabric/rail_choice.hpp"

namespace nixl::fabric {

std::vector<provider_candidate> provider_candidates(const std::string& named, const std::string& host,
                                                    std::string& left_out) {
    if (!named.empty()) {
        return {{named, false, "named by fabric_provider"}};
    }
    const provider_candidate tcp{"tcp;ofi_rxm", false, "there is no RDMA device to use"};
    if (host.starts_with("127.") || host == "::1") {
        left_out = "efa and verbs are for agents that other machines can reach, and this one advertises " + host;
        return {tcp};
    }
    return {{"efa", false, "there is an EFA device"}, {"verbs;ofi_rxm", true, "an RDMA device has " + host}, tcp};
}

chosen_domains choose_domains(const std::shared_ptr<const library>& lib, const std::string& named,
                              const std::string& rails, const std::string& host) {
    chosen_domains chosen;
    std::string passed_over;
    for (const provider_candidate& candidate : provider_candidates(named, host, passed_over)) {
        std::string why;
        chosen.domains = open_domains(lib, candidate.provider, rails, host, why);
        if (!chosen.domains.empty() && candidate.at_host && rails.empty() && !chosen.domains.front()->source_known()) {
            why = "provider '" + candidate.provider + "': no device has the address " + host;
            chosen.domains.clear();
        }
        if (!chosen.domains.empty()) {
            chosen.reason = candidate.reason + (passed_over.empty() ? "" : " (" + passed_over + ")");
            return chosen;
        }
        passed_over += (passed_over.empty() ? "" : "; ") + why;
    }
    chosen.reason = passed_over;
    return chosen;
}

} // namespace nixl::fabric
