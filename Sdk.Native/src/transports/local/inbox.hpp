// What other threads hand to the progress thread. Held by the transport and by whatever may outlive it (senders of
// unread notifications), so that a late hand-over finds a closed inbox instead of freed memory.
#pragma once

#include "core/deadline.hpp"
#include "core/failure.hpp"
#include "core/peer.hpp"
#include "core/request.hpp"
#include "transports/local/progress.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace nixl::local {

struct command {
    enum class verb { connect, regions_changed, disconnect, broken, arenas_changed, close };
    verb what{};
    std::shared_ptr<nixl::peer> peer; // connect, regions_changed, disconnect
    deadline until;                   // connect, close
    std::unique_ptr<failure> why;     // disconnect
    std::uint64_t connection = 0;     // broken: an inbound one, whose ring holds nonsense
};

class inbox {
  public:
    failure open() noexcept { return loop.open(); }

    // [any] False: closed; nothing was queued. Throws std::bad_alloc.
    bool push(command&& c) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_)
                return false;
            commands_.push_back(std::move(c));
        }
        loop.wake();
        return true;
    }
    // [any] No memory needed: requests are linked through queue_next.
    bool submit(request& r) noexcept {
        r.queue_next = nullptr;
        {
            const std::lock_guard lock(mutex_);
            if (closed_)
                return false;
            (last_ == nullptr ? first_ : last_->queue_next) = &r;
            last_ = &r;
        }
        loop.wake();
        return true;
    }
    // [any] Some request's cancel_requested has been set. No pointer travels: the request may be gone by then.
    void look_for_cancels() noexcept {
        {
            const std::lock_guard lock(mutex_);
            cancels_ = true;
        }
        loop.wake();
    }

    // Progress thread. Commands come before the requests that were submitted after them.
    struct contents {
        std::vector<command> commands;
        request* first = nullptr;
        bool cancels = false;
    };
    bool take(contents& out) noexcept {
        out.commands.clear();
        const std::lock_guard lock(mutex_);
        out.commands.swap(commands_);
        out.first = std::exchange(first_, nullptr);
        last_ = nullptr;
        out.cancels = std::exchange(cancels_, false);
        return !out.commands.empty() || out.first != nullptr || out.cancels;
    }
    bool waiting() noexcept {
        const std::lock_guard lock(mutex_);
        return !commands_.empty() || first_ != nullptr || cancels_;
    }
    // From now on nothing is taken. What is left inside must be taken once more.
    void shut() noexcept {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

    progress loop;

  private:
    std::mutex mutex_;
    std::vector<command> commands_;
    request* first_ = nullptr;
    request* last_ = nullptr;
    bool cancels_ = false;
    bool closed_ = false;
};

} // namespace nixl::local
