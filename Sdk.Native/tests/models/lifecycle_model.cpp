// Random histories through the C ABI, from a seed: posts, notifications, cancels, deadlines, peers that are joined,
// invalidated, restarted or destroyed, with delays and failures injected. Whatever the order, every operation that was
// accepted ends once with an outcome and once quiesced, every connect with one event, and a peer only moves forward.
#include "support/pattern.hpp"
#include "support/process_resources.hpp"
#include "support/test_agent.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

namespace nixl::test {
namespace {

class history {
  public:
    history(nixl_transport_t kind, uint64_t seed) : kind_(kind), seed_(seed), random_(seed) {}

    void run(int length) {
        agent_options o;
        o.transports = kind_;
        o.quiesce_grace_ns = 50'000'000;
        a_ = std::make_unique<test_agent>("a", o);
        ASSERT_TRUE(a_->ok());
        memory_.resize(pieces * piece);
        region_ = a_->add_region(memory_);
        const auto own = strided(memory_.data(), piece, piece, pieces);
        local_ = a_->list(0, {&own, 1});
        for (auto& t : targets_)
            ASSERT_NO_FATAL_FAILURE(start(t));
        for (int i = 0; i < length && !testing::Test::HasFailure(); ++i)
            step();
        ASSERT_NO_FATAL_FAILURE(finish());
    }

  private:
    static constexpr uint64_t piece = 3'001;
    static constexpr uint64_t pieces = 24;

    struct target {
        std::unique_ptr<test_agent> agent;
        std::vector<std::byte> memory;
        uint64_t peer = 0; // as `a` knows it, newest incarnation
        uint64_t list = 0;
    };

    uint64_t pick(uint64_t n) { return random_() % n; }

    void start(target& t) {
        agent_options o;
        o.transports = kind_;
        o.max_notifications = 3; // nobody reads them for a while
        t.memory.resize(pieces * piece);
        t.agent = std::make_unique<test_agent>("t" + std::to_string(&t - targets_), o);
        ASSERT_TRUE(t.agent->ok());
        ASSERT_NE(0u, t.agent->add_region(t.memory));
    }

    void connect(target& t) {
        const auto metadata = t.agent->metadata();
        nixl_peer_params_t p{};
        p.struct_size = sizeof p;
        p.metadata = metadata.data();
        p.metadata_length = metadata.size();
        p.timeout_ns = 1 + pick(4) * 500'000'000;
        p.user_data = ++last_;
        uint64_t id = 0;
        if (nixl_peer_connect(a_->get(), &p, &id) < 0)
            return;
        connects_[p.user_data] = 0;
        t.peer = id;
        const auto other = strided(t.memory.data(), piece, piece, pieces);
        if (const uint64_t list = a_->list(id, {&other, 1}); list != 0)
            t.list = list;
    }

    void post(target& t) {
        if (t.list == 0)
            return;
        nixl_post_params_t p{};
        p.struct_size = sizeof p;
        p.op = pick(3) == 0 ? NIXL_OP_READ : NIXL_OP_WRITE;
        p.local_list = local_;
        p.remote_list = t.list;
        std::vector<uint32_t> ids;
        for (uint32_t i = static_cast<uint32_t>(pick(3)); i < pieces; i += 1 + static_cast<uint32_t>(pick(4)))
            ids.push_back(i);
        if (ids.empty())
            return;
        p.local_ids = ids.data();
        p.remote_ids = ids.data();
        p.id_count = ids.size();
        const uint8_t payload[5] = {1, 2, 3, 4, 5};
        if (pick(2) == 0) {
            p.flags = NIXL_POST_NOTIFY;
            p.notification = payload;
            p.notification_length = sizeof payload;
        }
        p.timeout_ns = pick(3) == 0 ? 1 + pick(3'000'000) : 150'000'000;
        p.user_data = ++last_;
        uint64_t id = 0;
        if (nixl_transfer_post(a_->get(), &p, &id) < 0)
            return;
        operations_[p.user_data] = {};
        handles_.push_back(id);
    }

    void notify(target& t) {
        nixl_notification_params_t p{};
        p.struct_size = sizeof p;
        p.peer = t.peer;
        p.timeout_ns = pick(2) == 0 ? 1 + pick(3'000'000) : 150'000'000;
        p.user_data = ++last_;
        uint64_t id = 0;
        if (nixl_notification_send(a_->get(), &p, &id) < 0)
            return;
        operations_[p.user_data] = {};
        handles_.push_back(id);
    }

    void step() {
        target& t = targets_[pick(std::size(targets_))];
        switch (pick(14)) {
        case 0:
        case 1:
        case 2:
            connect(t);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            post(t);
            break;
        case 7:
            notify(t);
            break;
        case 8:
            if (!handles_.empty()) // perhaps one that is long gone
                (void)nixl_transfer_cancel(a_->get(), handles_[pick(handles_.size())]);
            break;
        case 9:
            (void)nixl_peer_invalidate(a_->get(), t.peer);
            break;
        case 10: // restarted under the same name
            if (pick(3) == 0)
                start(t);
            break;
        case 11:
            if (pick(2) == 0)
                (void)nixl_transfer_cancel(a_->get(), t.peer); // a connect
            break;
        case 12:
            (void)t.agent->next_notification(0);
            break;
        default:
            break;
        }
        read(pick(4) == 0 ? 1'000'000 : 0);
        watch_states();
    }

    void read(uint64_t wait_ns) {
        if (wait_ns != 0)
            (void)nixl_agent_wait(a_->get(), wait_ns);
        nixl_event_t e[8];
        uint64_t n = 0;
        while (nixl_event_read(a_->get(), e, 1 + pick(8), &n) == NIXL_SUCCESS && n != 0)
            for (uint64_t i = 0; i < n; ++i)
                take(e[i]);
    }

    void take(const nixl_event_t& e) {
        if (e.kind == NIXL_EVENT_PEER_STATE)
            return;
        if (e.kind == NIXL_EVENT_PEER_CONNECTED) {
            ASSERT_TRUE(connects_.contains(e.user_data)) << "nobody asked for it";
            ASSERT_EQ(1, ++connects_[e.user_data]) << "two outcomes of a connect, seed " << seed_;
            return;
        }
        ASSERT_TRUE(operations_.contains(e.user_data)) << "an event of an operation that was refused";
        auto& ends = operations_[e.user_data];
        if ((e.flags & NIXL_EVENT_OUTCOME) != 0) {
            ASSERT_EQ(1, ++ends.outcomes) << "seed " << seed_;
            ASSERT_GE(e.settled_ns, e.posted_ns);
        }
        if ((e.flags & NIXL_EVENT_QUIESCED) != 0) {
            ASSERT_EQ(1, ++ends.quiesced) << "seed " << seed_;
            ASSERT_EQ(1, ends.outcomes) << "quiesced before it had an outcome, seed " << seed_;
        }
    }

    // CONNECTING → CONNECTED ⇄ SUSPECT → DISCONNECTED or INVALIDATED, which stay (one may still be told that the peer
    // it knows as disconnected was invalidated).
    void watch_states() {
        for (const target& t : targets_) {
            if (t.peer == 0)
                continue;
            const uint32_t now = a_->info(t.peer).state;
            if (const auto before = states_.find(t.peer); before != states_.end()) {
                const uint32_t was = before->second;
                if (was == NIXL_PEER_INVALIDATED) {
                    ASSERT_EQ(uint32_t{NIXL_PEER_INVALIDATED}, now) << "seed " << seed_;
                }
                if (was == NIXL_PEER_DISCONNECTED) {
                    ASSERT_TRUE(now == NIXL_PEER_DISCONNECTED || now == NIXL_PEER_INVALIDATED) << "seed " << seed_;
                }
                ASSERT_FALSE(was != NIXL_PEER_CONNECTING && now == NIXL_PEER_CONNECTING) << "seed " << seed_;
            }
            states_[t.peer] = now;
        }
    }

    void finish() {
        const auto all_ended = [&] {
            for (const auto& [id, ends] : operations_)
                if (ends.quiesced == 0)
                    return false;
            for (const auto& [id, count] : connects_)
                if (count == 0)
                    return false;
            return true;
        };
        for (int i = 0; i < 10'000 && !all_ended() && !testing::Test::HasFailure(); ++i)
            read(1'000'000);
        ASSERT_TRUE(all_ended()) << "something never ends, seed " << seed_;
        ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(a_->get(), local_));
        EXPECT_EQ(NIXL_SUCCESS, a_->remove_region(region_)) << "quiesced, but held, seed " << seed_;
    }

    struct two_counts {
        int outcomes = 0;
        int quiesced = 0;
    };

    const nixl_transport_t kind_;
    const uint64_t seed_;
    std::mt19937_64 random_;
    std::vector<std::byte> memory_;
    target targets_[2];
    std::unique_ptr<test_agent> a_;
    uint64_t region_ = 0;
    uint64_t local_ = 0;
    uint64_t last_ = 0;
    std::map<uint64_t, two_counts> operations_;
    std::map<uint64_t, int> connects_;
    std::map<uint64_t, uint32_t> states_;
    std::vector<uint64_t> handles_;
};

class lifecycle_model : public testing::TestWithParam<nixl_transport_t> {};

TEST_P(lifecycle_model, every_history_ends_every_operation_and_connect_once) {
    const bool fabric = GetParam() == NIXL_TRANSPORT_FABRIC;
    for (uint64_t seed = 1, n = repetitions(fabric ? 3 : 15, fabric ? 60 : 2'000); seed <= n; ++seed) {
        history(GetParam(), seed).run(120);
        if (HasFailure())
            FAIL() << "seed " << seed;
    }
}

INSTANTIATE_TEST_SUITE_P(, lifecycle_model,
                         testing::Values(NIXL_TRANSPORT_LOOPBACK, NIXL_TRANSPORT_LOCAL, NIXL_TRANSPORT_FABRIC),
                         [](const auto& test) {
                             return test.param == NIXL_TRANSPORT_LOOPBACK ? "loopback"
                                    : test.param == NIXL_TRANSPORT_LOCAL  ? "local"
                                                                          : "fabric";
                         });

} // namespace
} // namespace nixl::test
