#include "transports/fabric/registration.hpp"

#include "core/identity.hpp"

#include <sys/uio.h>

#include <cinttypes>

namespace nixl::fabric {

namespace {

constexpr int key_attempts = 16;

uint64_t key_mask(uint64_t bytes) noexcept {
    return bytes >= sizeof(uint64_t) || bytes == 0 ? UINT64_MAX : (uint64_t{1} << (8 * bytes)) - 1;
}

} // namespace

// 0 or a libfabric error.
int registration::add(const std::shared_ptr<const domain>& d, const local_region& r, uint64_t key) {
    // Memory that the caller has registered with us; nothing is read or written here.
    ::iovec piece{reinterpret_cast<void*>(r.base), r.length};
    ::fi_mr_attr attributes{};
    attributes.mr_iov = &piece;
    attributes.iov_count = 1;
    attributes.access = FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE;
    attributes.requested_key = key;
    ::fid_mr* handle = nullptr;
    const int rc = fi_mr_regattr(d->handle(), &attributes, 0, &handle);
    if (rc == 0) {
        parts_.push_back({d, registration_handle(handle), fi_mr_desc(handle)});
        published_.keys.push_back(fi_mr_key(handle));
    }
    return rc;
}

failure registration::make(const domain_list& domains, const local_region& r, std::shared_ptr<registration>& out) {
    if (r.kind != NIXL_MEMORY_DRAM) {
        return fail(NIXL_ERR_NOT_SUPPORTED, "the fabric transport moves host memory only");
    }
    const domain& first = *domains.front();
    const bool ours = !first.limits().provider_keys;
    std::shared_ptr<registration> made(new registration);
    made->published_.base = r.base;
    int rc = -FI_ENOKEY;
    // Keys are ours unless the provider makes them: random, so that nobody guesses one; a taken one answers ENOKEY.
    for (int attempt = 0; attempt < key_attempts && rc == -FI_ENOKEY; ++attempt) {
        const uint64_t key = ours ? random_u64() & key_mask(first.limits().key_bytes) : 0;
        if (key == FI_KEY_NOTAVAIL) {
            continue;
        }
        made->parts_.clear(); // a fresh key for all of them
        made->published_.keys.clear();
        for (const auto& d : domains) {
            if (rc = made->add(d, r, key); rc != 0) {
                break;
            }
        }
    }
    if (rc != 0) {
        return fail(rc == -FI_ENOMEM ? NIXL_ERR_OUT_OF_MEMORY : NIXL_ERR_BACKEND,
                    "%s cannot register [0x%" PRIx64 ", +%" PRIu64 "): %s", first.provider().c_str(), r.base, r.length,
                    first.lib().error_text(rc).c_str())
            .system(rc);
    }
    if (ours) {
        made->published_.keys.resize(1); // all the same
    }
    std::string bytes;
    encode(bytes, made->published_);
    bool known = bytes.size() <= max_region_key;
    for (const uint64_t key : made->published_.keys) {
        known = known && key != FI_KEY_NOTAVAIL;
    }
    if (!known) {
        return fail(NIXL_ERR_NOT_SUPPORTED, "%s uses memory keys that are too long", first.provider().c_str());
    }
    out = std::move(made);
    return failure::success();
}

failure registration::close() noexcept {
    for (part& p : parts_) {
        if (p.handle == nullptr) {
            continue;
        }
        const int rc = fi_close(&p.handle->fid);
        if (rc != 0) {
            return fail(NIXL_ERR_BUSY, "%s cannot close a memory registration: %s", p.on->provider().c_str(),
                        p.on->lib().error_text(rc).c_str())
                .system(rc);
        }
        (void)p.handle.release(); // closed above
    }
    return failure::success();
}

} // namespace nixl::fabric
