#include "transports/fabric/packing/staging.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cinttypes>

namespace nixl::fabric::packing {

bool staging_budget::take(uint64_t bytes) noexcept {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
        if (bytes > limit_ || used > limit_ - bytes) {
            return false;
        }
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
}

failure staging::make(const domain_list& domains, const std::shared_ptr<staging_budget>& budget, uint32_t slots,
                      uint32_t slot_bytes, std::unique_ptr<staging>& out) {
    const uint64_t bytes = uint64_t{slots} * slot_bytes;
    if (!budget->take(bytes)) {
        return fail(NIXL_ERR_BUSY, "staging memory for packing is used up (%" PRIu64 " of %" PRIu64 " bytes)",
                    budget->used(), budget->limit());
    }
    std::unique_ptr<staging> made(new staging(budget, slots, slot_bytes)); // gives the bytes back from here on
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
        return fail_errno(NIXL_ERR_OUT_OF_MEMORY, errno, "cannot map %" PRIu64 " bytes of staging memory", bytes);
    }
    made->memory_ = static_cast<std::byte*>(at);
    local_region region;
    region.base = reinterpret_cast<uint64_t>(at);
    region.length = bytes;
    if (const failure f = registration::make(domains, region, made->registration_); !f.ok()) {
        return f;
    }
    out = std::move(made);
    return failure::success();
}

staging::~staging() {
    if (registration_ != nullptr) {
        (void)registration_->close(); // the endpoints are closed: nobody uses it
    }
    if (memory_ != nullptr) {
        ::munmap(memory_, bytes());
    }
    budget_->give_back(bytes());
}

} // namespace nixl::fabric::packing
