// One device of one agent, its fabric and domain: which provider, and everything that it demands or limits. Opened
// once, shared by all endpoints, immutable afterwards; registrations may be made on it from any thread.
#pragma once

#include "transports/fabric/handles.hpp"
#include "transports/fabric/library.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nixl::fabric {

// What the provider returned, in the units that the code uses. Nothing here is assumed from a provider's name.
struct provider_limits {
    uint64_t max_message = 0;        // bytes in one operation
    uint64_t operations = 0;         // outstanding on one endpoint
    uint64_t key_bytes = 0;          // of a remote key
    uint64_t iov = 0;                // local pieces in one operation
    uint64_t rma_iov = 0;            // remote pieces in one operation
    uint64_t inject = 0;             // bytes that need no completion
    uint64_t immediate = 0;          // bytes of remote completion data: 8, or 4 with verbs and efa
    bool ordered_writes = false;     // one endpoint's writes arrive in the order in which they were posted
    bool virtual_addresses = false;  // remote addresses are the target's own; else offsets from the region's start
    bool provider_keys = false;      // the provider chooses the keys
    bool local_registration = false; // local buffers need a descriptor
};

class domain {
  public:
    // `source_host` is the address to send from and listen on; empty = the provider's choice. `device` is the domain's
    // name as the provider calls it; empty = any. Null with a sentence in
    // `why` if there is no such provider, it cannot do what is needed, or it demands what is not supported.
    static std::unique_ptr<domain> open(std::shared_ptr<const library> lib, const std::string& provider,
                                        const std::string& source_host, const std::string& device, std::string& why);
    // All devices of a provider that can do what is needed.
    static info_handle find(const library& lib, const std::string& provider, std::string& why);

    const library& lib() const noexcept { return *lib_; }
    const ::fi_info& info() const noexcept { return *info_; }
    ::fid_fabric* fabric() const noexcept { return fabric_.get(); }
    ::fid_domain* handle() const noexcept { return domain_.get(); }
    const provider_limits& limits() const noexcept { return limits_; }
    const std::string& provider() const noexcept { return provider_; }
    bool is_efa() const noexcept { return provider_.starts_with("efa"); }
    // A read whose answer is half here when its connection is closed is reported twice, the second time without a
    // context, which rxm then follows: libfabric before 1.18 (its commit a74ea0fcd mends it).
    bool ends_reads_twice() const noexcept {
        return lib_->version() < FI_VERSION(1, 18) && (provider_.starts_with("tcp") || provider_.starts_with("net"));
    }
    // The provider accepted `source_host`; else it chose where to send from and listen.
    bool source_known() const noexcept { return source_known_; }
    // For people: the device's name, and the address that was asked for.
    std::string device() const;
    // One line for people: domain, limits, memory modes.
    std::string describe() const;

    info_handle copy_info() const { return info_handle(lib_->dupinfo(info_.get()), info_deleter{lib_->freeinfo}); }

  private:
    domain() = default;

    std::shared_ptr<const library> lib_;
    info_handle info_;
    fabric_handle fabric_;
    domain_handle domain_;
    provider_limits limits_;
    std::string provider_;
    std::string source_host_;
    bool source_known_ = false;
};

// The domains of one agent, one per device that is used; never empty. All of one provider, with the same addressing.
using domain_list = std::vector<std::shared_ptr<const domain>>;

} // namespace nixl::fabric
