// The notification ring by itself: what goes in comes out, whatever the sizes; nonsense is told from messages; and no
// interleaving of the two ends loses a message or a wake-up. The model runs the very code of the ring over words whose
// every access is a point at which the other end may go on.
#include "transports/local/notify_ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace nixl::local {
namespace {

// Words of this process, for one thread; at() checks every index.
class plain_words {
  public:
    plain_words() = default;
    explicit plain_words(std::vector<std::uint64_t>& at) : at_(&at) {}
    std::uint64_t load(std::size_t i) const { return at_->at(i); }
    std::uint64_t load_acquire(std::size_t i) const { return at_->at(i); }
    std::uint64_t load_sc(std::size_t i) const { return at_->at(i); }
    void store(std::size_t i, std::uint64_t v) const { at_->at(i) = v; }
    void store_release(std::size_t i, std::uint64_t v) const { at_->at(i) = v; }
    void store_sc(std::size_t i, std::uint64_t v) const { at_->at(i) = v; }
    std::uint64_t exchange(std::size_t i, std::uint64_t v) const { return std::exchange(at_->at(i), v); }
    void add(std::size_t i, std::uint64_t v) const { at_->at(i) += v; }

  private:
    std::vector<std::uint64_t>* at_ = nullptr;
};

std::vector<std::uint8_t> payload_of(std::uint64_t seed, std::size_t bytes) {
    std::vector<std::uint8_t> p(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        p[i] = static_cast<std::uint8_t>((seed * 131 + i) * 2654435761u >> 13);
    return p;
}

ring_message message_of(std::uint64_t n) {
    ring_message m;
    m.request = {n * 3, static_cast<std::uint32_t>(n * 5), 0};
    m.op = n % 2 != 0 ? NIXL_OP_READ : NIXL_OP_WRITE;
    m.with_transfer = n % 3 == 0;
    m.request_bytes = n * 7;
    m.request_operations = n * 11;
    return m;
}

// Takes the next message and checks everything in it. False: there is none.
template <class Reader>
bool expect_next(Reader& reader, std::uint64_t n, std::size_t bytes) {
    ring_message m;
    std::uint64_t length = 0;
    const auto found = reader.peek(m, length);
    EXPECT_NE(Reader::result::broken, found);
    if (found != Reader::result::message)
        return false;
    const ring_message expected = message_of(n);
    EXPECT_EQ(bytes, length) << "message " << n;
    EXPECT_EQ(expected.request.lease_token, m.request.lease_token);
    EXPECT_EQ(expected.request.attempt, m.request.attempt);
    EXPECT_EQ(expected.op, m.op);
    EXPECT_EQ(expected.with_transfer, m.with_transfer);
    EXPECT_EQ(expected.request_bytes, m.request_bytes);
    EXPECT_EQ(expected.request_operations, m.request_operations);
    std::vector<std::uint8_t> got(length);
    EXPECT_TRUE(reader.take(got.data(), length));
    EXPECT_EQ(payload_of(n, bytes), got) << "message " << n;
    return true;
}

TEST(notify_ring, messages_of_all_sizes_come_out_in_order_over_many_laps) {
    constexpr std::uint64_t capacity = 1300;
    std::vector<std::uint64_t> memory(ring::words_for(capacity));
    ring_writer<plain_words> writer(plain_words(memory), capacity, 50);
    ring_reader<plain_words> reader(plain_words(memory), capacity);
    std::mt19937 random(7);
    std::vector<std::size_t> sizes;
    std::uint64_t read = 0;
    bool wake = false;
    int full = 0;
    while (read < 20'000) {
        static constexpr std::array<std::size_t, 8> edges{0, 1, 23, 24, 25, 80, 81, 65536};
        const std::size_t bytes = random() % 4 == 0 ? edges[random() % edges.size()] : random() % 300;
        if (random() % 2 == 0) {
            const std::uint64_t n = sizes.size();
            const auto p = payload_of(n, bytes);
            const auto r = writer.publish(message_of(n), p, wake);
            ASSERT_NE(ring_writer<plain_words>::result::broken, r);
            if (r == ring_writer<plain_words>::result::done)
                sizes.push_back(bytes);
            else
                ++full;
            ASSERT_LE(sizes.size() - read, 50u);
        } else if (read < sizes.size()) {
            ASSERT_TRUE(expect_next(reader, read, sizes[read]));
            (void)reader.messages_read(1);
            ++read;
        } else {
            ring_message m;
            std::uint64_t length = 0;
            ASSERT_EQ(ring_reader<plain_words>::result::nothing, reader.peek(m, length));
        }
    }
    EXPECT_GT(full, 100);
    EXPECT_FALSE(wake); // nobody slept
}

TEST(notify_ring, a_payload_that_looks_like_tags_is_none) {
    constexpr std::uint64_t capacity = 8;
    std::vector<std::uint64_t> memory(ring::words_for(capacity));
    ring_writer<plain_words> writer(plain_words(memory), capacity, 100);
    ring_reader<plain_words> reader(plain_words(memory), capacity);
    for (std::uint64_t n = 0; n < 200; ++n) {
        std::vector<std::uint64_t> tags(20, n + 9); // positions that are still to come
        bool wake = false;
        ASSERT_EQ(ring_writer<plain_words>::result::done,
                  writer.publish({}, {reinterpret_cast<const std::uint8_t*>(tags.data()), tags.size() * 8}, wake));
        ring_message m;
        std::uint64_t length = 0;
        ASSERT_EQ(ring_reader<plain_words>::result::message, reader.peek(m, length));
        std::vector<std::uint8_t> got(length);
        ASSERT_TRUE(reader.take(got.data(), length));
        ASSERT_EQ(ring_reader<plain_words>::result::nothing, reader.peek(m, length)) << n;
        (void)reader.messages_read(1);
    }
}

// A writer that writes anything anywhere: the reader stays inside its memory, ends, and says so.
TEST(notify_ring, garbage_is_no_message) {
    constexpr std::uint64_t capacity = 1300;
    std::mt19937_64 random(11);
    std::vector<std::uint8_t> sink(NIXL_NOTIFICATION_MAX);
    int broken = 0;
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::uint64_t> memory(ring::words_for(capacity));
        ring_writer<plain_words> writer(plain_words(memory), capacity, 100);
        ring_reader<plain_words> reader(plain_words(memory), capacity);
        bool wake = false;
        for (std::uint64_t n = 0; n < 5; ++n)
            (void)writer.publish(message_of(n), payload_of(n, random() % 400), wake);
        // Often near what counts: tags and lengths.
        for (std::uint64_t i = random() % 6; i-- > 0;) {
            const std::size_t slot = random() % 40;
            const std::size_t word =
                ring::first_slot + slot * ring::slot_words + (random() % 2 == 0 ? 0 : random() % 8);
            memory[word] = random() % 2 == 0 ? random() : random() % 64 | (random() % 2 == 0 ? ring::continuation : 0);
        }
        for (int reads = 0; reads < 50; ++reads) {
            ring_message m;
            std::uint64_t length = 0;
            const auto found = reader.peek(m, length);
            if (found == ring_reader<plain_words>::result::nothing)
                break;
            if (found == ring_reader<plain_words>::result::broken || !reader.take(sink.data(), length)) {
                ++broken;
                break;
            }
        }
        memory[ring::read_slots] = random();
        memory[ring::read_messages] = random() % 2 == 0 ? random() : 3;
        for (int i = 0; i < 200; ++i)
            if (writer.publish({}, payload_of(1, 1000), wake) != ring_writer<plain_words>::result::done)
                break;
    }
    EXPECT_GT(broken, 500);
}

// ---- interleavings ----

// Two threads, of which one runs. Before every access to a word the running one may be stopped in favour of the other:
// at the steps given, or at random.
class schedule {
  public:
    explicit schedule(std::vector<std::size_t> switches) : switches_(std::move(switches)) {}
    explicit schedule(unsigned seed) : random_(seed), at_random_(true) {}

    void point(int self) {
        std::unique_lock lock(mutex_);
        const std::size_t step = step_++;
        const bool turn =
            at_random_ ? random_() % 3 == 0 : std::find(switches_.begin(), switches_.end(), step) != switches_.end();
        if (turn && runnable(1 - self))
            current_ = 1 - self;
        wait_for_turn(lock, self);
    }
    // Sleeps until `ready`. False: the other one has ended or sleeps as well, and nobody will ever wake this one.
    bool sleep(int self, const bool& ready) {
        std::unique_lock lock(mutex_);
        if (ready)
            return true;
        waits_for_[self] = &ready;
        current_ = 1 - self;
        if (!runnable(1 - self))
            stuck_ = true;
        wait_for_turn(lock, self);
        waits_for_[self] = nullptr;
        return !stuck_;
    }
    void start(int self) {
        std::unique_lock lock(mutex_);
        wait_for_turn(lock, self);
    }
    void end(int self) {
        const std::lock_guard lock(mutex_);
        ended_[self] = true;
        current_ = 1 - self;
        if (!ended_[1 - self] && !runnable(1 - self))
            stuck_ = true;
        changed_.notify_all();
    }
    bool stuck() const { return stuck_; }
    std::size_t steps() const { return step_; }

  private:
    bool runnable(int who) const { return !ended_[who] && (waits_for_[who] == nullptr || *waits_for_[who]); }
    void wait_for_turn(std::unique_lock<std::mutex>& lock, int self) {
        changed_.notify_all();
        changed_.wait(lock, [&] { return current_ == self || stuck_; });
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::size_t> switches_;
    std::mt19937 random_;
    bool at_random_ = false;
    std::size_t step_ = 0;
    int current_ = 0;
    std::array<bool, 2> ended_{};
    std::array<const bool*, 2> waits_for_{};
    bool stuck_ = false;
};

class scheduled_words {
  public:
    scheduled_words() = default;
    scheduled_words(std::vector<std::uint64_t>& at, schedule& s, int self) : words_(at), schedule_(&s), self_(self) {}
    std::uint64_t load(std::size_t i) const { return point(), words_.load(i); }
    std::uint64_t load_acquire(std::size_t i) const { return point(), words_.load(i); }
    std::uint64_t load_sc(std::size_t i) const { return point(), words_.load(i); }
    void store(std::size_t i, std::uint64_t v) const { point(), words_.store(i, v); }
    void store_release(std::size_t i, std::uint64_t v) const { point(), words_.store(i, v); }
    void store_sc(std::size_t i, std::uint64_t v) const { point(), words_.store(i, v); }
    std::uint64_t exchange(std::size_t i, std::uint64_t v) const { return point(), words_.exchange(i, v); }
    void add(std::size_t i, std::uint64_t v) const { point(), words_.add(i, v); }

  private:
    void point() const { schedule_->point(self_); }
    plain_words words_;
    schedule* schedule_ = nullptr;
    int self_ = 0;
};

// Both ends until all messages are through, each sleeping whenever it cannot go on. Returns the steps taken.
std::size_t run(schedule& s) {
    constexpr std::uint64_t capacity = 3;
    constexpr std::uint64_t messages = 4;
    constexpr std::array<std::size_t, messages> bytes{0, 30, 8, 60};
    std::vector<std::uint64_t> memory(ring::words_for(capacity));
    bool reader_bell = false;
    bool writer_bell = false;
    std::uint64_t got = 0;
    std::thread writing([&] {
        using writer_t = ring_writer<scheduled_words>;
        writer_t writer({memory, s, 0}, capacity, 2);
        s.start(0);
        for (std::uint64_t n = 0; n < messages;) {
            bool wake = false;
            const auto p = payload_of(n, bytes[n]);
            const auto r = writer.publish(message_of(n), p, wake);
            if (wake)
                reader_bell = true;
            if (r == writer_t::result::done) {
                ++n;
            } else if (writer.wait_for_room(p.size()) == writer_t::result::full) {
                if (!s.sleep(0, writer_bell))
                    break;
                writer_bell = false;
            }
        }
        s.end(0);
    });
    std::thread reading([&] {
        ring_reader<scheduled_words> reader({memory, s, 1}, capacity);
        s.start(1);
        while (got < messages) {
            if (got % 2 == 1)
                reader.stay_awake(); // polls for a while
            if (expect_next(reader, got, bytes[got])) {
                ++got;
                if (reader.messages_read(1))
                    writer_bell = true;
            } else if (!reader.sleep()) {
                if (!s.sleep(1, reader_bell))
                    break;
                reader_bell = false;
            }
        }
        s.end(1);
    });
    writing.join();
    reading.join();
    EXPECT_FALSE(s.stuck()) << "somebody sleeps for ever";
    EXPECT_EQ(messages, got);
    return s.steps();
}

TEST(notify_ring_model, no_two_switches_lose_a_message_or_a_wake_up) {
    schedule straight(std::vector<std::size_t>{});
    const std::size_t steps = run(straight);
    ASSERT_GT(steps, 40u);
    for (std::size_t first = 0; first < steps; ++first)
        for (std::size_t second = first + 1; second < steps; second += 1 + (second - first) / 16) {
            schedule s(std::vector<std::size_t>{first, second});
            run(s);
            if (testing::Test::HasFailure())
                FAIL() << "switches at " << first << " and " << second;
        }
}

TEST(notify_ring_model, random_interleavings_lose_nothing) {
    for (unsigned seed = 1; seed <= 400; ++seed) {
        schedule s(seed);
        run(s);
        if (testing::Test::HasFailure())
            FAIL() << "seed " << seed;
    }
}

} // namespace
} // namespace nixl::local
