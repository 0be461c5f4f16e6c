#include "core/failure.hpp"
#include "nixl_sdk.h"

uint32_t nixl_abi_version(void) noexcept {
    return NIXL_ABI_VERSION;
}

const char* nixl_status_name(int32_t status) noexcept {
    return nixl::status_name(status);
}
