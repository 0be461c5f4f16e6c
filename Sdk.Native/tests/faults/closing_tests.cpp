// Agents that close at any moment, while everything is under way: theirs or ours, in time and by force. Nothing hangs,
// and afterwards nobody touches the memory.
#include "faults/two_ends.hpp"

#include "core/deadline.hpp"
#include "core/failure.hpp"

#include <random>
#include <thread>

namespace nixl::test {
namespace {

class closing : public testing::TestWithParam<wire> {
  protected:
    // Two agents of this process with memory, each connected to the other, each in the middle of writes and reads.
    struct side {
        std::vector<std::byte> memory = std::vector<std::byte>(4 << 20);
        std::unique_ptr<test_agent> agent;
        uint64_t peer = 0;
        std::vector<uint64_t> started;
    };
    static constexpr uint64_t piece = 8'000;

    void start(side& s, const char* name) {
        agent_options o = options_of(GetParam());
        o.quiesce_grace_ns = 200 * millisecond_ns;
        s.agent = std::make_unique<test_agent>(name, o);
        ASSERT_TRUE(s.agent->ok());
        ASSERT_NE(0u, s.agent->add_region(s.memory));
    }

    static void post_some(side& from, const side& to, std::mt19937_64& random) {
        const auto own = strided(from.memory.data(), piece, piece, 64);
        const auto other = strided(to.memory.data(), piece, piece, 64);
        std::vector<uint32_t> ids(64);
        for (uint32_t i = 0; i < 64; ++i)
            ids[i] = (i * 37 + static_cast<uint32_t>(random() % 64)) % 64;
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        test_agent::post p;
        p.local = from.agent->list(0, {&own, 1});
        p.remote = from.agent->list(from.peer, {&other, 1});
        p.local_ids = p.remote_ids = ids;
        for (int i = 0; i < 6; ++i) {
            p.op = random() % 3 == 0 ? NIXL_OP_READ : NIXL_OP_WRITE;
            if (random() % 2 == 0)
                p.notification = std::span<const uint8_t>{};
            if (const uint64_t o = from.agent->start(p); o != 0)
                from.started.push_back(o);
            (void)from.agent->notify(from.peer, {});
        }
    }
};

TEST_P(closing, at_any_moment_hangs_nothing_and_leaves_the_memory_alone) {
    for (uint64_t seed = 1, n = repetitions(GetParam().local() ? 40 : 4, 300); seed <= n; ++seed) {
        std::mt19937_64 random(seed);
        side a;
        side b;
        ASSERT_NO_FATAL_FAILURE(start(a, "a"));
        ASSERT_NO_FATAL_FAILURE(start(b, "b"));
        a.peer = a.agent->connect(b.agent->metadata());
        ASSERT_NE(0u, a.peer) << a.agent->connect_text;
        const bool both_ways = random() % 2 == 0;
        if (both_ways)
            b.peer = b.agent->connect(a.agent->metadata());
        post_some(a, b, random);
        if (both_ways)
            post_some(b, a, random);
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3'000));
        const uint64_t patience = random() % 3 == 0 ? 0 : second_ns; // by force at once, or in time
        const uint64_t begin = now_ns();
        side& first = random() % 2 == 0 ? a : b;
        side& second = &first == &a ? b : a;
        if (random() % 2 == 0) { // both at the same time
            std::thread other([&] { (void)second.agent->destroy(patience); });
            (void)first.agent->destroy(patience);
            other.join();
        } else {
            (void)first.agent->destroy(patience);
            fill_poison(first.memory); // its own again
            for (const uint64_t o : second.started) {
                ASSERT_TRUE(second.agent->wait_quiesced(o, 20 * second_ns)) << "seed " << seed;
                const int32_t status = second.agent->result(o).event.status;
                // It takes its memory back before it goes.
                ASSERT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_REMOTE_DISCONNECT ||
                            status == NIXL_ERR_NOT_FOUND)
                    << status_name(status) << " seed " << seed;
            }
            ASSERT_EQ(all_match, first_not_poison(first.memory)) << "seed " << seed;
            (void)second.agent->destroy(patience);
        }
        EXPECT_LT(now_ns() - begin, 15 * second_ns) << "seed " << seed;
        fill_poison(a.memory);
        fill_poison(b.memory);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ASSERT_EQ(all_match, first_not_poison(a.memory)) << "seed " << seed;
        ASSERT_EQ(all_match, first_not_poison(b.memory)) << "seed " << seed;
    }
}

// While it connects, from another thread than the one that made it.
TEST_P(closing, while_connecting_ends_at_once) {
    side b;
    ASSERT_NO_FATAL_FAILURE(start(b, "b"));
    const auto metadata = b.agent->metadata();
    for (uint64_t seed = 1, n = repetitions(GetParam().local() ? 40 : 4, 300); seed <= n; ++seed) {
        side a;
        ASSERT_NO_FATAL_FAILURE(start(a, "a"));
        nixl_peer_params_t p{};
        p.struct_size = sizeof p;
        p.metadata = metadata.data();
        p.metadata_length = metadata.size();
        p.timeout_ns = patience_ns;
        uint64_t peer = 0;
        ASSERT_EQ(NIXL_SUCCESS, nixl_peer_connect(a.agent->get(), &p, &peer));
        std::this_thread::sleep_for(std::chrono::microseconds(seed * 97 % 2'000));
        const uint64_t begin = now_ns();
        std::thread([&] { (void)a.agent->destroy(second_ns); }).join();
        ASSERT_LT(now_ns() - begin, 10 * second_ns) << "seed " << seed;
    }
    // The other one has not been hurt.
    side c;
    ASSERT_NO_FATAL_FAILURE(start(c, "c"));
    EXPECT_NE(0u, c.agent->connect(metadata)) << c.agent->connect_text;
}

std::vector<wire> wires_in_one_process() {
    std::vector<wire> all = wires();
    std::erase_if(all, [](const wire& w) { return w.arena; }); // the memory is the test's own here
    return all;
}

INSTANTIATE_TEST_SUITE_P(, closing, testing::ValuesIn(wires_in_one_process()), wire_name);

} // namespace
} // namespace nixl::test
