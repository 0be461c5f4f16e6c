// Peers, prepared lists and transfers.
#include "abi/guard.hpp"

using namespace nixl;
using namespace nixl::abi;

int32_t nixl_peer_connect(nixl_agent_t* handle, const nixl_peer_params_t* params, uint64_t* peer_out) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *peer_out = 0;
            nixl_peer_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.connect(p, *peer_out);
        },
        peer_out);
}

int32_t nixl_peer_invalidate(nixl_agent_t* handle, uint64_t peer_id) noexcept {
    return with_agent(handle, [&](agent& a) { return a.invalidate(peer_id); });
}

int32_t nixl_peer_info(nixl_agent_t* handle, uint64_t peer_id, nixl_peer_info_t* info) noexcept {
    return with_agent(
        handle, [&](agent& a) { return a.peer_info(peer_id, *info); }, info);
}

int32_t nixl_peer_rails(nixl_agent_t* handle, uint64_t peer_id, nixl_rail_info_t* rails, uint64_t capacity,
                        uint64_t* count) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            if (rails == nullptr && capacity != 0)
                return fail(NIXL_ERR_INVALID_PARAM, "the buffer is null");
            return a.peer_rails(peer_id, rails, capacity, *count);
        },
        count);
}

int32_t nixl_list_prepare(nixl_agent_t* handle, const nixl_list_params_t* params, uint64_t* list) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *list = 0;
            nixl_list_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.prepare(p, *list);
        },
        list);
}

int32_t nixl_list_release(nixl_agent_t* handle, uint64_t list) noexcept {
    return with_agent(handle, [&](agent& a) { return a.release_list(list); });
}

int32_t nixl_list_info(nixl_agent_t* handle, uint64_t list, nixl_list_info_t* info) noexcept {
    return with_agent(
        handle, [&](agent& a) { return a.list_info(list, *info); }, info);
}

int32_t nixl_transfer_post(nixl_agent_t* handle, const nixl_post_params_t* params, uint64_t* transfer) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *transfer = 0;
            nixl_post_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.post(p, *transfer);
        },
        transfer);
}

int32_t nixl_transfer_cancel(nixl_agent_t* handle, uint64_t transfer) noexcept {
    return with_agent(handle, [&](agent& a) { return a.cancel(transfer); });
}

int32_t nixl_transfer_state(nixl_agent_t* handle, uint64_t transfer) noexcept {
    return with_agent(handle, [&](agent& a) { return a.state(transfer); });
}
