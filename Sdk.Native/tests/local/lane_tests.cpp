// Posters that complete their requests themselves, beside the queue: order, full rings, memory that is taken back,
// connections that end, and a peer that writes nonsense into the ring.
#include "local/harness.hpp"
#include "local/memory.hpp"
#include "support/pattern.hpp"
#include "support/process_resources.hpp"
#include "transports/local/lane.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>

namespace nixl::test {
namespace {

constexpr std::uint64_t piece = 4096 + 24;
constexpr std::uint32_t pieces = 64;

class lanes : public ::testing::Test {
  protected:
    void start(std::uint32_t max_notifications = 256) {
        a = std::make_unique<endpoint>("a");
        b = std::make_unique<endpoint>("b", max_notifications);
        own = near.register_at(*a);
        others = far.register_at(*b);
        join();
    }
    void join() {
        fill_poison(far.all);
        failure why;
        target = a->connect(b->metadata(), why);
        ASSERT_NE(nullptr, target) << why.text;
    }
    std::unique_ptr<operation> write(std::vector<std::uint32_t> ids, std::optional<std::string> text = {}) {
        return a->transfer(target, NIXL_OP_WRITE, endpoint::local_list(own, {near.address(), piece, piece, pieces}),
                           endpoint::remote_list(target, 0, {far.address(), piece, piece, pieces}), ids, ids,
                           std::move(text));
    }
    // As the core does it: by the poster, or into the queue with a fresh cursor.
    bool post(operation& o) {
        if (a->get().complete_now(o.r))
            return true;
        if (o.r.kind == request_kind::transfer)
            o.r.cursor = piece_cursor(*o.r.local_list, *o.r.remote_list, o.local_ids.data(), o.remote_ids.data(),
                                      o.local_ids.size());
        o.r.bytes_done = o.r.operations = 0;
        o.r.started_ns = 0;
        a->submit(o);
        return false;
    }

    buffer near{piece * pieces, false};
    buffer far{piece * pieces, true};
    std::unique_ptr<endpoint> a;
    std::unique_ptr<endpoint> b;
    std::shared_ptr<local_region> own;
    std::shared_ptr<local_region> others;
    std::shared_ptr<peer> target;
};

TEST_F(lanes, a_small_write_is_complete_when_the_call_returns) {
    start();
    fill_pattern(near.all, 3);
    const auto ids = shuffled(10, pieces, 5);
    auto o = write(ids, "there");
    ASSERT_TRUE(a->get().complete_now(o->r));
    EXPECT_EQ(0, o->outcomes);
    EXPECT_EQ(10 * piece, o->r.bytes_done);
    for (std::uint32_t i = 0; i < pieces; ++i) {
        const bool moved = std::find(ids.begin(), ids.end(), i) != ids.end();
        for (std::uint64_t at = i * piece; at < (i + 1) * piece; ++at)
            ASSERT_EQ(moved ? pattern_at(3, at) : poison, far.all[at]) << "piece " << i;
    }
    const auto got = b->next_arrival();
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(10 * piece, got->request_bytes);
    EXPECT_TRUE(got->with_transfer);
    auto large = write(shuffled(17, pieces, 6)); // more than a poster copies
    EXPECT_FALSE(a->get().complete_now(large->r));
}

TEST_F(lanes, notifications_keep_their_order_whoever_sends_them) {
    start(5); // a full ring most of the time
    constexpr std::uint32_t count = 400;
    std::mt19937 random(9);
    std::vector<std::unique_ptr<operation>> sent;
    std::atomic<bool> good{true};
    std::thread reader([&] {
        std::mt19937 pauses(1);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto got = b->next_arrival();
            std::uint32_t number = 0;
            if (got && got->payload.size() >= sizeof number)
                std::memcpy(&number, got->payload.data(), sizeof number);
            if (!got || number != i) {
                ADD_FAILURE() << "notification " << i << ": " << number << " came";
                good = false;
                return;
            }
            if (pauses() % 16 == 0)
                std::this_thread::sleep_for(std::chrono::microseconds(pauses() % 300));
        }
    });
    std::uint32_t inside = 0;
    for (std::uint32_t i = 0; i < count && good; ++i) {
        const std::size_t size = random() % 8 == 0 ? random() % NIXL_NOTIFICATION_MAX : random() % 100;
        std::string text(std::max<std::size_t>(size, sizeof i), static_cast<char>(i));
        std::memcpy(text.data(), &i, sizeof i);
        sent.push_back(random() % 3 == 0 ? write({i % pieces}, text) : a->notification(target, text));
        if (random() % 4 == 0)
            a->submit(*sent.back());
        else if (post(*sent.back())) {
            sent.pop_back();
            ++inside;
        }
    }
    for (const auto& o : sent)
        EXPECT_EQ(NIXL_SUCCESS, a->wait(*o));
    reader.join();
    EXPECT_GT(inside, 0u);
    EXPECT_FALSE(sent.empty());
}

TEST_F(lanes, a_small_write_in_several_chunks_is_not_overtaken) {
    start();
    a->settings.chunk_bytes = 4096;
    fill_pattern(near.all, 8);
    for (unsigned round = 0; round < 100; ++round) {
        auto first = write(shuffled(12, pieces, round), "first");
        auto second_write = write({round % pieces}, "second");
        auto third = a->notification(target, "third");
        a->submit(*first);
        const bool second_done = post(*second_write);
        const bool third_done = post(*third);
        for (const char* const expected : {"first", "second", "third"}) {
            const auto got = b->next_arrival();
            ASSERT_TRUE(got.has_value());
            ASSERT_EQ(expected, std::string(got->payload.begin(), got->payload.end())) << "round " << round;
        }
        ASSERT_EQ(NIXL_SUCCESS, a->wait(*first));
        ASSERT_EQ(NIXL_SUCCESS, second_done ? NIXL_SUCCESS : a->wait(*second_write));
        ASSERT_EQ(NIXL_SUCCESS, third_done ? NIXL_SUCCESS : a->wait(*third));
    }
}

TEST_F(lanes, not_one_byte_changes_after_deregister_returns) {
    start();
    for (std::uint64_t round = 0, rounds = repetitions(20, 1000); round < rounds; ++round) {
        std::atomic<bool> stop{false};
        std::atomic<int> written{0};
        std::thread poster([&] {
            for (unsigned n = 0; !stop; ++n) {
                auto o = write({n % pieces, (n + 1) % pieces, (n + 2) % pieces});
                if (a->get().complete_now(o->r))
                    ++written;
            }
        });
        while (written < 10)
            std::this_thread::yield();
        ASSERT_TRUE(b->remove_region(others).ok());
        fill_poison(far.all);
        const int before = written;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ASSERT_EQ(all_match, first_not_poison(far.all)) << "round " << round;
        EXPECT_LE(written, before + 1); // one was perhaps being counted
        stop = true;
        poster.join();
        others = far.register_at(*b);
        ASSERT_NO_FATAL_FAILURE(join());
    }
}

TEST_F(lanes, posters_meet_the_end_of_their_connection) {
    start();
    std::mt19937 random(3);
    for (std::uint64_t round = 0, rounds = repetitions(60, 1000); round < rounds; ++round) {
        std::atomic<bool> stop{false};
        std::atomic<int> written{0};
        std::vector<std::thread> posters;
        for (unsigned t = 0; t < 2; ++t)
            posters.emplace_back([&, t] {
                for (unsigned n = t; !stop; n += 2) {
                    auto o = write({n % pieces}, "x");
                    if (a->get().complete_now(o->r))
                        ++written;
                }
            });
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
        a->get().disconnect(*target, fail(NIXL_ERR_STALE_PEER, "test"));
        auto probe = a->notification(target, "after");
        EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, a->run(*probe)) << "round " << round; // taken after the disconnect
        fill_poison(far.all);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        EXPECT_EQ(all_match, first_not_poison(far.all)) << "round " << round;
        stop = true;
        for (auto& p : posters)
            p.join();
        while (b->next_arrival(0)) {
        }
        ASSERT_NO_FATAL_FAILURE(join());
    }
}

TEST_F(lanes, a_cancelled_notification_that_waits_for_room_ends_at_once) {
    start(1);
    auto first = a->notification(target, "1");
    ASSERT_EQ(NIXL_SUCCESS, a->run(*first));
    auto waits = a->notification(target, "2");
    a->submit(*waits);
    EXPECT_EQ(NIXL_IN_PROGRESS, a->wait(*waits, second / 20));
    waits->r.cancel_requested = true;
    a->get().cancel(waits->r);
    EXPECT_EQ(NIXL_ERR_CANCELED, a->wait(*waits, 5 * second));
    ASSERT_TRUE(b->next_arrival().has_value());
    EXPECT_FALSE(b->next_arrival(second / 20).has_value());
}

// The rings of this process, found as a debugger would.
std::vector<std::uint64_t*> mapped_rings() {
    std::vector<std::uint64_t*> found;
    std::FILE* const maps = std::fopen("/proc/self/maps", "re");
    char line[512];
    while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
        unsigned long long begin = 0;
        if (std::strstr(line, "nixl-notifications") != nullptr && std::sscanf(line, "%llx-", &begin) == 1)
            found.push_back(reinterpret_cast<std::uint64_t*>(begin));
    }
    if (maps != nullptr)
        std::fclose(maps);
    return found;
}

TEST_F(lanes, nonsense_in_the_ring_closes_the_connection_and_nothing_else) {
    start();
    std::mt19937_64 random(21);
    for (unsigned round = 0; round < 40; ++round) {
        auto rings = mapped_rings();
        for (int tries = 0; rings.size() != 2 && tries < 5000; ++tries) { // those of the round before go by themselves
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            rings = mapped_rings();
        }
        ASSERT_EQ(2u, rings.size()); // one, mapped by both ends
        // Through a mapping of our own: both ends let go of theirs when they have read the nonsense, which may be soon.
        const std::size_t bytes = local::ring::words_for(local::ring_capacity) * sizeof(std::uint64_t);
        void* const copy = ::mremap(rings[0], 0, bytes, MREMAP_MAYMOVE); // length 0: another one of the same pages
        ASSERT_NE(MAP_FAILED, copy);
        auto* const ring = static_cast<std::uint64_t*>(copy);
        for (std::size_t slot = 0; slot < local::ring_capacity; ++slot)
            std::atomic_ref(ring[local::ring::first_slot + slot * local::ring::slot_words])
                .store(random() | 1ull << 62, std::memory_order_relaxed);
        ::munmap(copy, bytes);
        auto n = a->notification(target, std::string(30, 'x')); // publishes one slot behind nonsense, or upon it
        (void)a->run(*n);
        auto m = a->notification(target, "y");
        (void)a->run(*m);
        if (!a->wait_for_state(*target, NIXL_PEER_DISCONNECTED, 5 * second)) {
            // The two good messages came first; the third look finds the nonsense.
            auto last = a->notification(target, "z");
            (void)a->run(*last);
            ASSERT_TRUE(a->wait_for_state(*target, NIXL_PEER_DISCONNECTED, 5 * second)) << "round " << round;
        }
        while (b->next_arrival(0)) {
        }
        ASSERT_NO_FATAL_FAILURE(join());
        auto good = a->notification(target, "good");
        ASSERT_EQ(NIXL_SUCCESS, a->run(*good));
        ASSERT_TRUE(b->next_arrival().has_value());
    }
}

} // namespace
} // namespace nixl::test
