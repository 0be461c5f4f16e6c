// nixl_agent_*: life, description, counters, metadata, faults.
#include "abi/guard.hpp"

#include <memory>
#include <string>

using namespace nixl;
using namespace nixl::abi;

int32_t nixl_agent_create(const nixl_agent_params_t* params, nixl_agent_t** agent_out) noexcept {
    return guarded([&] {
        if (agent_out == nullptr)
            return fail(NIXL_ERR_INVALID_PARAM, "a required pointer is null");
        *agent_out = nullptr;
        nixl_agent_params_t p;
        if (failure f = read_params(params, p); !f.ok())
            return f;
        std::unique_ptr<agent> made;
        if (failure f = agent::create(p, made); !f.ok())
            return f;
        *agent_out = to_handle(made.release());
        return failure::success();
    });
}

int32_t nixl_agent_destroy(nixl_agent_t* handle, uint64_t timeout_ns) noexcept {
    return with_agent(handle, [&](agent& a) {
        const std::unique_ptr<agent> dying(&a);
        return a.close(timeout_ns);
    });
}

int32_t nixl_agent_describe(nixl_agent_t* handle, char* buffer, uint64_t capacity, uint64_t* length) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            const std::string text = a.describe();
            return copy_out(text.c_str(), text.size(), 1, buffer, capacity, length);
        },
        length);
}

int32_t nixl_agent_counters(nixl_agent_t* handle, nixl_transport_counters_t* counters, uint64_t capacity,
                            uint64_t* count) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            if (counters == nullptr && capacity != 0)
                return fail(NIXL_ERR_INVALID_PARAM, "the buffer is null");
            return a.counters(counters, capacity, *count);
        },
        count);
}

int32_t nixl_agent_export(nixl_agent_t* handle, uint8_t* buffer, uint64_t capacity, uint64_t* length) noexcept {
    return with_agent(
        handle,
        [&](agent& a) {
            std::string blob;
            a.export_metadata(blob);
            return copy_out(blob.data(), blob.size(), 0, buffer, capacity, length);
        },
        length);
}

int32_t nixl_loopback_set_faults(nixl_agent_t* handle, const nixl_loopback_faults_t* faults) noexcept {
    return with_agent(handle, [&](agent& a) {
        nixl_loopback_faults_t f;
        if (failure bad = read_params(faults, f); !bad.ok())
            return bad;
        return a.set_loopback_faults(f);
    });
}
