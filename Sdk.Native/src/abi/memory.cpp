// Arenas and registrations.
#include "abi/guard.hpp"

using namespace nixl;
using namespace nixl::abi;

int32_t nixl_arena_create(nixl_agent_t* handle, const nixl_arena_params_t* params,
                          nixl_arena_info_t* arena_out) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            nixl_arena_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.create_arena(p, *arena_out);
        },
        arena_out);
}

int32_t nixl_arena_destroy(nixl_agent_t* handle, uint64_t arena_id) noexcept {
    return with_agent(handle, [&](agent& a) { return a.destroy_arena(arena_id); });
}

int32_t nixl_memory_register(nixl_agent_t* handle, const nixl_region_params_t* params, uint64_t* region) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *region = 0;
            nixl_region_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.register_memory(p, *region);
        },
        region);
}

int32_t nixl_memory_deregister(nixl_agent_t* handle, uint64_t region, uint64_t timeout_ns) noexcept {
    return with_agent(handle, [&](agent& a) { return a.deregister_memory(region, timeout_ns); });
}

int32_t nixl_memory_query(nixl_agent_t* handle, uint64_t region, nixl_region_info_t* info) noexcept {
    return with_agent(
        handle, [&](agent& a) { return a.query_memory(region, *info); }, info);
}
