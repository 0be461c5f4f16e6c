// Which provider an agent uses: the one that it names, else the first of efa, verbs and tcp that works here.
#pragma once

#include "transports/fabric/domain.hpp"

#include <memory>
#include <string>
#include <vector>

namespace nixl::fabric {

struct provider_candidate {
    std::string provider;
    bool at_host = false; // only if one of its devices has the agent's address: peers will look for it there
    std::string reason;   // if it is taken
};

// In the order in which they are tried. `host` is the address that the agent advertises: RDMA devices are no choice for
// an agent that shows itself to this machine only.
std::vector<provider_candidate> provider_candidates(const std::string& named, const std::string& host,
                                                    std::string& left_out);

struct chosen_domains {
    domain_list domains; // empty: none works, and `reason` says why for each
    std::string reason;  // why this provider, and why none before it
};

// `rails` as for open_domains.
chosen_domains choose_domains(const std::shared_ptr<const library>& lib, const std::string& named,
                              const std::string& rails, const std::string& host);

} // namespace nixl::fabric
