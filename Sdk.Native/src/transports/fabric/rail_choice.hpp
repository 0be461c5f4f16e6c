// Which devices of the provider an agent uses: its rails.
#pragma once

#include "transports/fabric/domain.hpp"

#include <memory>
#include <string>

namespace nixl::fabric {

// `rails`: "" = one, where `host` is; "auto" = every device of the provider that may reach the peers of `host`; else IP
// addresses and device names, separated by commas, in the order of the rails. Empty with a sentence in `why` if one of
// them is not there, or if they differ in how memory is addressed.
domain_list open_domains(const std::shared_ptr<const library>& lib, const std::string& provider,
                         const std::string& rails, const std::string& host, std::string& why);

} // namespace nixl::fabric
