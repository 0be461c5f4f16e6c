// What every exported function has in common: no exception leaves it, a failure is left in the thread's last error, and
// params structs of other sizes than ours are understood.
#pragma once

#include "core/agent.hpp"
#include "core/failure.hpp"
#include "nixl_sdk.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

namespace nixl::abi {

// The calling thread's last failure; written on failures only.
failure& last_error() noexcept;

inline int32_t report(const failure& f) noexcept {
    if (f.status < 0)
        last_error() = f;
    return f.status;
}

// Runs `body`, which returns a failure.
template <class Body>
int32_t guarded(Body&& body) noexcept {
    try {
        return report(std::forward<Body>(body)());
    } catch (const std::bad_alloc&) {
        return report(fail(NIXL_ERR_OUT_OF_MEMORY, "out of memory"));
    } catch (const std::exception& e) {
        return report(fail(NIXL_ERR_UNKNOWN, "unexpected: %s", e.what()));
    } catch (...) {
        return report(fail(NIXL_ERR_UNKNOWN, "unexpected failure"));
    }
}

// The handle is the agent itself.
inline agent* from_handle(nixl_agent_t* handle) noexcept {
    return reinterpret_cast<agent*>(handle);
}
inline nixl_agent_t* to_handle(agent* a) noexcept {
    return reinterpret_cast<nixl_agent_t*>(a);
}

// Runs `body(agent&)` if the agent and all of `required` (pointers) are given.
template <class Body, class... Pointers>
int32_t with_agent(nixl_agent_t* handle, Body&& body, const Pointers*... required) noexcept {
    if (handle == nullptr || ((required == nullptr) || ...))
        return report(fail(NIXL_ERR_INVALID_PARAM, "a required pointer is null"));
    return guarded([&] { return std::forward<Body>(body)(*from_handle(handle)); });
}

// Copies a params struct that its caller may have compiled with an older (shorter) or newer (longer) header. What is
// missing reads as zero; what we do not know must be zero.
template <class T>
failure read_params(const T* from, T& to) noexcept {
    constexpr uint32_t sane = 4096;
    if (from == nullptr)
        return fail(NIXL_ERR_INVALID_PARAM, "the params are null");
    const uint32_t size = from->struct_size;
    if (size <= sizeof(uint32_t) || size > sane)
        return fail(NIXL_ERR_ABI, "struct_size is %u; set it to the size of the struct, %zu here", size, sizeof(T));
    const auto* bytes = reinterpret_cast<const unsigned char*>(from);
    for (std::size_t i = sizeof(T); i < size; ++i)
        if (bytes[i] != 0)
            return fail(NIXL_ERR_ABI, "the params use a field that this version of the library does not know");
    std::memset(&to, 0, sizeof to);
    std::memcpy(&to, from, std::min<std::size_t>(size, sizeof to));
    return failure::success();
}

// For exports that fill a buffer with bytes or text; `extra` is 1 for a text's terminating zero.
failure copy_out(const void* data, uint64_t size, uint64_t extra, void* buffer, uint64_t capacity,
                 uint64_t* length) noexcept;

} // namespace nixl::abi
