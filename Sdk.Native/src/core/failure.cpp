#include "core/failure.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace nixl {

namespace {

void format_into(failure& f, const char* format, va_list arguments) noexcept {
    std::vsnprintf(f.text, sizeof f.text, format, arguments);
}

} // namespace

failure& failure::of(std::string_view peer_name) noexcept {
    const std::size_t n = std::min(peer_name.size(), sizeof peer - 1);
    std::memcpy(peer, peer_name.data(), n);
    peer[n] = 0;
    return *this;
}

failure fail(int32_t status, const char* format, ...) noexcept {
    failure f;
    f.status = status;
    va_list arguments;
    va_start(arguments, format);
    format_into(f, format, arguments);
    va_end(arguments);
    return f;
}

failure fail_errno(int32_t status, int error, const char* format, ...) noexcept {
    failure f;
    f.status = status;
    f.system_error = error;
    va_list arguments;
    va_start(arguments, format);
    format_into(f, format, arguments);
    va_end(arguments);
    const std::size_t used = std::strlen(f.text);
    char buffer[128];
    // The GNU form: returns the text, which need not be in the buffer.
    std::snprintf(f.text + used, sizeof f.text - used, ": %s", ::strerror_r(error, buffer, sizeof buffer));
    return f;
}

const char* status_name(int32_t status) noexcept {
    switch (status) {
    case NIXL_SUCCESS:
        return "NIXL_SUCCESS";
    case NIXL_IN_PROGRESS:
        return "NIXL_IN_PROGRESS";
    case NIXL_ERR_NOT_POSTED:
        return "NIXL_ERR_NOT_POSTED";
    case NIXL_ERR_INVALID_PARAM:
        return "NIXL_ERR_INVALID_PARAM";
    case NIXL_ERR_BACKEND:
        return "NIXL_ERR_BACKEND";
    case NIXL_ERR_NOT_FOUND:
        return "NIXL_ERR_NOT_FOUND";
    case NIXL_ERR_MISMATCH:
        return "NIXL_ERR_MISMATCH";
    case NIXL_ERR_NOT_ALLOWED:
        return "NIXL_ERR_NOT_ALLOWED";
    case NIXL_ERR_REPOST_ACTIVE:
        return "NIXL_ERR_REPOST_ACTIVE";
    case NIXL_ERR_UNKNOWN:
        return "NIXL_ERR_UNKNOWN";
    case NIXL_ERR_NOT_SUPPORTED:
        return "NIXL_ERR_NOT_SUPPORTED";
    case NIXL_ERR_REMOTE_DISCONNECT:
        return "NIXL_ERR_REMOTE_DISCONNECT";
    case NIXL_ERR_CANCELED:
        return "NIXL_ERR_CANCELED";
    case NIXL_ERR_NO_TELEMETRY:
        return "NIXL_ERR_NO_TELEMETRY";
    case NIXL_ERR_TIMEOUT:
        return "NIXL_ERR_TIMEOUT";
    case NIXL_ERR_BUSY:
        return "NIXL_ERR_BUSY";
    case NIXL_ERR_BUFFER_TOO_SMALL:
        return "NIXL_ERR_BUFFER_TOO_SMALL";
    case NIXL_ERR_STALE_PEER:
        return "NIXL_ERR_STALE_PEER";
    case NIXL_ERR_ABI:
        return "NIXL_ERR_ABI";
    case NIXL_ERR_PERMISSION:
        return "NIXL_ERR_PERMISSION";
    case NIXL_ERR_OUT_OF_MEMORY:
        return "NIXL_ERR_OUT_OF_MEMORY";
    case NIXL_ERR_SUSPECT_PEER:
        return "NIXL_ERR_SUSPECT_PEER";
    case NIXL_ERR_CLOSED:
        return "NIXL_ERR_CLOSED";
    default:
        return "NIXL_ERR_UNKNOWN_STATUS";
    }
}

} // namespace nixl
