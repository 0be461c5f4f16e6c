#include "soak/initiator_lane.hpp"

#include "core/failure.hpp"
#include "support/pattern.hpp"
#include "support/process_resources.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

namespace nixl::soak {

using namespace nixl::test;

bool initiator_lane::start_there() {
    peer_options o;
    o.name = "there-" + name();
    o.transports = wire_.transport;
    o.bytes = bytes_;
    o.arena = wire_.arena;
    there_ = std::make_unique<peer_process>(o);
    return there_->ok() || wrong("the other process does not start: " + there_->error());
}

bool initiator_lane::make_ready() {
    step("getting ready");
    if (here_ == nullptr) {
        agent_options o;
        o.transports = wire_.transport;
        o.packing = wire_.packing;
        o.quiesce_grace_ns = grace_ns_;
        o.suspect_after_ns = 2 * second_ns;
        here_ = std::make_unique<test_agent>("here-" + name(), o);
        if (!here_->ok())
            return wrong("no agent: " + here_->last_error());
        memory_.resize(bytes_);
        if (here_->add_region(memory_) == 0)
            return wrong("no region: " + here_->last_error());
        peer_ = 0;
    }
    if (there_ == nullptr) {
        if (!start_there())
            return false;
        peer_ = 0;
    }
    if (peer_ == 0) {
        step("connecting");
        peer_ = here_->connect(there_->metadata());
        if (peer_ == 0)
            return wrong("connecting: " + std::string(status_name(here_->connect_status)) + " " + here_->connect_text);
    }
    if (here_->info(peer_).state == NIXL_PEER_SUSPECT && !here_->wait_state(peer_, NIXL_PEER_CONNECTED))
        return wrong("the peer stays suspect");
    return true;
}

bool initiator_lane::plan(std::mt19937_64& random, uint64_t number) {
    step("planning");
    static constexpr uint64_t lengths[] = {1, 37, 512, 1000, 4096, 5003, 16384, 70'001, 262'144, 1'000'003};
    std::vector<piece_shape> shapes;
    std::vector<piece_shape> there;
    uint64_t block = 0;
    for (uint64_t n = 1 + pick(random, 4); n > 0; --n) {
        uint64_t length = lengths[pick(random, std::size(lengths))];
        if (length > wire_.largest_piece)
            length = 1 + pick(random, wire_.largest_piece);
        shapes.push_back({length, pick(random, 3) * pick(random, 100)});
        there.push_back({length, pick(random, 3) * pick(random, 100)});
        block += length + 200;
    }
    const uint64_t blocks = std::clamp<uint64_t>(bytes_ / block, 1, 2'000);
    local_layout_ = std::make_unique<scattered>(shapes, blocks);
    remote_layout_ = std::make_unique<scattered>(there, blocks);
    if (local_layout_->bytes() > bytes_ || remote_layout_->bytes() > bytes_)
        return wrong("the plan is too big");
    op_ = pick(random, 3) == 0 ? NIXL_OP_READ : NIXL_OP_WRITE;
    planned_.clear();
    const auto locals = shuffled_ids(blocks, blocks, random());
    const auto remotes = shuffled_ids(blocks, blocks, random());
    for (uint64_t at = 0; at < blocks && planned_.size() < 40;) {
        planned& p = planned_.emplace_back();
        const uint64_t n = std::min<uint64_t>(blocks - at, 1 + pick(random, 1 + blocks / 4));
        p.local.assign(locals.begin() + static_cast<std::ptrdiff_t>(at),
                       locals.begin() + static_cast<std::ptrdiff_t>(at + n));
        p.remote.assign(remotes.begin() + static_cast<std::ptrdiff_t>(at),
                        remotes.begin() + static_cast<std::ptrdiff_t>(at + n));
        p.timeout_ns = pick(random, 12) == 0 ? 1 + pick(random, 5'000'000) : 30 * second_ns;
        p.notify = pick(random, 2) == 0;
        at += n;
    }
    // Faults in half of the rounds; those that cost a process or a second less often.
    static constexpr fault kinds[] = {fault::cancel,     fault::cancel,     fault::cancel,     fault::kill,
                                      fault::stop,       fault::stop,       fault::stop_long,  fault::deregister,
                                      fault::deregister, fault::invalidate, fault::invalidate, fault::restart,
                                      fault::close};
    fault_ = pick(random, 2) == 0 ? fault::none : kinds[pick(random, std::size(kinds))];
    if (fault_ == fault::stop_long)
        for (planned& p : planned_)
            p.timeout_ns = std::min<uint64_t>(p.timeout_ns, 400'000'000);
    // The source carries the round's pattern, the target is poisoned.
    step("filling");
    fill_pattern(memory_, number);
    if (op_ == NIXL_OP_READ)
        fill_poison(memory_);
    if (!(op_ == NIXL_OP_READ ? there_->fill(number) : there_->poison()))
        return wrong("the other process does not answer");
    before_here_ = memory_;
    before_there_.resize(bytes_);
    return read_process(there_->pid(), there_->address(), before_there_.data(), bytes_) ||
           wrong("the other process's memory cannot be read");
}

bool initiator_lane::post_all() {
    step("posting");
    const uint64_t local = here_->list(0, local_layout_->strided_at(reinterpret_cast<uint64_t>(memory_.data())));
    const uint64_t remote = here_->list(peer_, remote_layout_->strided_at(there_->address()));
    if (local == 0 || remote == 0)
        return wrong("no list: " + here_->last_error());
    for (uint32_t i = 0; i < planned_.size(); ++i) {
        planned& p = planned_[i];
        test_agent::post post;
        post.op = op_;
        post.local = local;
        post.remote = remote;
        post.local_ids = p.local;
        post.remote_ids = p.remote;
        post.timeout_ns = p.timeout_ns;
        if (p.notify)
            post.notification = std::span(reinterpret_cast<const uint8_t*>(&i), sizeof i);
        p.operation = here_->start(post);
        p.status = p.operation == 0 ? here_->post_status : static_cast<int32_t>(NIXL_IN_PROGRESS);
    }
    // Operations in flight hold what they need.
    (void)nixl_list_release(here_->get(), local);
    (void)nixl_list_release(here_->get(), remote);
    return true;
}

bool initiator_lane::inject(std::mt19937_64& random) {
    gone_ = taken_back_ = false;
    std::this_thread::sleep_for(std::chrono::microseconds(pick(random, 4'000)));
    switch (fault_) {
    case fault::none:
        return true;
    case fault::cancel:
        step("cancelling");
        count_fault("cancel");
        for (const planned& p : planned_)
            if (p.operation != 0 && pick(random, 2) == 0)
                (void)here_->cancel(p.operation);
        return true;
    case fault::kill:
        step("killing");
        count_fault("kill");
        there_->kill_now();
        gone_ = true;
        return true;
    case fault::stop:
    case fault::stop_long: // past the deadlines
        step("stopping");
        count_fault(fault_ == fault::stop ? "stop" : "stop past deadlines");
        there_->signal(SIGSTOP);
        std::this_thread::sleep_for(
            std::chrono::milliseconds(fault_ == fault::stop ? pick(random, 150) : 450 + pick(random, 500)));
        there_->signal(SIGCONT);
        return true;
    case fault::deregister:
        step("deregistering there");
        count_fault("deregister");
        if (const int32_t status = there_->deregister(); status != NIXL_SUCCESS)
            return wrong(std::string("deregistering there: ") + status_name(status));
        taken_back_ = op_ == NIXL_OP_WRITE;
        return !taken_back_ || there_->poison() || wrong("the other process does not answer");
    case fault::invalidate:
        step("invalidating");
        count_fault("invalidate");
        (void)nixl_peer_invalidate(here_->get(), peer_);
        return true;
    case fault::restart: {
        step("restarting");
        count_fault("restart");
        there_->kill_now();
        if (!start_there())
            return false;
        gone_ = true;
        peer_ = here_->connect(there_->metadata());
        return peer_ != 0 || wrong("connecting to the restarted process: " + here_->connect_text);
    }
    case fault::close:
        step("closing our agent");
        count_fault("close");
        (void)here_->destroy();
        return true;
    }
    return true;
}

bool initiator_lane::await_all() {
    step("waiting for the ends");
    if (fault_ == fault::close) { // it has no events any more; nothing may move from here on
        for (planned& p : planned_)
            p.status = NIXL_ERR_CLOSED;
        return true;
    }
    for (planned& p : planned_) {
        if (p.operation == 0)
            continue;
        const uint64_t limit = p.timeout_ns + grace_ns_ + 20 * second_ns;
        if (!here_->wait_quiesced(p.operation, limit))
            return wrong("an operation hangs");
        const outcome& o = here_->result(p.operation);
        if (o.settled_count != 1 || o.quiesced_count != 1)
            return wrong("an operation has " + std::to_string(o.settled_count) + " outcomes and is quiesced " +
                         std::to_string(o.quiesced_count) + " times");
        if (o.event.settled_ns - o.event.posted_ns > p.timeout_ns + 5 * second_ns)
            return wrong("an outcome came long after its deadline");
        p.status = o.event.status;
    }
    return true;
}

bool initiator_lane::check_statuses() {
    step("checking outcomes");
    for (const planned& p : planned_) {
        uint64_t moved = 0;
        for (size_t r = 0; r < local_layout_->regions(); ++r)
            moved += p.local.size() * local_layout_->length(r);
        count_outcome(p.status, moved);
        if (p.status == NIXL_SUCCESS)
            continue;
        bool expected = false;
        switch (p.status) {
        case NIXL_ERR_TIMEOUT:
            expected = p.timeout_ns < 5 * second_ns;
            break;
        case NIXL_ERR_CANCELED:
            expected = fault_ == fault::cancel;
            break;
        case NIXL_ERR_REMOTE_DISCONNECT: // also the endpoint that was closed to quiesce one of the others
            expected = fault_ == fault::kill || fault_ == fault::restart || fault_ == fault::cancel ||
                       fault_ == fault::stop_long || fault_ == fault::stop ||
                       std::any_of(planned_.begin(), planned_.end(),
                                   [](const planned& q) { return q.status == NIXL_ERR_TIMEOUT; });
            break;
        case NIXL_ERR_STALE_PEER:
            expected = fault_ == fault::invalidate || fault_ == fault::restart;
            break;
        case NIXL_ERR_NOT_FOUND:
            expected = fault_ == fault::deregister;
            break;
        case NIXL_ERR_CLOSED:
            expected = fault_ == fault::close;
            break;
        default:
            break;
        }
        if (!expected)
            return wrong(std::string("unexpected outcome ") + status_name(p.status));
    }
    return true;
}

bool initiator_lane::round(std::mt19937_64& random, uint64_t number) {
    if (!make_ready() || !plan(random, number) || !post_all() || !inject(random) || !await_all() || !check_statuses() ||
        !check_memory(number) || !check_notifications())
        return false;
    // What the next round cannot use any more.
    here_->forget();
    if (fault_ == fault::close)
        here_.reset();
    if ((gone_ && fault_ != fault::restart) || fault_ == fault::deregister || number % 200 == 199)
        there_.reset();
    if (here_ == nullptr || there_ == nullptr || here_->info(peer_).state == NIXL_PEER_DISCONNECTED ||
        here_->info(peer_).state == NIXL_PEER_INVALIDATED)
        peer_ = 0;
    return true;
}

} // namespace nixl::soak
