#include "transports/fabric/registration.hpp"

#include "core/identity.hpp"

#include <sys/uio.h>

#include <cinttypes>

namespace nixl::fabric {

failure registration::make(const std::shared_ptr<const domain>& d, const local_region& r,
                           std::shared_ptr<registration>& out) {
    if (r.kind != NIXL_MEMORY_DRAM) {
        return fail(NIXL_ERR_NOT_SUPPORTED, "the fabric transport moves host memory only");
    }
    std::shared_ptr<registration> made(new registration(d));
    const provider_limits& limits = d->limits();
    const uint64_t mask = limits.key_bytes >= sizeof(uint64_t) || limits.key_bytes == 0
                              ? UINT64_MAX
                              : (uint64_t{1} << (8 * limits.key_bytes)) - 1;

    // Memory that the caller has registered with us; nothing is read or written here.
    ::iovec piece{reinterpret_cast<void*>(r.base), r.length};
    ::fi_mr_attr attributes{};
    attributes.mr_iov = &piece;
    attributes.iov_count = 1;
    attributes.access = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
    ::fid_mr* handle = nullptr;
    int rc = -FI_ENOKEY;
    // Keys are ours unless the provider makes them: random, so that nobody guesses one; a taken one answers ENOKEY.
    for (int attempt = 0; attempt < 16 && rc == -FI_ENOKEY; ++attempt) {
        attributes.requested_key = limits.provider_keys ? 0 : random_u64() & mask;
        if (attributes.requested_key == FI_KEY_NOTAVAIL) {
            continue;
        }
        rc = fi_mr_regattr(d->handle(), &attributes, 0, &handle);
    }
    if (rc != 0) {
        return fail(rc == -FI_ENOMEM ? NIXL_ERR_OUT_OF_MEMORY : NIXL_ERR_BACKEND,
                    "%s cannot register [0x%" PRIx64 ", +%" PRIu64 "): %s", d->provider().c_str(), r.base, r.length,
                    d->lib().error_text(rc).c_str())
            .system(rc);
    }
    made->handle_.reset(handle);
    made->key_ = fi_mr_key(handle);
    made->base_ = r.base;
    made->descriptor_ = fi_mr_desc(handle);
    if (made->key_ == FI_KEY_NOTAVAIL) {
        return fail(NIXL_ERR_NOT_SUPPORTED, "%s uses memory keys of more than 8 bytes", d->provider().c_str());
    }
    out = std::move(made);
    return failure::success();
}

failure registration::close() noexcept {
    if (handle_ == nullptr) {
        return failure::success();
    }
    const int rc = fi_close(&handle_->fid);
    if (rc != 0) {
        return fail(NIXL_ERR_BUSY, "%s cannot close a memory registration: %s", domain_->provider().c_str(),
                    domain_->lib().error_text(rc).c_str())
            .system(rc);
    }
    (void)handle_.release(); // closed above
    return failure::success();
}

} // namespace nixl::fabric
