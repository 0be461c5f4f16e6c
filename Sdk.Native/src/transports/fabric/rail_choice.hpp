// Which devices of the provider an agent uses: its rails.
#pragma once

#include "transports/fabric/domain.hpp"

#include <memory>
#include <string>

namespace nixl::fabric {

// `rails`: "" = one, where `host` is; "auto" = every device of the provider that may reach the peers of `host`;
// "near:PLACE" = those of them that are nearest to a NUMA node or PCI device (rail_nearness.hpp); else IP addresses and
// device names, separated by commas, in the order of the rails. Empty with a sentence in `why` if one of
// them is not there, or if they differ in how memory is addressed.
domain_list open_domains(const std::shared_ptr<const library>& lib, const std::string& provider,
                         const std::string& rails, const std::string& host, std::string& why);

// The text of a device's IP address; empty if it has none, or one that only its own link knows.
std::string source_address(const ::fi_info& info);

} // namespace nixl::fabric
