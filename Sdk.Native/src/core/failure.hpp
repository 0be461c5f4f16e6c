// What went wrong, or success. Returned by value inside the library; no exceptions cross a seam.
//
// The text lives in a fixed buffer, so that making a failure never allocates and is noexcept even when memory is short.
// Making a success writes a few words and touches neither buffer, so it may be used on the hot path.
#pragma once

#include "nixl_sdk.h"

#include <cstdarg>
#include <cstdint>
#include <string_view>

namespace nixl {

struct failure {
    int32_t status = NIXL_SUCCESS;
    int32_t system_error = 0; // errno or the provider's own code
    bool entry_valid = false; // entry, address and length name the culprit
    uint64_t entry = 0;       // index into the array that the caller passed
    uint64_t address = 0;
    uint64_t length = 0;
    char peer[NIXL_NAME_MAX + 8];
    char text[NIXL_TEXT_MAX];

    failure() noexcept {
        peer[0] = 0;
        text[0] = 0;
    }

    bool ok() const noexcept { return status >= 0; }
    static failure success() noexcept { return {}; }

    // Names the culprit. Returns itself, so that it can be chained behind fail(...).
    failure& at(uint64_t entry_index, uint64_t addr, uint64_t len) noexcept {
        entry_valid = true;
        entry = entry_index;
        address = addr;
        length = len;
        return *this;
    }
    failure& of(std::string_view peer_name) noexcept;
    failure& system(int32_t code) noexcept {
        system_error = code;
        return *this;
    }
};

// printf-style: a sentence that says what is wrong and what to do.
[[gnu::format(printf, 2, 3)]] failure fail(int32_t status, const char* format, ...) noexcept;

// Appends ": <strerror>" to the text and keeps the errno.
[[gnu::format(printf, 3, 4)]] failure fail_errno(int32_t status, int error, const char* format, ...) noexcept;

const char* status_name(int32_t status) noexcept;

} // namespace nixl
