// Copies shared among threads: every part once, and a transfer that several move is still one transfer to everybody
// else.
#include "local/harness.hpp"
#include "transports/local/copiers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

namespace nixl::test {
namespace {

TEST(copiers, run_every_part_exactly_once_and_return_afterwards) {
    for (const std::uint32_t threads : {1u, 2u, 4u}) {
        local::copiers c;
        c.start(threads, 20'000);
        EXPECT_EQ(threads, c.threads());
        std::vector<int> runs(300); // not atomic: the thread sanitizer sees a part that runs twice or too late
        for (int round = 0; round < 300; ++round) {
            const std::size_t parts = static_cast<std::size_t>(round);
            std::fill(runs.begin(), runs.end(), 0);
            c.run(parts, [&](std::size_t i) { ++runs[i]; });
            for (std::size_t i = 0; i < runs.size(); ++i)
                ASSERT_EQ(i < parts ? 1 : 0, runs[i]) << threads << " threads, part " << i << " of " << parts;
            if (round % 50 == 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(2)); // helpers fall asleep
        }
    }
}

TEST(copiers, share_the_work_when_parts_take_long) {
    local::copiers c;
    c.start(3, 0);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (most < 3 && std::chrono::steady_clock::now() < until)
        c.run(6, [&](std::size_t) {
            const int now = ++inside;
            for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            --inside;
        });
    EXPECT_EQ(3, most.load());
}

TEST(copiers, few_cores_get_one_and_no_machine_gets_many) {
    EXPECT_EQ(1u, local::default_copiers(0));
    EXPECT_EQ(1u, local::default_copiers(2));
    EXPECT_EQ(2u, local::default_copiers(16));
    EXPECT_EQ(4u, local::default_copiers(192));
}

// Two endpoints in this process; the initiator has three copiers. The parameter: is the target's memory an arena?
class parallel_copies : public ::testing::TestWithParam<bool> {
  protected:
    static constexpr std::uint64_t bytes = 16u << 20;

    void SetUp() override {
        if (GetParam()) {
            nixl_arena_params_t p{};
            p.length = bytes;
            ASSERT_TRUE(arena::create(p, pages).ok());
            target = pages->address();
        } else {
            plain.resize(bytes);
            target = plain.data();
        }
        theirs = there.add_region(target, bytes, pages);
        source.resize(bytes);
        for (std::uint64_t i = 0; i < bytes; i += 8) {
            const std::uint64_t value = i * 0x9e3779b97f4a7c15u;
            std::memcpy(source.data() + i, &value, 8);
        }
        mine = here.add_region(source.data(), bytes);
        failure why;
        peer = here.connect(there.metadata(), why);
        ASSERT_NE(nullptr, peer) << why.text;
        std::memset(target, 0xee, bytes);
    }
    std::unique_ptr<operation> make(nixl_op_t op, block_list l, std::vector<std::uint32_t> own,
                                    std::vector<std::uint32_t> others, std::uint64_t timeout = patience) {
        block_list remote = l;
        l.base = mine->base;
        remote.base = theirs->base;
        return here.transfer(peer, op, endpoint::local_list(mine, l), endpoint::remote_list(peer, 0, remote),
                             std::move(own), std::move(others), "n", timeout);
    }

    endpoint there{"there"};
    endpoint here{"here", 256, 3};
    std::shared_ptr<arena> pages;
    std::vector<std::byte> plain;
    std::vector<std::byte> source;
    std::byte* target = nullptr;
    std::shared_ptr<local_region> theirs;
    std::shared_ptr<local_region> mine;
    std::shared_ptr<nixl::peer> peer;
};

TEST_P(parallel_copies, move_every_byte_to_its_place_and_nothing_else) {
    for (const auto& [stride, length] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {4096, 4096}, {5000, 4321}, {700'001, 700'000}, {bytes, bytes}}) {
        const auto count = static_cast<std::uint32_t>((bytes - length) / stride + 1);
        const auto own = shuffled(count, count, 1);
        const auto others = shuffled(count, count, 2);
        const auto fill = [&](std::byte* at) { std::memset(at, 0xee, bytes); };
        const block_list l{0, stride, length, count};

        fill(target);
        auto write = make(NIXL_OP_WRITE, l, own, others);
        ASSERT_EQ(NIXL_SUCCESS, here.run(*write)) << write->outcome->text;
        EXPECT_EQ(count * length, write->r.bytes_done);
        std::vector<std::byte> expected(bytes, std::byte{0xee});
        for (std::size_t i = 0; i < own.size(); ++i)
            std::copy_n(source.data() + own[i] * stride, length, expected.data() + others[i] * stride);
        ASSERT_EQ(0, std::memcmp(expected.data(), target, bytes)) << "write of " << length;
        ASSERT_TRUE(there.next_arrival());

        const std::vector<std::byte> kept = source;
        fill(source.data());
        auto read = make(NIXL_OP_READ, l, own, others);
        ASSERT_EQ(NIXL_SUCCESS, here.run(*read)) << read->outcome->text;
        std::fill(expected.begin(), expected.end(), std::byte{0xee});
        for (const std::uint32_t id : own)
            std::copy_n(kept.data() + id * stride, length, expected.data() + id * stride);
        ASSERT_TRUE(expected == source) << "read of " << length;
        ASSERT_TRUE(there.next_arrival());
        source = kept;
    }
}

// Deregistering waits for all copiers: what is written into the memory afterwards stays.
TEST_P(parallel_copies, deregistering_waits_for_all_of_them) {
    const auto ids = shuffled(static_cast<std::uint32_t>(bytes / 4096), static_cast<std::uint32_t>(bytes / 4096), 3);
    std::vector<std::unique_ptr<operation>> started;
    for (int i = 0; i < 40; ++i) {
        started.push_back(make(NIXL_OP_WRITE, {0, 4096, 4096, bytes / 4096}, ids, ids));
        here.submit(*started.back());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ASSERT_TRUE(there.remove_region(theirs).ok());
    std::memset(target, 0x5a, bytes);
    int refused = 0;
    for (const auto& o : started) {
        const std::int32_t status = here.wait(*o);
        EXPECT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_NOT_FOUND) << o->outcome->text;
        refused += status == NIXL_ERR_NOT_FOUND;
    }
    EXPECT_GT(refused, 0);
    EXPECT_TRUE(std::all_of(target, target + bytes, [](std::byte b) { return b == std::byte{0x5a}; }));
}

TEST_P(parallel_copies, deadlines_and_cancels_end_them) {
    const auto ids = shuffled(static_cast<std::uint32_t>(bytes / 4096), static_cast<std::uint32_t>(bytes / 4096), 3);
    std::vector<std::unique_ptr<operation>> started;
    for (int i = 0; i < 60; ++i) {
        started.push_back(
            make(NIXL_OP_WRITE, {0, 4096, 4096, bytes / 4096}, ids, ids, i % 2 == 0 ? patience : 20'000'000));
        here.submit(*started.back());
    }
    for (std::size_t i = 0; i < started.size(); i += 4) {
        started[i]->r.cancel_requested = true;
        here.get().cancel(started[i]->r);
    }
    for (std::size_t i = 0; i < started.size(); ++i) {
        const std::int32_t status = here.wait(*started[i]);
        EXPECT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_TIMEOUT || status == NIXL_ERR_CANCELED)
            << i << " " << status;
        // Quiesced: nobody writes from the source any more.
    }
    std::memset(target, 0x5a, bytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(std::all_of(target, target + bytes, [](std::byte b) { return b == std::byte{0x5a}; }));
}

INSTANTIATE_TEST_SUITE_P(local, parallel_copies, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "arena" : "foreign"; });

} // namespace
} // namespace nixl::test
