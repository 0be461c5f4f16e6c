// What agents of one process see of each other: each loopback transport publishes one endpoint in the process's
// registry.
//
// An initiator holds the target's endpoint by shared_ptr, so it can outlive its transport; `closed` says so. A region
// is reachable through a window: the initiator enters it for every copy, and deregistering closes it and waits until
// nobody is inside, so that after it no copy can touch the memory.
#pragma once

#include "core/arrival.hpp"
#include "core/arrival_tag.hpp"
#include "core/deadline.hpp"
#include "core/failure.hpp"
#include "core/transport.hpp"
#include "transports/loopback/efa_messages.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace nixl::loopback {

class gate {
  public:
    // False: closed. True: leave() must follow.
    bool enter() noexcept {
        inside_.fetch_add(1); // before looking at closed_: close() looks the other way round
        if (!closed_.load())
            return true;
        inside_.fetch_sub(1);
        return false;
    }
    void leave() noexcept { inside_.fetch_sub(1); }
    // False: somebody was still inside at the deadline; it stays closed for newcomers.
    bool close(deadline until) noexcept;

  private:
    std::atomic<uint32_t> inside_{0};
    std::atomic<bool> closed_{false};
};

class window {
  public:
    window(uint64_t base, uint64_t length) noexcept : base_(base), length_(length) {}

    // False: revoked, or the range is not inside. True: leave() must follow.
    bool enter(uint64_t address, uint64_t length) noexcept {
        return address >= base_ && length <= length_ && address - base_ <= length_ - length && gate_.enter();
    }
    void leave() noexcept { gate_.leave(); }
    bool revoke(deadline until) noexcept { return gate_.close(until); }

  private:
    const uint64_t base_;
    const uint64_t length_;
    gate gate_;
};

// Told when a target that it is connected to closes. Implemented by the initiating transport.
class watcher {
  public:
    virtual void target_closed(uint64_t target_key) noexcept = 0; // [any]
    virtual void credit_returned() noexcept = 0;                  // [any]
    virtual void answered(efa_answer&& a) noexcept = 0; // [any] in EFA mode: the control connection's way back

  protected:
    ~watcher() = default;
};

// Takes what arrives at a target in EFA mode. Implemented by the target's transport.
class efa_mailbox {
  public:
    virtual void arrived(efa_frame&& f) noexcept = 0; // [any] hand over to the progress thread

  protected:
    ~efa_mailbox() = default;
};

// An initiator's connection, as the target's agent sees it. `watching` is reset when the initiator has gone.
class inbound final : public notification_sender {
  public:
    inbound(std::string name, uint64_t incarnation, uint32_t limit, watcher* w) noexcept
        : notification_sender(std::move(name), incarnation, limit), watcher_(w) {}
    void initiator_closed() noexcept {
        const std::lock_guard lock(mutex_);
        watcher_ = nullptr;
    }
    void answer(efa_answer&& a) noexcept {
        const std::lock_guard lock(mutex_);
        if (watcher_ != nullptr)
            watcher_->answered(std::move(a));
    }
    // In EFA mode, by rail: through it the initiator's writes pass; the target closes it to fence the rail.
    gate& rail(uint32_t number) noexcept { return rails_[number]; }

    void tell_closed(uint64_t target_key) noexcept {
        const std::lock_guard lock(mutex_);
        if (watcher_ != nullptr)
            watcher_->target_closed(target_key);
    }

  private:
    void credit_returned() noexcept override {
        const std::lock_guard lock(mutex_);
        if (watcher_ != nullptr)
            watcher_->credit_returned();
    }
    std::mutex mutex_;
    watcher* watcher_;
    std::array<gate, max_rails> rails_;
};

class endpoint {
  public:
    endpoint(const agent_settings& settings, transport_events& events, efa_mailbox& mailbox);

    uint64_t key() const noexcept { return key_; }

    uint64_t add_window(uint64_t base, uint64_t length);
    bool remove_window(uint64_t key, deadline until) noexcept;
    std::shared_ptr<window> find_window(uint64_t key) const;

    // Null and `why` if the agent is not the expected one or has closed.
    std::shared_ptr<inbound> accept(const std::string& expected_name, uint64_t expected_incarnation,
                                    const std::string& initiator, uint64_t initiator_incarnation, watcher* w,
                                    failure& why);
    void drop(const std::shared_ptr<inbound>& connection) noexcept;

    enum class delivery { done, no_credit, closed };
    delivery deliver(const std::shared_ptr<inbound>& from, arrival&& a) noexcept;
    // EFA mode. From the initiator's thread.
    void send(efa_frame&& f) noexcept;
    void dropped_late() noexcept { late_writes_.fetch_add(1, std::memory_order_relaxed); }
    uint64_t late_writes() const noexcept { return late_writes_.load(std::memory_order_relaxed); }
    uint64_t delivered() const noexcept { return delivered_.load(std::memory_order_relaxed); }

    // From now on nobody connects, copies or delivers; initiators are told.
    void close() noexcept;

  private:
    const uint64_t key_;
    const std::string name_;
    const uint64_t incarnation_;
    const uint32_t credits_;
    transport_events& events_; // not used once closed_
    efa_mailbox& mailbox_;     // the same

    mutable std::mutex mutex_;
    bool closed_ = false;
    std::unordered_map<uint64_t, std::shared_ptr<window>> windows_;
    std::vector<std::shared_ptr<inbound>> connections_;
    std::atomic<uint64_t> delivered_{0};
    std::atomic<uint64_t> late_writes_{0}; // on rails that were fenced
};

// The process's registry; by endpoint key.
void publish(const std::shared_ptr<endpoint>& e);
void withdraw(uint64_t key) noexcept;
std::shared_ptr<endpoint> find_endpoint(uint64_t key);

} // namespace nixl::loopback
