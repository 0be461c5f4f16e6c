#include "transports/fabric/revocations.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace nixl::fabric {

void revocation_result::set(const failure& f) {
    const std::lock_guard lock(mutex_);
    done_ = true;
    result_ = f;
    changed_.notify_all();
}

failure revocation_result::wait(deadline until) {
    std::unique_lock lock(mutex_);
    while (!done_) {
        const uint64_t left = until.remaining_ns(now_ns());
        if (left == 0) {
            return fail(NIXL_ERR_BUSY, "peers may still be using the region; deregister it again");
        }
        changed_.wait_for(lock, std::chrono::nanoseconds(std::min<uint64_t>(left, 1'000'000'000u)));
    }
    return result_;
}

void revocations::start(std::shared_ptr<registration> r, std::shared_ptr<revocation_result> result,
                        uint64_t force_at_ns,
                        // A copy on purpose: revoke() may close a link, and that changes the caller's set.
                        std::set<inbound*> peers) { // NOLINT(performance-unnecessary-value-param)
    const uint64_t key = r->name();
    pending_.push_back({std::move(r), std::move(result), force_at_ns, peers});
    for (inbound* l : peers) {
        l->revoke(key); // may close the link, which then calls peer_gone
    }
    finish_idle();
}

void revocations::peer_joined(inbound& l) {
    std::vector<uint64_t> keys; // revoke() may close the link, and that changes pending_
    for (pending& p : pending_) {
        p.waiting.insert(&l);
        keys.push_back(p.region->name());
    }
    for (const uint64_t key : keys) {
        l.revoke(key);
    }
}

void revocations::peer_answered(inbound& l, uint64_t key) {
    for (pending& p : pending_) {
        if (p.region->name() == key) {
            p.waiting.erase(&l);
        }
    }
    finish_idle();
}

void revocations::peer_gone(inbound& l) {
    for (pending& p : pending_) {
        p.waiting.erase(&l);
    }
    finish_idle();
}

void revocations::check(uint64_t now) {
    std::set<inbound*> late;
    for (const pending& p : pending_) {
        if (now >= p.force_at_ns) {
            late.insert(p.waiting.begin(), p.waiting.end());
        }
    }
    for (inbound* l : late) {
        l->close(fail(NIXL_ERR_REMOTE_DISCONNECT,
                      "a region was deregistered and this peer did not stop using it in time; connect again"));
    }
}

uint64_t revocations::next_check() const noexcept {
    uint64_t at = UINT64_MAX;
    for (const pending& p : pending_) {
        at = std::min(at, p.force_at_ns);
    }
    return at;
}

void revocations::finish_idle() {
    std::list<pending> done;
    for (auto i = pending_.begin(); i != pending_.end();) {
        const auto following = std::next(i);
        if (i->waiting.empty()) {
            done.splice(done.end(), pending_, i);
        }
        i = following;
    }
    for (pending& p : done) {
        p.result->set(p.region->close());
    }
}

} // namespace nixl::fabric
