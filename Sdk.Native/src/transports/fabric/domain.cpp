#include "transports/fabric/domain.hpp"

#include <cstring>
#include <string>

namespace nixl::fabric {

namespace {

// Memory modes that registration and addressing know how to obey. FI_MR_RAW (keys above 8 bytes), FI_MR_ENDPOINT and
// FI_MR_RMA_EVENT (registrations bound to an endpoint) are not among them.
constexpr int offered_modes = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;

info_handle make_hints(const library& lib, const std::string& provider, const std::string& device) {
    info_handle hints(lib.dupinfo(nullptr), info_deleter{lib.freeinfo});
    if (hints == nullptr) {
        return hints;
    }
    hints->caps = FI_RMA;
    hints->mode = FI_CONTEXT | FI_CONTEXT2;
    hints->ep_attr->type = FI_EP_RDM;
    hints->tx_attr->op_flags = FI_DELIVERY_COMPLETE;
    hints->domain_attr->mr_mode = offered_modes;
    hints->domain_attr->threading = FI_THREAD_SAFE;
    hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
    hints->fabric_attr->prov_name = strdup(provider.c_str()); // freed with the hints, as is the next
    hints->domain_attr->name = device.empty() ? nullptr : strdup(device.c_str());
    return hints;
}

bool supported(const ::fi_info& info, std::string& why) {
    const int mode = info.domain_attr->mr_mode;
    if ((mode & ~offered_modes) != 0) {
        why = "it demands memory registration modes that are not supported (mr_mode " + std::to_string(mode) + ")";
        return false;
    }
    if (info.domain_attr->mr_key_size > sizeof(uint64_t)) {
        why =
            "its memory keys have " + std::to_string(info.domain_attr->mr_key_size) + " bytes; at most 8 are supported";
        return false;
    }
    if ((info.mode & ~(FI_CONTEXT | FI_CONTEXT2)) != 0) {
        why = "it demands application modes that are not supported (mode " + std::to_string(info.mode) + ")";
        return false;
    }
    if (info.ep_attr->max_msg_size == 0 || info.tx_attr->iov_limit == 0 || info.tx_attr->rma_iov_limit == 0) {
        why = "it reports no room for remote writes";
        return false;
    }
    return true;
}

provider_limits read_limits(const ::fi_info& info) {
    provider_limits l;
    const int mode = info.domain_attr->mr_mode;
    l.max_message = info.ep_attr->max_msg_size;
    l.operations = info.tx_attr->size;
    l.key_bytes = info.domain_attr->mr_key_size;
    l.iov = info.tx_attr->iov_limit;
    l.rma_iov = info.tx_attr->rma_iov_limit;
    l.inject = info.tx_attr->inject_size;
    l.immediate = info.domain_attr->cq_data_size;
    l.ordered_writes = (info.tx_attr->msg_order & FI_ORDER_WAW) != 0;
    l.virtual_addresses = (mode & FI_MR_VIRT_ADDR) != 0;
    l.provider_keys = (mode & FI_MR_PROV_KEY) != 0;
    l.local_registration = (mode & FI_MR_LOCAL) != 0;
    return l;
}

} // namespace

info_handle domain::find(const library& lib, const std::string& provider, std::string& why) {
    const info_handle hints = make_hints(lib, provider, {});
    ::fi_info* found = nullptr;
    const int rc =
        hints == nullptr ? -FI_ENOMEM : lib.getinfo(lib.api_version(), nullptr, nullptr, 0, hints.get(), &found);
    if (rc != 0) {
        why = "provider '" + provider + "' of " + lib.version_text() + " has no devices: " + lib.error_text(rc);
    }
    return info_handle(found, info_deleter{lib.freeinfo});
}

std::unique_ptr<domain> domain::open(std::shared_ptr<const library> lib, const std::string& provider,
                                     const std::string& source_host, const std::string& device, std::string& why) {
    std::unique_ptr<domain> d(new domain);
    d->lib_ = std::move(lib);
    const library& l = *d->lib_;
    const std::string who = "provider '" + provider + "' of " + l.version_text() + ": ";

    const info_handle hints = make_hints(l, provider, device);
    if (hints == nullptr) {
        why = who + "out of memory";
        return nullptr;
    }
    ::fi_info* found = nullptr;
    int rc = -FI_ENODATA;
    if (!source_host.empty()) {
        rc = l.getinfo(l.api_version(), source_host.c_str(), nullptr, FI_SOURCE, hints.get(), &found);
    }
    const bool source_known = rc == 0;
    if (rc != 0) {
        // A provider whose addresses are not IP addresses, or whose device is not on that one, chooses by itself.
        rc = l.getinfo(l.api_version(), nullptr, nullptr, 0, hints.get(), &found);
    }
    d->info_ = info_handle(found, info_deleter{l.freeinfo});
    if (rc != 0 || found == nullptr) {
        why = who +
              "no device or no such provider that can do reliable remote reads and writes with delivery completion: " +
              l.error_text(rc);
        return nullptr;
    }
    std::string demand;
    if (!supported(*found, demand)) {
        why = who + demand;
        return nullptr;
    }
    ::fid_fabric* fabric = nullptr;
    rc = l.open_fabric(found->fabric_attr, &fabric, nullptr);
    if (rc != 0) {
        why = who + "opening the fabric failed: " + l.error_text(rc);
        return nullptr;
    }
    d->fabric_.reset(fabric);
    ::fid_domain* opened = nullptr;
    rc = fi_domain(fabric, found, &opened, nullptr);
    if (rc != 0) {
        why = who + "opening the domain failed: " + l.error_text(rc);
        return nullptr;
    }
    d->domain_.reset(opened);
    d->limits_ = read_limits(*found);
    d->source_known_ = source_known;
    d->source_host_ = source_known ? source_host : std::string();
    d->provider_ = found->fabric_attr->prov_name != nullptr ? found->fabric_attr->prov_name : provider;
    return d;
}

std::string domain::device() const {
    std::string name = info_->domain_attr->name != nullptr ? info_->domain_attr->name : "?";
    return source_host_.empty() || source_host_ == name ? name : name + " " + source_host_;
}

std::string domain::describe() const {
    const provider_limits& l = limits_;
    std::string text = "domain " + device();
    text += ", max message " + std::to_string(l.max_message) + ", operations " + std::to_string(l.operations) +
            ", iov " + std::to_string(l.iov) + "/" + std::to_string(l.rma_iov) + ", inject " +
            std::to_string(l.inject) + ", key " + std::to_string(l.key_bytes) + " bytes";
    text += l.virtual_addresses ? ", virtual addresses" : ", offset addresses";
    text += l.provider_keys ? ", provider keys" : ", application keys";
    if (l.local_registration) {
        text += ", local registration";
    }
    return text;
}

} // namespace nixl::fabric
