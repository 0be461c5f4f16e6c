// The progress thread's loop and its connections.
#include "transports/loopback/progress.hpp"

#include "core/waiting.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nixl::loopback {

namespace {

uint64_t key_of(const std::string& bytes) noexcept {
    uint64_t key = 0;
    if (bytes.size() == sizeof key)
        std::memcpy(&key, bytes.data(), sizeof key);
    return key;
}

} // namespace

// Waits for work; false: stopping. An `until` in the past only looks.
bool loopback_transport::take_work(deadline until, std::vector<command>& commands, request*& submitted) noexcept {
    std::unique_lock lock(mutex_);
    const auto ready = [&] {
        return stopping_ || woken_ || !commands_.empty() || !frames_.empty() || !answers_.empty() ||
               submitted_head_ != nullptr;
    };
    wait_until(work_, lock, until, ready);
    woken_ = false;
    commands.swap(commands_);
    taken_frames_.swap(frames_);
    taken_answers_.swap(answers_);
    submitted = std::exchange(submitted_head_, nullptr);
    submitted_tail_ = nullptr;
    return !stopping_;
}

void loopback_transport::run() noexcept {
    std::vector<command> commands;
    deadline next;
    for (bool running = true; running;) {
        commands.clear();
        request* submitted = nullptr;
        running = take_work(next, commands, submitted);
        // Commands first: a post that follows a newer import must find the newer regions.
        for (const command& c : commands)
            handle(c);
        for (efa_frame& f : taken_frames_)
            receiver_.handle(std::move(f));
        for (const efa_answer& a : taken_answers_)
            take_answer(a);
        taken_frames_.clear();
        taken_answers_.clear();
        while (submitted != nullptr)
            active_.push_back(std::exchange(submitted, submitted->queue_next));
        if (!running)
            for (const auto& l : links_)
                end_link(*l, fail(NIXL_ERR_CLOSED, "the agent is closing"));
        bool busy = false;
        next = deadline::never();
        std::erase_if(active_, [&](request* r) { return advance(*r, busy, next); });
        progress_efa(busy, next);
        if (busy)
            next = deadline{0};
    }
    links_.clear();
}

void loopback_transport::handle(const command& c) noexcept {
    switch (c.kind) {
    case command_kind::connect:
        open_link(c.who);
        break;
    case command_kind::regions:
        if (c.who->transport_state)
            map_regions(*c.who, static_cast<link&>(*c.who->transport_state));
        break;
    case command_kind::disconnect:
        if (c.who->transport_state) {
            auto& l = static_cast<link&>(*c.who->transport_state);
            end_link(l, c.why);
            settle_link(l);
            std::erase_if(links_, [&](const auto& held) { return held.get() == &l; });
        }
        break;
    case command_kind::target_closed:
        for (const auto& l : links_) {
            if (l->gone || l->target->key() != c.key)
                continue;
            lose_link(l, fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer's agent was closed"),
                      "the peer's agent was closed");
        }
        std::erase_if(links_, [](const auto& l) { return l->gone; });
        break;
    case command_kind::faults:
        faults_ = c.faults;
        random_.seed(static_cast<uint32_t>(c.faults.seed));
        break;
    }
}

void loopback_transport::open_link(const std::shared_ptr<peer>& p) noexcept {
    failure why;
    auto l = std::make_shared<link>();
    const std::shared_ptr<const peer_metadata> metadata = p->metadata();
    l->target = find_endpoint(key_of(metadata->address(kind())));
    if (l->target)
        l->connection =
            l->target->accept(p->name(), p->incarnation(), settings_.name, settings_.incarnation, this, why);
    else
        why = fail(NIXL_ERR_REMOTE_DISCONNECT, "the peer's agent has closed").of(p->name());
    if (!l->connection) {
        events_.peer_connected(*p, why);
        return;
    }
    l->owner = p;
    map_regions(*p, *l);
    links_.push_back(l);
    p->transport_state = l;
    p->process_id.store(metadata->process.process_id);
    events_.peer_connected(*p, failure::success());
}

void loopback_transport::map_regions(peer& p, link& l) {
    if (l.gone)
        return;
    const std::shared_ptr<const peer_metadata> metadata = p.metadata();
    for (const auto& region : metadata->regions)
        if (!region->slot.state)
            region->slot.state = l.target->find_window(key_of(region->key(kind())));
}

void loopback_transport::end_link(link& l, const failure& why) noexcept {
    if (l.gone)
        return;
    l.gone = true;
    l.why = why;
    if (l.efa)
        l.efa->close();
    l.target->drop(l.connection);
    l.owner.reset();
}

// The requests of a link that has gone end now: copies happen on this thread only, so nothing is in flight.
void loopback_transport::settle_link(const link& l) noexcept {
    bool busy = false;
    deadline next;
    std::erase_if(active_,
                  [&](request* r) { return r->target->transport_state.get() == &l && advance(*r, busy, next); });
}

} // namespace nixl::loopback
