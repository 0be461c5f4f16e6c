// Checks of the ids of a post: in range, and distinct where they name destinations. Linear, without an allocation on a
// warm agent.
#pragma once

#include "core/buffer_pool.hpp"
#include "core/failure.hpp"

#include <cstdint>

namespace nixl {

// `side` is "local" or "remote", for the text.
failure check_ids_in_range(const uint32_t* ids, uint64_t count, uint64_t entries, const char* side) noexcept;

// The ids are in range.
failure check_ids_distinct(const uint32_t* ids, uint64_t count, uint64_t entries, buffer_pool& scratch) noexcept;

} // namespace nixl
