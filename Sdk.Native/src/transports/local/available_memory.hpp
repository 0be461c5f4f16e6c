// How much memory could be taken now.
#pragma once

#include <cstdint>

namespace nixl::local {

// The smaller of what the machine and this process's control group (v2) have left; UINT64_MAX if neither can be read.
// An estimate: pages that can be reclaimed count for the machine, not for the group.
std::uint64_t available_memory() noexcept;

} // namespace nixl::local
