// Loopback under EFA's rules: nothing is ordered, writes are counted, rails die with writes in the network. Whatever
// happens, a notification comes once, after every byte of its request, and no write touches its blocks afterwards.
#include "abi/pair.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <thread>

namespace nixl_test {

namespace {

constexpr uint64_t one_ms = 1'000'000;

void set_rules(const node& n, nixl_loopback_faults_t f) {
    f.struct_size = sizeof f;
    EXPECT_OK(nixl_loopback_set_faults(n.get(), &f));
}

// Random distinct blocks of both sides.
post random_post(std::mt19937& random, const connected_pair::lists& lists, std::size_t n) {
    post w{.local_list = lists.local, .remote_list = lists.remote};
    std::vector<uint32_t> ids(lists.blocks);
    for (uint32_t i = 0; i < ids.size(); ++i)
        ids[i] = i;
    std::ranges::shuffle(ids, random);
    w.local_ids.assign(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
    std::ranges::shuffle(ids, random);
    w.remote_ids.assign(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n));
    return w;
}

} // namespace

class a_thousand : public testing::Test {
  protected:
    static constexpr uint64_t rounds = 1000, blocks = 16, piece = 2500;
    void SetUp() override {
        ASSERT_TRUE(p.ok());
        set_rules(p.a, {.delay_ns = 30'000, .seed = 20240611, .rails = 2, .operation_bytes = 999});
    }
    // Posts a round and checks every byte when `there()` returns.
    void run(uint64_t round, bool notify, const std::function<void()>& there) {
        fill(p.local.bytes(), round);
        poison(p.remote.bytes());
        post w = random_post(random, lists, 1 + random() % 5);
        w.user_data = round;
        if (notify)
            w.notification = std::to_string(round);
        ASSERT_OK(w(p.a));
        there();
        std::vector<std::pair<uint32_t, uint32_t>> moved;
        for (std::size_t i = 0; i < w.local_ids.size(); ++i)
            moved.emplace_back(w.local_ids[i], w.remote_ids[i]);
        p.expect_remote(lists, moved, round);
        ASSERT_FALSE(testing::Test::HasFailure()) << "round " << round;
    }
    connected_pair p{NIXL_TRANSPORT_LOOPBACK, blocks* piece, {.max_notifications = rounds}};
    connected_pair::lists lists = p.block_lists(1, blocks, piece);
    std::mt19937 random{5};
};

// The outcome says that every byte is there, and nobody at the target has called anything. Every other write has no
// notification: acknowledgements alone end it.
TEST_F(a_thousand, efa_completions_without_the_target_ever_polling) {
    for (uint64_t round = 0; round < 2 * rounds; ++round)
        ASSERT_NO_FATAL_FAILURE(run(round, round % 2 == 0, [&] {
            const nixl_event_t outcome = p.a.wait_end(round).outcome;
            EXPECT_EQ(outcome.status, NIXL_SUCCESS);
            EXPECT_EQ(outcome.bytes % piece, 0u);
            EXPECT_GT(outcome.bytes, 0u);
        }));
    std::set<std::string> seen;
    for (uint64_t round = 0; round < rounds; ++round)
        seen.insert(p.b.wait_message().text());
    EXPECT_EQ(seen.size(), rounds);
    EXPECT_FALSE(p.b.has_message());
    EXPECT_GT(p.b.counters(NIXL_TRANSPORT_LOOPBACK).notifications_dropped_late, 0u) << "nothing was replayed";
}

// The target looks at the moment that its notification is there, while the initiator may still wait.
TEST_F(a_thousand, efa_notifications_come_after_every_byte) {
    for (uint64_t round = 0; round < rounds; ++round) {
        ASSERT_NO_FATAL_FAILURE(run(round, true, [&] { EXPECT_EQ(p.b.wait_message().text(), std::to_string(round)); }));
        EXPECT_EQ(p.a.wait_end(round).outcome.status, NIXL_SUCCESS);
    }
    EXPECT_FALSE(p.b.has_message());
}

// Blocks are the application's the moment their notification is read: it checks them and writes into them at once.
// Connections are made anew when their rails are used up.
TEST(efa, rails_that_die_repeat_their_work_and_late_writes_change_no_ready_block) {
    constexpr uint64_t piece = 3000, blocks = 64, in_flight = 8, each = 8, rounds = 12;
    uint64_t late = 0;
    for (uint64_t connection = 0; connection < 8; ++connection) {
        connected_pair p(NIXL_TRANSPORT_LOOPBACK, blocks * piece);
        ASSERT_TRUE(p.ok());
        set_rules(p.a,
                  {.delay_ns = 200'000, .seed = 1 + connection, .rails = 5, .operation_bytes = 1024, .kill_after = 90});
        const auto lists = p.block_lists(1, blocks, piece);
        for (uint64_t round = 0; round < rounds; ++round) {
            const uint64_t seed = connection * 1000 + round;
            fill(p.local.bytes(), seed);
            poison(p.remote.bytes());
            for (uint64_t t = 0; t < in_flight; ++t) { // t owns the blocks t, t + 8, …
                post w{.local_list = lists.local, .remote_list = lists.remote, .user_data = t};
                for (uint64_t i = 0; i < each; ++i) {
                    w.local_ids.push_back(static_cast<uint32_t>(t * each + i));
                    w.remote_ids.push_back(static_cast<uint32_t>(i * in_flight + t));
                }
                w.notification = std::to_string(t);
                ASSERT_OK(w(p.a));
            }
            std::set<uint64_t> read;
            for (uint64_t n = 0; n < in_flight; ++n) {
                const uint64_t t = std::stoull(p.b.wait_message().text());
                ASSERT_TRUE(read.insert(t).second) << "notified twice";
                for (uint64_t i = 0; i < each; ++i) {
                    uint8_t* const block = p.remote.data() + (i * in_flight + t) * piece;
                    for (uint64_t b = 0; b < piece; ++b)
                        ASSERT_EQ(block[b], pattern(seed, (t * each + i) * piece + b))
                            << "transfer " << t << " block " << i << " byte " << b << " round " << seed;
                    poison({block, piece}, 0x5C);
                }
            }
            for (uint64_t t = 0; t < in_flight; ++t)
                ASSERT_EQ(p.a.wait_end(t).outcome.status, NIXL_SUCCESS);
            std::this_thread::sleep_for(std::chrono::milliseconds(4)); // what is still in the network arrives
            for (uint64_t b = 0; b < p.remote.size(); ++b)
                ASSERT_EQ(p.remote.data()[b], 0x5C) << "a late write changed byte " << b << ", round " << seed;
        }
        EXPECT_FALSE(p.b.has_message());
        late += p.b.counters(NIXL_TRANSPORT_LOOPBACK).notifications_dropped_late;
    }
    EXPECT_GT(late, 0u);
}

TEST(efa, reads_survive_dying_rails_too) {
    constexpr uint64_t blocks = 64, piece = 5000;
    connected_pair p(NIXL_TRANSPORT_LOOPBACK, blocks * piece);
    ASSERT_TRUE(p.ok());
    set_rules(p.a, {.delay_ns = 100'000, .seed = 3, .rails = 8, .operation_bytes = 700, .kill_after = 60});
    fill(p.remote.bytes(), 9);
    poison(p.local.bytes());
    const auto lists = p.block_lists(1, blocks, piece);
    post r{.op = NIXL_OP_READ, .local_list = lists.local, .remote_list = lists.remote};
    for (uint32_t i = 0; i < blocks; ++i) {
        r.local_ids.push_back(i);
        r.remote_ids.push_back(blocks - 1 - i);
    }
    r.notification = "read";
    ASSERT_OK(r(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_SUCCESS, end.outcome.status);
    EXPECT_EQ(end.outcome.bytes, blocks * piece);
    EXPECT_EQ(p.b.wait_message().text(), "read");
    for (uint64_t i = 0; i < blocks; ++i)
        for (uint64_t b = 0; b < piece; ++b)
            ASSERT_EQ(p.local.data()[i * piece + b], pattern(9, (blocks - 1 - i) * piece + b));
}

TEST(efa, a_target_without_receives_is_waited_for_a_finite_time) {
    constexpr uint64_t blocks = 4, piece = 4096;
    connected_pair p(NIXL_TRANSPORT_LOOPBACK, blocks * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 1);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(1, blocks, piece);
    nixl_loopback_faults_t rules{.seed = 4, .rails = 2, .withhold_receives = 1};
    set_rules(p.a, rules);
    post w{.local_list = lists.local, .remote_list = lists.remote, .local_ids = {0, 1}, .remote_ids = {3, 1}};
    w.notification = "after a while";
    ASSERT_OK(w(p.a));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    rules.withhold_receives = 0;
    set_rules(p.a, rules);
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    EXPECT_EQ(p.b.wait_message().text(), "after a while");
    p.expect_remote(lists, {{0, 3}, {1, 1}}, 1);

    rules.withhold_receives = 1;
    set_rules(p.a, rules);
    w.notification = "never";
    ASSERT_OK(w(p.a));
    const ended end = p.a.wait_end(1);
    EXPECT_STATUS(NIXL_ERR_BACKEND, end.outcome.status);
    EXPECT_LT(end.outcome.settled_ns - end.outcome.posted_ns, patience);
    EXPECT_TRUE(end.outcome.address == reinterpret_cast<uint64_t>(p.remote.data()) + 3 * piece ||
                end.outcome.address == reinterpret_cast<uint64_t>(p.remote.data()) + piece);
    rules.withhold_receives = 0;
    set_rules(p.a, rules);
    w.notification = "again";
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    EXPECT_EQ(p.b.wait_message().text(), "again");
}

// Far more than there are arrival slots and credits, all at once, some of them cancelled at some moment.
TEST(efa, many_requests_share_few_slots_and_cancelled_ones_give_theirs_back) {
    constexpr uint64_t blocks = 64, piece = 1500, total = 1200;
    connected_pair p(NIXL_TRANSPORT_LOOPBACK, blocks * piece, {.max_notifications = 32, .max_transfers = 2000});
    ASSERT_TRUE(p.ok());
    set_rules(p.a, {.delay_ns = 20'000, .seed = 8, .rails = 3, .operation_bytes = 512, .kill_after = 2000});
    const auto lists = p.block_lists(1, blocks, piece);
    std::mt19937 random(11);
    std::array<uint64_t, total> ids{};
    for (uint64_t i = 0; i < total; ++i) {
        post w = random_post(random, lists, 1 + random() % 3);
        w.user_data = i;
        w.notification = std::to_string(i);
        ASSERT_OK(w(p.a, &ids[i]));
    }
    std::map<std::string, int> seen;
    for (uint64_t i = 0; i < total; i += 3) {
        (void)nixl_transfer_cancel(p.a.get(), ids[i]); // it may have ended by now
        while (p.b.has_message())
            ++seen[p.b.wait_message().text()];
    }
    uint64_t succeeded = 0;
    for (uint64_t i = 0; i < total; ++i) {
        int32_t status = NIXL_IN_PROGRESS;
        while (status == NIXL_IN_PROGRESS) {
            while (p.b.has_message())
                ++seen[p.b.wait_message().text()];
            p.a.pump(one_ms);
            if (std::ranges::any_of(p.a.events, [&](const nixl_event_t& e) { return e.user_data == i; }))
                status = p.a.wait_end(i).outcome.status;
        }
        EXPECT_TRUE(status == NIXL_SUCCESS || (i % 3 == 0 && status == NIXL_ERR_CANCELED)) << i;
        succeeded += status == NIXL_SUCCESS ? 1 : 0;
        if (status == NIXL_SUCCESS && seen.find(std::to_string(i)) == seen.end())
            ++seen[p.b.wait_message().text()];
    }
    while (p.b.has_message())
        ++seen[p.b.wait_message().text()];
    for (const auto& [text, times] : seen)
        EXPECT_EQ(times, 1) << text;
    EXPECT_GE(seen.size(), succeeded);
    EXPECT_EQ(p.a.peer(p.peer).state, static_cast<uint32_t>(NIXL_PEER_CONNECTED));
}

TEST(efa, a_deadline_withdraws_the_notification) {
    constexpr uint64_t blocks = 8, piece = 4096;
    connected_pair p(NIXL_TRANSPORT_LOOPBACK, blocks * piece, {.quiesce_grace_ns = 100 * one_ms});
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, blocks, piece);
    std::mt19937 random(2);
    for (uint64_t round = 0; round < 20; ++round) {
        set_rules(p.a, {.delay_ns = 40 * one_ms, .seed = 1 + round, .rails = 2});
        post w = random_post(random, lists, 8);
        w.timeout_ns = 10 * one_ms;
        w.notification = "late";
        ASSERT_OK(w(p.a));
        EXPECT_STATUS(NIXL_ERR_TIMEOUT, p.a.wait_end(1).outcome.status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    EXPECT_FALSE(p.b.has_message());
    set_rules(p.a, {.seed = 1, .rails = 2});
    post w = random_post(random, lists, 8);
    w.notification = "in time";
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    EXPECT_EQ(p.b.wait_message().text(), "in time");
}

} // namespace nixl_test
