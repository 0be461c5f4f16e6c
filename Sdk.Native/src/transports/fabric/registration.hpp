// One region made reachable for peers: the provider's registration and its key. Made and dropped on any thread; the
// local_region that holds it also names it to the progress thread, which reads it without a lock (it never changes).
#pragma once

#include "core/failure.hpp"
#include "core/memory.hpp"
#include "transports/fabric/domain.hpp"

#include <memory>

namespace nixl::fabric {

class registration {
  public:
    static failure make(const std::shared_ptr<const domain>& d, const local_region& r,
                        std::shared_ptr<registration>& out);

    uint64_t key() const noexcept { return key_; }
    uint64_t base() const noexcept { return base_; }
    void* descriptor() const noexcept { return descriptor_; }
    // No peer can start to use the key any more once this has succeeded. Idempotent.
    failure close() noexcept;

  private:
    explicit registration(std::shared_ptr<const domain> d) : domain_(std::move(d)) {}

    std::shared_ptr<const domain> domain_; // must outlive the handle
    registration_handle handle_;
    uint64_t key_ = 0;
    uint64_t base_ = 0;
    void* descriptor_ = nullptr;
};

} // namespace nixl::fabric
