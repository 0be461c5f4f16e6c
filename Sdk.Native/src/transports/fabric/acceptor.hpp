// The engine's listening socket, and the timer of its revocations. Progress thread only.
#pragma once

#include "control/sockets.hpp"
#include "transports/fabric/engine.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace nixl::fabric {

class engine::acceptor final : public driven, public watcher {
  public:
    acceptor(engine& e, control::listener l) : engine_(e), listener_(std::move(l)) {}

    failure watch() noexcept { return engine_.loop_.watch(listener_.fd(), EPOLLIN, this); }
    uint16_t port() const noexcept { return listener_.port(); }
    void close() {
        if (listener_) {
            engine_.loop_.unwatch(listener_.fd());
            listener_.close();
        }
    }

    void ready(uint32_t, uint64_t now) override {
        for (int i = 0; i < 64 && listener_; ++i) {
            bool exhausted = false;
            control::unique_fd socket = listener_.accept(exhausted);
            if (exhausted) {
                engine_.loop_.rewatch(listener_.fd(), 0, this);
                resume_at_ = now + pause_ns;
            }
            if (!socket) {
                return;
            }
            engine_.accepted(std::move(socket), now);
        }
    }
    bool advance(uint64_t) override { return false; }
    void tick(uint64_t now) override {
        if (now >= resume_at_) {
            resume_at_ = UINT64_MAX;
            if (listener_) {
                engine_.loop_.rewatch(listener_.fd(), EPOLLIN, this);
            }
        }
        engine_.revocations_.check(now);
    }
    uint64_t next_tick() const override { return std::min(resume_at_, engine_.revocations_.next_check()); }
    bool may_sleep() override { return true; }
    bool wants_timer() const override { return false; }
    bool finished() const override { return false; }
    void retire() override { close(); }

  private:
    static constexpr uint64_t pause_ns = 100'000'000; // when there is no descriptor left

    engine& engine_;
    control::listener listener_;
    uint64_t resume_at_ = UINT64_MAX;
};

} // namespace nixl::fabric
