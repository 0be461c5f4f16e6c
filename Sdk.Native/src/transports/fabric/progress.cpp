#include "transports/fabric/progress.hpp"

#include "core/deadline.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/time_types.h>
#include <span>

namespace nixl::fabric {

namespace {

constexpr uint64_t first_pause_ns = 50'000;
constexpr uint64_t longest_pause_ns = 1'000'000;
constexpr uint64_t longest_sleep_ns = 3'600'000'000'000u; // the deadlines are looked at anew after it

int wait_for_events(int set, std::span<::epoll_event> out, uint64_t timeout_ns) noexcept {
    const uint64_t ns = std::min(timeout_ns, longest_sleep_ns);
    const ::__kernel_timespec wait{static_cast<int64_t>(ns / 1'000'000'000u),
                                   static_cast<long long>(ns % 1'000'000'000u)};
    // The call itself: its name in the C library is newer (2.35) than what the library may ask for.
    const long n = ::syscall(SYS_epoll_pwait2, set, out.data(), static_cast<int>(out.size()), &wait, nullptr, 0);
    if (n >= 0 || errno != ENOSYS) {
        return static_cast<int>(n);
    }
    // Linux before 5.11: milliseconds, rounded up.
    return ::epoll_wait(set, out.data(), static_cast<int>(out.size()), static_cast<int>((ns + 999'999u) / 1'000'000u));
}

} // namespace

failure waker::open() noexcept {
    event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return event_ ? failure::success() : fail_errno(NIXL_ERR_BACKEND, errno, "cannot make an eventfd");
}

void waker::wake() noexcept {
    // The counter is raised before `sleeping_` is read, and the thread raises `sleeping_` before it reads the counter:
    // one of the two sees the other.
    signals_.fetch_add(1, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst)) {
        const uint64_t one = 1;
        (void)!::write(event_.get(), &one, sizeof one); // full means that it is awake already
    }
}

progress::progress(uint64_t spin_ns, std::function<bool(uint64_t)> each_round)
    : spin_ns_(spin_ns), each_round_(std::move(each_round)), waker_(std::make_shared<waker>()) {}

progress::~progress() {
    stop();
}

failure progress::start() {
    if (const failure f = waker_->open(); !f.ok()) {
        return f;
    }
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) {
        return fail_errno(NIXL_ERR_BACKEND, errno, "cannot make an epoll set");
    }
    if (const failure f = watch(waker_->event_.get(), EPOLLIN, nullptr); !f.ok()) {
        return f;
    }
    thread_ = std::thread([this] { run(); });
    (void)::pthread_setname_np(thread_.native_handle(), "nixl-fabric"); // for people who look at threads
    return failure::success();
}

void progress::stop() noexcept {
    if (!thread_.joinable()) {
        return;
    }
    {
        // Together: a task that was taken in after the last one would never run, and its caller would wait for it.
        const std::lock_guard lock(mutex_);
        tasks_.push_back([this] { quit_ = true; });
        stopped_ = true;
    }
    wake();
    thread_.join();
}

bool progress::post(task t) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) {
            return false;
        }
        tasks_.push_back(std::move(t));
    }
    wake();
    return true;
}

void progress::add(std::shared_ptr<driven> d) {
    added_.push_back(std::move(d));
}

failure progress::watch(int fd, uint32_t events, watcher* w) noexcept {
    ::epoll_event e{};
    e.events = events;
    e.data.ptr = w;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) != 0) {
        return fail_errno(NIXL_ERR_BACKEND, errno, "cannot watch descriptor %d", fd);
    }
    return failure::success();
}

void progress::rewatch(int fd, uint32_t events, watcher* w) noexcept {
    ::epoll_event e{};
    e.events = events;
    e.data.ptr = w;
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &e); // cannot fail for a descriptor that is in the set
}

void progress::unwatch(int fd) noexcept {
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool progress::run_tasks() {
    {
        const std::lock_guard lock(mutex_);
        running_.swap(tasks_);
    }
    const bool any = !running_.empty();
    for (const task& t : running_) {
        t();
    }
    running_.clear(); // lets go of what the tasks held
    return any;
}

void progress::run() noexcept {
    uint64_t last_event = now_ns();
    pause_ns_ = first_pause_ns;
    while (!quit_) {
        const uint64_t seen = waker_->signals_.load(std::memory_order_seq_cst);
        uint64_t now = now_ns();
        bool busy = run_tasks();
        busy |= each_round_(now);
        for (const auto& d : driven_) {
            busy |= d->advance(now);
            if (now >= d->next_tick()) {
                d->tick(now);
            }
        }
        std::erase_if(driven_, [](const auto& d) {
            const bool over = d->finished();
            if (over) {
                d->retire();
            }
            return over;
        });
        if (!added_.empty()) {
            driven_.insert(driven_.end(), added_.begin(), added_.end());
            added_.clear();
            busy = true;
        }
        if (busy) {
            last_event = now;
            pause_ns_ = first_pause_ns;
        }
        now = now_ns();
        dispatch(busy || now - last_event < spin_ns_ ? 0 : sleep_ns(now, seen));
    }
    driven_.insert(driven_.end(), added_.begin(), added_.end());
    for (const auto& d : driven_) {
        d->retire();
    }
    driven_.clear();
    added_.clear();
}

uint64_t progress::sleep_ns(uint64_t now, uint64_t seen_signals) {
    deadline wake_at = deadline::never();
    bool timer = false;
    for (const auto& d : driven_) {
        wake_at = earlier(wake_at, deadline{d->next_tick()});
        timer |= d->wants_timer();
    }
    waker_->sleeping_.store(true, std::memory_order_seq_cst);
    if (waker_->signals_.load(std::memory_order_seq_cst) != seen_signals) {
        return 0;
    }
    // Last: between a provider's agreement and the sleep nothing may touch its queues.
    if (!std::all_of(driven_.begin(), driven_.end(), [](const auto& d) { return d->may_sleep(); })) {
        return 0;
    }
    const uint64_t left = wake_at.remaining_ns(now);
    if (!timer) {
        return left;
    }
    const uint64_t pause = std::min(left, pause_ns_);
    pause_ns_ = std::min(2 * pause_ns_, longest_pause_ns);
    return pause;
}

void progress::dispatch(uint64_t timeout_ns) {
    std::array<::epoll_event, 64> events{};
    const int n = wait_for_events(epoll_.get(), events, timeout_ns);
    waker_->sleeping_.store(false, std::memory_order_seq_cst);
    if (n <= 0) {
        return;
    }
    const uint64_t now = now_ns();
    for (int i = 0; i < n; ++i) {
        const ::epoll_event& e = events[static_cast<size_t>(i)];
        if (e.data.ptr != nullptr) {
            static_cast<watcher*>(e.data.ptr)->ready(e.events, now);
        }
    }
    uint64_t drained = 0;
    (void)!::read(waker_->event_.get(), &drained, sizeof drained); // empty is fine
}

} // namespace nixl::fabric
