// A thread for the few calls that take long: opening an endpoint costs tens of milliseconds with some providers, and
// the progress thread has other peers to serve meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nixl::fabric {

class opener {
  public:
    opener() = default;
    ~opener() { stop(); }
    opener(const opener&) = delete;
    opener& operator=(const opener&) = delete;

    void start();
    // [any] Jobs run one after the other. Dropped unrun after stop().
    void run(std::function<void()> job);
    // Ends after the job that is running now; the others are dropped.
    void stop() noexcept;

  private:
    void loop() noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_; // under mutex_
    bool stopping_ = false;                  // under mutex_
    std::thread thread_;
};

} // namespace nixl::fabric
