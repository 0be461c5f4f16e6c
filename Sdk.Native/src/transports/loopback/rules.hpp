// A test aid: NIXL_LOOPBACK_FAULTS makes every loopback transport of the process misbehave from its start, so that
// whole test suites run over it. A comma-separated list, e.g.
// "efa,rails=2,seed=7,kill_after=300,delay_us=20,operation=4096". "efa" alone means two rails. nixl_loopback_set_faults
// replaces it for its agent.
#pragma once

#include "nixl_sdk.h"

#include <string_view>

namespace nixl::loopback {

// Words that are not understood end the process with a message: a test that believes it runs with faults and does not
// would be worse.
nixl_loopback_faults_t parse_rules(std::string_view text) noexcept;
nixl_loopback_faults_t rules_from_environment() noexcept;

} // namespace nixl::loopback
