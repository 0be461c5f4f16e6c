// The [any] half of the loopback transport: describes itself, keeps windows, hands work over.
#include "transports/loopback/loopback_transport.hpp"

#include "core/identity.hpp"
#include "transports/loopback/progress.hpp"
#include "transports/loopback/rules.hpp"

#include <cstring>
#include <utility>

namespace nixl {

std::unique_ptr<transport> make_loopback_transport(const agent_settings& settings, transport_events& events, failure&) {
    return std::make_unique<loopback::loopback_transport>(settings, events);
}

namespace loopback {

loopback_transport::loopback_transport(const agent_settings& settings, transport_events& events)
    : settings_(settings), events_(events),
      endpoint_(std::make_shared<endpoint>(settings, events, static_cast<efa_mailbox&>(*this))), receiver_(*endpoint_) {
    faults_ = rules_from_environment();
    random_.seed(static_cast<uint32_t>(faults_.seed));
    publish(endpoint_);
    thread_ = std::thread([this] { run(); });
    (void)::pthread_setname_np(thread_.native_handle(), "nixl-loopback"); // for people who look at threads
}

loopback_transport::~loopback_transport() {
    close(deadline::after(0));
}

failure loopback_transport::close(deadline) noexcept {
    withdraw(endpoint_->key());
    endpoint_->close();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        work_.notify_one();
    }
    if (thread_.joinable())
        thread_.join();
    return failure::success(); // nothing is ever in flight outside this process: no force needed
}

transport_description loopback_transport::describe() const {
    return {kind(),
            "nixlsdk " NIXL_SDK_VERSION,
            "memcpy",
            {{"chunk_bytes", settings_.chunk_bytes}, {"notifications_per_sender", settings_.max_notifications}}};
}

void loopback_transport::counters(nixl_transport_counters_t& out) const noexcept {
    out.written_bytes = written_.load(std::memory_order_relaxed);
    out.read_bytes = read_.load(std::memory_order_relaxed);
    out.operations = operations_.load(std::memory_order_relaxed);
    out.transfers = transfers_.load(std::memory_order_relaxed);
    out.failures = failures_.load(std::memory_order_relaxed);
    out.notifications_sent = sent_.load(std::memory_order_relaxed);
    out.notifications_received = endpoint_->delivered();
    out.notifications_dropped_late = receiver_.dropped_late() + endpoint_->late_writes();
}

failure loopback_transport::register_region(local_region& r) noexcept {
    if (r.kind != NIXL_MEMORY_DRAM)
        return fail(NIXL_ERR_NOT_SUPPORTED, "loopback moves DRAM only");
    try {
        r.slot(kind()).key = endpoint_->add_window(r.base, r.length);
        return failure::success();
    } catch (...) {
        return fail(NIXL_ERR_OUT_OF_MEMORY, "no memory to register the region");
    }
}

failure loopback_transport::deregister_region(local_region& r, deadline until) noexcept {
    return endpoint_->remove_window(r.slot(kind()).key, until)
               ? failure::success()
               : fail(NIXL_ERR_BUSY, "a peer is still copying into the region").at(0, r.base, r.length);
}

void loopback_transport::export_address(std::string& out) const {
    const uint64_t key = endpoint_->key();
    out.assign(reinterpret_cast<const char*>(&key), sizeof key);
}

void loopback_transport::export_region(const local_region& r, std::string& out) const {
    const uint64_t key = r.slot(kind()).key;
    out.assign(reinterpret_cast<const char*>(&key), sizeof key);
}

bool loopback_transport::reachable(const peer_metadata& metadata, std::string& why) const {
    const process_identity here = this_process();
    if (metadata.address(kind()).size() != sizeof(uint64_t)) {
        why = "its address is unreadable";
        return false;
    }
    const bool same = metadata.process.boot_id == here.boot_id && metadata.process.process_id == here.process_id &&
                      metadata.process.process_nonce == here.process_nonce;
    if (!same)
        why = "the peer is another process";
    return same;
}

void loopback_transport::send(command c) noexcept {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(c)); // out of memory here ends the process: there is nobody to tell
    work_.notify_one();
}

void loopback_transport::arrived(efa_frame&& f) noexcept {
    const std::lock_guard lock(mutex_);
    frames_.push_back(std::move(f)); // out of memory: as above
    work_.notify_one();
}

void loopback_transport::answered(efa_answer&& a) noexcept {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(a));
    work_.notify_one();
}

void loopback_transport::wake() noexcept {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    work_.notify_one();
}

void loopback_transport::connect(peer& p, deadline) noexcept {
    send({command_kind::connect, p.shared_from_this(), {}, 0, {}});
}
void loopback_transport::regions_changed(peer& p) noexcept {
    send({command_kind::regions, p.shared_from_this(), {}, 0, {}});
}
void loopback_transport::disconnect(peer& p, const failure& why) noexcept {
    send({command_kind::disconnect, p.shared_from_this(), why, 0, {}});
}
void loopback_transport::target_closed(uint64_t target_key) noexcept {
    send({command_kind::target_closed, nullptr, {}, target_key, {}});
}
failure loopback_transport::set_faults(const nixl_loopback_faults_t& faults) noexcept {
    send({command_kind::faults, nullptr, {}, 0, faults});
    return failure::success();
}

void loopback_transport::submit(request& r) noexcept {
    const std::lock_guard lock(mutex_);
    r.queue_next = nullptr;
    (submitted_tail_ != nullptr ? submitted_tail_->queue_next : submitted_head_) = &r;
    submitted_tail_ = &r;
    work_.notify_one();
}

void loopback_transport::cancel(request&) noexcept {
    wake();
}

} // namespace loopback
} // namespace nixl
