#include "core/arena.hpp"

namespace nixl {

failure arena::create(const nixl_arena_params_t&, std::shared_ptr<arena>&) noexcept {
    return fail(NIXL_ERR_NOT_SUPPORTED, "arenas are not part of this build");
}

arena::~arena() = default;

} // namespace nixl
