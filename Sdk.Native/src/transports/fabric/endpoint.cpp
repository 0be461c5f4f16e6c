#include "transports/fabric/endpoint.hpp"

#include "transports/fabric/efa.hpp"
#include "transports/fabric/streams.hpp"

#include <netinet/in.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_rma.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace nixl::fabric {

namespace {

// For what lies in the sockets already to be read, and the end behind it.
constexpr uint64_t cut_wait_ns = 1'000'000'000;

bool wildcard(const void* address, size_t length) {
    if (address == nullptr || length == 0) {
        return true;
    }
    const auto* generic = static_cast<const ::sockaddr*>(address);
    if (generic->sa_family == AF_INET && length >= sizeof(::sockaddr_in)) {
        return static_cast<const ::sockaddr_in*>(address)->sin_addr.s_addr == htonl(INADDR_ANY);
    }
    if (generic->sa_family == AF_INET6 && length >= sizeof(::sockaddr_in6)) {
        return IN6_IS_ADDR_UNSPECIFIED(&static_cast<const ::sockaddr_in6*>(address)->sin6_addr) != 0;
    }
    return false;
}

bool speaks_ip(const ::fi_info& info) noexcept {
    return info.addr_format == FI_SOCKADDR || info.addr_format == FI_SOCKADDR_IN || info.addr_format == FI_SOCKADDR_IN6;
}

// Binds to the address that the control connection uses, with a port of its own.
bool use_local_address(::fi_info& info, const ::sockaddr* local) {
    const size_t length = local->sa_family == AF_INET ? sizeof(::sockaddr_in) : sizeof(::sockaddr_in6);
    void* copy = std::malloc(length); // freed with the info, by the library's free()
    if (copy == nullptr) {
        return false;
    }
    std::memcpy(copy, local, length);
    if (local->sa_family == AF_INET) {
        static_cast<::sockaddr_in*>(copy)->sin_port = 0;
        info.addr_format = FI_SOCKADDR_IN;
    } else {
        static_cast<::sockaddr_in6*>(copy)->sin6_port = 0;
        info.addr_format = FI_SOCKADDR_IN6;
    }
    std::free(info.src_addr);
    info.src_addr = copy;
    info.src_addrlen = length;
    return true;
}

::fid_cq* open_queue(const domain& d, uint64_t operations, bool with_fd, int& rc) {
    ::fi_cq_attr attributes{};
    attributes.size = operations;
    attributes.format = FI_CQ_FORMAT_CONTEXT;
    attributes.wait_obj = with_fd ? FI_WAIT_FD : FI_WAIT_NONE;
    ::fid_cq* queue = nullptr;
    rc = fi_cq_open(d.handle(), &attributes, &queue, nullptr);
    return rc == 0 ? queue : nullptr;
}

} // namespace

endpoint::~endpoint() = default;

std::unique_ptr<endpoint> endpoint::open(std::shared_ptr<const domain> shared, const ::sockaddr* local,
                                         uint64_t operations, std::string& why) {
    std::unique_ptr<endpoint> e(new endpoint(std::move(shared)));
    const domain& d = *e->domain_;
    const auto failed = [&](const char* what, int64_t code) -> std::unique_ptr<endpoint> {
        why = std::string(what) + " failed: " + d.lib().error_text(code);
        return nullptr;
    };
    int rc = 0;
    e->queue_.reset(open_queue(d, operations, true, rc));
    if (e->queue_ != nullptr) {
        if (fi_control(&e->queue_->fid, FI_GETWAIT, &e->wait_fd_) != 0) {
            e->wait_fd_ = -1;
        }
    } else {
        e->queue_.reset(open_queue(d, operations, false, rc));
        if (e->queue_ == nullptr) {
            return failed("opening a completion queue", rc);
        }
    }
    ::fi_av_attr addresses{};
    addresses.type = d.info().domain_attr->av_type;
    addresses.count = 1;
    ::fid_av* av = nullptr;
    rc = fi_av_open(d.handle(), &addresses, &av, nullptr);
    if (rc != 0) {
        return failed("opening an address vector", rc);
    }
    e->addresses_.reset(av);

    const info_handle as_given = d.copy_info();
    const info_handle as_control = d.copy_info();
    if (as_given == nullptr || as_control == nullptr) {
        return failed("copying the provider's description", -FI_ENOMEM);
    }
    // The provider was told an address when the domain was opened, or the control connection knows one; where that is
    // not one of the provider's (another network), the provider's own choice is left.
    const bool free_choice = !d.source_known() || wildcard(as_given->src_addr, as_given->src_addrlen);
    const char* step = "";
    rc = -FI_ENODATA;
    if (local != nullptr && free_choice && speaks_ip(*as_given) && use_local_address(*as_control, local)) {
        rc = e->enable(*as_control, step);
    }
    if (rc != 0) {
        rc = e->enable(*as_given, step);
    }
    return rc == 0 ? std::move(e) : failed(step, rc);
}

int endpoint::enable(::fi_info& info, const char*& step) {
    endpoint_.reset();
    ::fid_ep* ep = nullptr;
    step = "opening an endpoint";
    int rc = fi_endpoint(domain_->handle(), &info, &ep, nullptr);
    if (rc != 0) {
        return rc;
    }
    endpoint_.reset(ep);
    step = "binding an endpoint";
    if ((rc = fi_ep_bind(ep, &queue_->fid, FI_TRANSMIT | FI_RECV)) != 0 ||
        (rc = fi_ep_bind(ep, &addresses_->fid, 0)) != 0) {
        return rc;
    }
    if (domain_->is_efa()) {
        prepare_efa(*ep);
    }
    step = "enabling an endpoint";
    if ((rc = fi_enable(ep)) != 0) {
        return rc;
    }
    step = "reading an endpoint's address";
    std::array<char, 256> name{};
    size_t length = name.size();
    if ((rc = fi_getname(&ep->fid, name.data(), &length)) != 0) {
        return rc;
    }
    address_.assign(name.data(), std::min(length, name.size()));
    return 0;
}

bool endpoint::insert_peer(const std::string& address, std::string& why) {
    if (address.size() != address_.size()) {
        why = "the peer's endpoint address has " + std::to_string(address.size()) + " bytes, expected " +
              std::to_string(address_.size());
        return false;
    }
    // The provider reads as many bytes as the family in the address says, whatever was received.
    if (speaks_ip(domain_->info()) && (address.size() < sizeof(::sa_family_t) ||
                                       std::memcmp(address.data(), address_.data(), sizeof(::sa_family_t)) != 0)) {
        why = "the peer's endpoint address is of another address family";
        return false;
    }
    const int inserted = fi_av_insert(addresses_.get(), address.data(), 1, &peer_, 0, nullptr);
    if (inserted != 1) {
        why = "the provider does not accept the peer's endpoint address: " + domain_->lib().error_text(inserted);
        return false;
    }
    peer_address_ = address;
    return true;
}

int64_t endpoint::post(const rma_operation& op) noexcept {
    ::iovec piece{op.local, op.length};
    ::fi_rma_iov remote{op.remote, op.length, op.key};
    void* descriptor = op.descriptor;
    ::fi_msg_rma message{};
    message.msg_iov = &piece;
    message.desc = &descriptor;
    message.iov_count = 1;
    message.addr = peer_;
    message.rma_iov = &remote;
    message.rma_iov_count = 1;
    message.context = op.context;
    // Without delivery completion a write with a bad key reports success on some providers, and the data is lost.
    const ssize_t rc = op.way == direction::write
                           ? fi_writemsg(endpoint_.get(), &message, FI_COMPLETION | FI_DELIVERY_COMPLETE)
                           : fi_readmsg(endpoint_.get(), &message, FI_COMPLETION);
    outstanding_ += rc == 0 ? 1 : 0;
    return rc;
}

void endpoint::ended(const void* context) noexcept {
    outstanding_ -= context != nullptr && outstanding_ != 0 ? 1 : 0;
}

void endpoint::drain(deadline until) noexcept {
    collect(until);
    if (outstanding_ == 0 || !domain_->ends_reads_twice()) {
        return;
    }
    // Met by the end of its stream, a read that is half here ends once; only closing it does not. The peer listens for
    // this endpoint alone, so that no other connection has its address.
    if (cut_streams_to(reinterpret_cast<const ::sockaddr*>(peer_address_.data()),
                       static_cast<::socklen_t>(peer_address_.size())) != 0) {
        collect(deadline::after(cut_wait_ns));
    }
}

void endpoint::collect(deadline until) noexcept {
    std::array<::fi_cq_entry, 64> entries; // NOLINT: filled by fi_cq_read
    for (int quiet = 0, rounds = 0; quiet < 8 && rounds < 4096; ++rounds) {
        const ssize_t n = fi_cq_read(queue_.get(), entries.data(), entries.size());
        if (n == -FI_EAVAIL) {
            ::fi_cq_err_entry error{};
            const bool got = fi_cq_readerr(queue_.get(), &error, 0) > 0;
            ended(got ? error.op_context : nullptr);
            quiet = got ? 0 : quiet + 1;
            continue;
        }
        for (ssize_t i = 0; i < n; ++i) {
            ended(entries[static_cast<size_t>(i)].op_context);
        }
        quiet = n > 0 ? 0 : quiet + 1;
        // Something is in flight and nothing comes: the end of a peer's process arrives here a moment after its control
        // connection has ended.
        if (quiet == 8 && outstanding_ != 0 && !until.passed()) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
            quiet = 0;
        }
    }
}

int64_t endpoint::poll(completion* out, uint64_t capacity, std::string& why) {
    std::array<::fi_cq_entry, 64> entries; // NOLINT: filled by fi_cq_read
    uint64_t taken = 0;
    while (taken < capacity) {
        const size_t room = std::min<size_t>(entries.size(), capacity - taken);
        const ssize_t rc = fi_cq_read(queue_.get(), entries.data(), room);
        if (rc == -FI_EAGAIN || rc == 0) {
            break;
        }
        if (rc == -FI_EAVAIL) {
            const int64_t got = read_error(out[taken]);
            if (got < 0) {
                why = "reading the completion queue's error failed: " + domain_->lib().error_text(got);
                return got;
            }
            taken += static_cast<uint64_t>(got);
            if (got == 0) {
                break;
            }
            continue;
        }
        if (rc < 0) {
            why = "reading the completion queue failed: " + domain_->lib().error_text(rc);
            return rc;
        }
        for (ssize_t i = 0; i < rc; ++i) {
            out[taken].context = entries[static_cast<size_t>(i)].op_context;
            ended(out[taken].context);
            out[taken].error = 0;
            ++taken;
        }
        if (static_cast<size_t>(rc) < room) {
            break;
        }
    }
    return static_cast<int64_t>(taken);
}

int64_t endpoint::read_error(completion& out) {
    std::array<char, 256> details{};
    ::fi_cq_err_entry entry{};
    entry.err_data = details.data(); // the provider copies up to this much; else it points into the queue
    entry.err_data_size = details.size();
    const ssize_t rc = fi_cq_readerr(queue_.get(), &entry, 0);
    if (rc == -FI_EAGAIN) {
        return 0;
    }
    if (rc < 0) {
        return rc;
    }
    out.context = entry.op_context;
    ended(out.context);
    out.error = entry.err != 0 ? entry.err : FI_EOTHER;
    std::array<char, 256> words{};
    const char* text = fi_cq_strerror(queue_.get(), entry.prov_errno, entry.err_data, words.data(), words.size());
    out.text = domain_->lib().error_text(out.error);
    if (text != nullptr && *text != '\0') {
        out.text += std::string("; provider: ") + text + " (" + std::to_string(entry.prov_errno) + ")";
    }
    return 1;
}

bool endpoint::may_sleep() noexcept {
    if (wait_fd_ < 0) {
        return true; // on a timer; see the progress thread
    }
    ::fid* queue = &queue_->fid;
    return fi_trywait(domain_->fabric(), &queue, 1) == 0;
}

} // namespace nixl::fabric
