// One region made reachable for peers: registered with every domain of this agent, under one key where the keys are
// ours to choose. Made and dropped on any thread; the local_region that holds it also names it to the progress thread,
// which reads it without a lock (it never changes).
#pragma once

#include "core/failure.hpp"
#include "core/memory.hpp"
#include "transports/fabric/domain.hpp"
#include "transports/fabric/wire.hpp"

#include <memory>
#include <vector>

namespace nixl::fabric {

class registration {
  public:
    static failure make(const domain_list& domains, const local_region& r, std::shared_ptr<registration>& out);
    // The one that `r` carries (engine::register_region); null if the fabric does not serve it.
    static const registration* of(const local_region& r) noexcept {
        return static_cast<const registration*>(r.slot(NIXL_TRANSPORT_FABRIC).handle);
    }

    const advertised_key& published() const noexcept { return published_; }
    uint64_t name() const noexcept { return published_.name(); } // in REVOKE
    void* descriptor(uint32_t domain) const noexcept { return parts_[domain].descriptor; }
    // No peer can start to use the keys any more once this has succeeded. Idempotent.
    failure close() noexcept;

  private:
    struct part {                         // with one domain
        std::shared_ptr<const domain> on; // outlives the handle
        registration_handle handle;
        void* descriptor = nullptr;
    };
    registration() = default;
    int add(const std::shared_ptr<const domain>& d, const local_region& r, uint64_t key);

    std::vector<part> parts_; // as the domains of the agent
    advertised_key published_;
};

} // namespace nixl::fabric
