// The TCP connections below libfabric's endpoints, for the one thing that its interface has no word for.
#pragma once

#include <sys/socket.h>

#include <cstddef>

namespace nixl::fabric {

// Ends this process's TCP connections to `peer` in both directions, as if the network had; their owners read what has
// arrived and then the end. Descriptors stay open and stay their owners'. Returns how many connections it ended.
size_t cut_streams_to(const ::sockaddr* peer, ::socklen_t length) noexcept;

} // namespace nixl::fabric
