// What endpoints of AWS's EFA want beyond the common path, from libfabric's source and manual (fi_efa.7). No such
// device has run this yet.
//
// The rest of EFA's rules hold by construction, for every provider: nothing relies on the order of operations
// (notifications follow completions), memory modes and sizes are those that the provider returns, and a completion
// queue without a wait object (before libfabric 2.4) is polled with a growing pause (progress).
#pragma once

#include <rdma/fi_endpoint.h>
#include <rdma/fi_ext.h>

namespace nixl::fabric {

// Before the endpoint is enabled. What the library does not know is left out.
inline void prepare_efa(::fid_ep& ep) noexcept {
    // A receiver without a posted buffer makes the device try again for ever; how long an operation may take is our
    // deadlines' business.
    const size_t for_ever = 7;
    (void)fi_setopt(&ep.fid, FI_OPT_ENDPOINT, FI_OPT_EFA_RNR_RETRY, &for_ever, sizeof for_ever);
}

} // namespace nixl::fabric
