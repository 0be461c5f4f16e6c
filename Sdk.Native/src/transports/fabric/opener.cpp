#include "transports/fabric/opener.hpp"

#include "core/waiting.hpp"

#include <pthread.h>

namespace nixl::fabric {

void opener::start() {
    thread_ = std::thread([this] { loop(); });
    (void)::pthread_setname_np(thread_.native_handle(), "nixl-fab-open");
}

void opener::run(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            return;
        }
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void opener::stop() noexcept {
    std::deque<std::function<void()>> dropped;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(jobs_);
    }
    changed_.notify_one();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void opener::loop() noexcept {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            wait_until(changed_, lock, deadline::never(), [this] { return stopping_ || !jobs_.empty(); });
            if (stopping_) {
                return;
            }
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job();
    }
}

} // namespace nixl::fabric
