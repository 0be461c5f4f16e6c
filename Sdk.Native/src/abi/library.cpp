#include "abi/guard.hpp"

#include <cinttypes>

namespace nixl::abi {

failure& last_error() noexcept {
    thread_local failure last;
    return last;
}

failure copy_out(const void* data, uint64_t size, uint64_t extra, void* buffer, uint64_t capacity,
                 uint64_t* length) noexcept {
    *length = size;
    if (capacity < size + extra)
        return fail(NIXL_ERR_BUFFER_TOO_SMALL, "%" PRIu64 " bytes are needed, the buffer has %" PRIu64, size + extra,
                    capacity);
    if (buffer == nullptr)
        return fail(NIXL_ERR_INVALID_PARAM, "the buffer is null");
    std::memcpy(buffer, data, size + extra);
    return failure::success();
}

} // namespace nixl::abi

using namespace nixl;

uint32_t nixl_abi_version(void) noexcept {
    return NIXL_ABI_VERSION;
}

const char* nixl_status_name(int32_t status) noexcept {
    return status_name(status);
}

int32_t nixl_error_last(nixl_error_t* error) noexcept {
    // Leaves the last error as it is, also when it fails itself.
    if (error == nullptr || error->struct_size <= sizeof(uint32_t))
        return NIXL_ERR_ABI;
    const failure& last = abi::last_error();
    nixl_error_t full{};
    full.struct_size = error->struct_size;
    full.status = last.status;
    full.system_error = last.system_error;
    full.entry_valid = last.entry_valid ? 1 : 0;
    full.entry = last.entry;
    full.address = last.address;
    full.length = last.length;
    std::memcpy(full.peer, last.peer, sizeof full.peer);
    std::memcpy(full.text, last.text, sizeof full.text);
    std::memcpy(error, &full, std::min<std::size_t>(error->struct_size, sizeof full));
    return NIXL_SUCCESS;
}
