// Events and notifications.
#include "abi/guard.hpp"

using namespace nixl;
using namespace nixl::abi;

int32_t nixl_agent_event_fd(nixl_agent_t* handle, int32_t* fd) noexcept {
    return with_agent(
        handle, [&](agent& a) { return a.waiting().event_fd(*fd); }, fd);
}

int32_t nixl_agent_wait(nixl_agent_t* handle, uint64_t timeout_ns) noexcept {
    return with_agent(handle, [&](agent& a) { return a.waiting().wait(deadline::after(timeout_ns)); });
}

int32_t nixl_agent_wait_new(nixl_agent_t* handle, uint64_t timeout_ns, uint32_t* what) noexcept {
    return with_agent(
        handle, [&](agent& a) { return a.waiting().wait_new(deadline::after(timeout_ns), *what); }, what);
}

int32_t nixl_agent_wake(nixl_agent_t* handle) noexcept {
    return with_agent(handle, [&](agent& a) {
        a.waiting().wake();
        return failure::success();
    });
}

int32_t nixl_event_read(nixl_agent_t* handle, nixl_event_t* events, uint64_t capacity, uint64_t* count) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *count = a.waiting().read(events, capacity);
            return failure::success();
        },
        events, count);
}

int32_t nixl_notification_read(nixl_agent_t* handle, nixl_notification_t* header, uint8_t* payload,
                               uint64_t capacity) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            if (payload == nullptr && capacity != 0)
                return fail(NIXL_ERR_INVALID_PARAM, "the payload buffer is null");
            return a.waiting().read(*header, payload, capacity);
        },
        header);
}

int32_t nixl_notification_watch(nixl_agent_t* handle, uint32_t* waiting) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *waiting = a.waiting().watch(a.settings().spin_ns) ? 1 : 0;
            return failure::success();
        },
        waiting);
}

int32_t nixl_notification_send(nixl_agent_t* handle, const nixl_notification_params_t* params,
                               uint64_t* operation) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            *operation = 0;
            nixl_notification_params_t p;
            if (failure f = read_params(params, p); !f.ok())
                return f;
            return a.send_notification(p, *operation);
        },
        operation);
}
