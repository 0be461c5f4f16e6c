// The fabric transport's progress thread: one epoll set over control sockets, completion queues' wait descriptors and a
// wake-up eventfd; it drives every link and owns their sessions and endpoints.
//
// It polls for spin_ns after the last event and then sleeps, but only after every endpoint has agreed that it may
// (fi_trywait). An endpoint whose provider has no wait object (efa before libfabric 2.4, shm) is polled on a timer
// instead: after a pause of 50 µs, which doubles up to 1 ms while nothing happens and starts anew with the next event.
// Other threads hand work over with post() and wake().
#pragma once

#include "control/unique_fd.hpp"
#include "core/failure.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace nixl::fabric {

// Something that waits in the epoll set.
class watcher {
  public:
    virtual void ready(uint32_t events, uint64_t now) = 0;

  protected:
    ~watcher() = default;
};

// One connection. All functions run on the progress thread.
class driven {
  public:
    virtual ~driven() = default;
    // Polls, posts, writes. True if anything happened.
    virtual bool advance(uint64_t now) = 0;
    // Deadlines: called at the latest at next_tick().
    virtual void tick(uint64_t now) = 0;
    virtual uint64_t next_tick() const = 0;
    // False: there is something to poll already.
    virtual bool may_sleep() = 0;
    // True: no descriptor announces this one's next event, so it must be polled on a timer.
    virtual bool wants_timer() const = 0;
    // Nothing will come any more; it may be forgotten.
    virtual bool finished() const = 0;
    // The last call, once finished or when the thread ends: lets go of descriptors and of references to itself.
    virtual void retire() = 0;
};

// Wakes the progress thread. Outlives it: whoever holds one may call wake() at any time, from any thread.
class waker {
  public:
    failure open() noexcept;
    void wake() noexcept;

  private:
    friend class progress;
    control::unique_fd event_;
    std::atomic<uint64_t> signals_{0};
    std::atomic<bool> sleeping_{false};
};

class progress {
  public:
    using task = std::function<void()>;
    // `each_round` runs on the progress thread once per round: takes over what other threads have left; true if there
    // was something.
    progress(uint64_t spin_ns, std::function<bool(uint64_t now)> each_round);
    ~progress();
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    failure start();
    // [any] Runs what was posted before, then ends and joins. Links must have been finished or are dropped.
    void stop() noexcept;
    // [any] Runs on the progress thread. False after stop().
    bool post(task t);
    // [any]
    void wake() noexcept { waker_->wake(); }
    std::shared_ptr<waker> shared_waker() const { return waker_; }

    // The rest: progress thread only.
    void add(std::shared_ptr<driven> d);
    // A null watcher only ends the sleep.
    failure watch(int fd, uint32_t events, watcher* w) noexcept;
    void rewatch(int fd, uint32_t events, watcher* w) noexcept;
    void unwatch(int fd) noexcept;

  private:
    void run() noexcept;
    bool run_tasks();
    uint64_t sleep_ns(uint64_t now, uint64_t seen_signals);
    void dispatch(uint64_t timeout_ns);

    const uint64_t spin_ns_;
    const std::function<bool(uint64_t)> each_round_;
    const std::shared_ptr<waker> waker_;
    control::unique_fd epoll_;
    std::thread thread_;
    bool quit_ = false;     // progress thread
    uint64_t pause_ns_ = 0; // progress thread: the next one of the timer

    std::mutex mutex_;
    std::vector<task> tasks_; // under mutex_
    bool stopped_ = false;    // under mutex_
    std::vector<task> running_;
    std::vector<std::shared_ptr<driven>> driven_;
    std::vector<std::shared_ptr<driven>> added_; // joined between rounds
};

} // namespace nixl::fabric
