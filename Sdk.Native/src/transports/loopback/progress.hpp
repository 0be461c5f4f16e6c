// The loopback transport: one progress thread that copies, chunk by chunk, round robin over the active requests.
//
// A request's stages, all on the progress thread:
//
//   moving ──all bytes copied──> notifying ──delivered──> settled ──nothing in flight──> quiesced
//      └──────── deadline, cancel, failure, peer gone ───────^
//
// With faults an operation can be in flight (issued, but copied later or never); a settled request stays until its
// operations in flight have landed, or are given up after the grace time or when its peer is fenced.
//
// In EFA mode (nixl_loopback_faults.rails, or the environment: see rules.hpp) requests go through the link's efa_sender
// and the target's efa_receiver instead; the mode is chosen when a request starts.
#pragma once

#include "core/faults.hpp"
#include "core/settings.hpp"
#include "core/transport.hpp"
#include "transports/loopback/efa_receiver.hpp"
#include "transports/loopback/efa_sender.hpp"
#include "transports/loopback/endpoint.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace nixl::loopback {

// Our connection to a peer. Progress thread only.
struct link final : peer_transport_state {
    std::shared_ptr<peer> owner; // reset when the link has gone: breaks the cycle with peer::transport_state
    std::shared_ptr<endpoint> target;
    std::shared_ptr<inbound> connection;
    std::unique_ptr<efa_sender> efa; // made by the first request in EFA mode
    bool gone = false;
    failure why; // what its requests settle with once it has gone
};

struct flight {
    piece what;
    uint64_t due_ns = 0; // UINT64_MAX: hangs
};

// Kept in request::holds while faults are on.
struct flights {
    std::vector<flight> pending;
    uint64_t bytes = 0;
};

class loopback_transport final : public transport,
                                 public fault_injection,
                                 private watcher,
                                 private efa_mailbox,
                                 private efa_owner {
  public:
    loopback_transport(const agent_settings& settings, transport_events& events);
    ~loopback_transport() override;

    nixl_transport_t kind() const noexcept override { return NIXL_TRANSPORT_LOOPBACK; }
    transport_description describe() const override;
    void counters(nixl_transport_counters_t& out) const noexcept override;
    failure register_region(local_region& r) noexcept override;
    failure deregister_region(local_region& r, deadline until) noexcept override;
    void export_address(std::string& out) const override;
    void export_region(const local_region& r, std::string& out) const override;
    bool reachable(const peer_metadata& metadata, std::string& why) const override;
    void connect(peer& p, deadline until) noexcept override;
    void regions_changed(peer& p) noexcept override;
    void disconnect(peer& p, const failure& why) noexcept override;
    void submit(request& r) noexcept override;
    void cancel(request& r) noexcept override;
    failure close(deadline until) noexcept override;
    failure set_faults(const nixl_loopback_faults_t& faults) noexcept override;

  private:
    enum class command_kind { connect, regions, disconnect, target_closed, faults };
    struct command {
        command_kind kind;
        std::shared_ptr<peer> who;
        failure why;
        uint64_t key = 0;
        nixl_loopback_faults_t faults{};
    };
    enum stage : uint32_t { moving = 0, notifying = 1, settled = 2, efa_moving = 3, efa_settled = 4 };

    void target_closed(uint64_t target_key) noexcept override;
    void credit_returned() noexcept override { wake(); }
    void answered(efa_answer&& a) noexcept override;
    void arrived(efa_frame&& f) noexcept override;
    void send(command c) noexcept;
    void wake() noexcept;

    // ---- progress thread ----
    void run() noexcept;
    bool take_work(deadline until, std::vector<command>& commands, request*& submitted) noexcept;
    void handle(const command& c) noexcept;
    void open_link(const std::shared_ptr<peer>& p) noexcept;
    void map_regions(peer& p, link& l);
    void end_link(link& l, const failure& why) noexcept;
    void settle_link(const link& l) noexcept;
    // True: finished, forgotten. Else `busy` if it can go on at once, or `next` is when to look again.
    bool advance(request& r, bool& busy, deadline& next) noexcept;
    void check_fate(request& r, uint64_t now) noexcept;
    void move_data(request& r, uint64_t now, bool& busy, deadline& next) noexcept;
    void move_nothing(request& r) noexcept;
    void move_with_faults(request& r, uint64_t now, bool& busy, deadline& next);
    void copy(request& r, const piece& what) noexcept;
    void notify(request& r, bool& busy) noexcept;
    bool drain(request& r, uint64_t now, deadline& next) noexcept;
    void settle(request& r, const failure& result) noexcept override;

    // ---- progress thread, EFA mode ----
    bool starts_in_efa_mode(const request& r) const noexcept;
    void advance_efa(request& r, uint64_t now, bool& busy) noexcept;
    void progress_efa(bool& busy, deadline& next) noexcept;
    void take_answer(const efa_answer& a) noexcept;
    void lose_link(const std::shared_ptr<link>& l, const failure& why, const char* reason) noexcept;
    const nixl_loopback_faults_t& rules() const noexcept override { return faults_; }
    bool injected_failure() noexcept override;
    void moved(nixl_op_t op, uint64_t bytes) noexcept override;
    void notification_sent() noexcept override { sent_.fetch_add(1, std::memory_order_relaxed); }
    bool faulty() const noexcept { return faults_.delay_ns != 0 || faults_.seed != 0 || faults_.hang != 0; }

    const agent_settings& settings_;
    transport_events& events_;
    const std::shared_ptr<endpoint> endpoint_;

    std::mutex mutex_; // the hand-over: below
    std::condition_variable work_;
    std::vector<command> commands_;
    std::vector<efa_frame> frames_;
    std::vector<efa_answer> answers_;
    request* submitted_head_ = nullptr; // linked by queue_next
    request* submitted_tail_ = nullptr;
    bool woken_ = false;
    bool stopping_ = false;

    // Progress thread only.
    std::vector<request*> active_;
    std::vector<std::shared_ptr<link>> links_;
    nixl_loopback_faults_t faults_{};
    uint64_t operation_count_ = 0;
    std::minstd_rand random_;
    efa_receiver receiver_;
    std::vector<efa_frame> taken_frames_;
    std::vector<efa_answer> taken_answers_;

    std::atomic<uint64_t> written_{0}, read_{0}, operations_{0}, transfers_{0}, failures_{0}, sent_{0};
    std::thread thread_; // last: starts when all else is there
};

} // namespace nixl::loopback
