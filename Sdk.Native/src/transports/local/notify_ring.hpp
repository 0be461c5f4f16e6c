// Notifications of one connection, in memory that two processes share: one writer, one reader, neither trusts the
// other.
//
//   64-bit words      who writes
//   0  read_slots     reader: slots that it is done with; the writer may use them again
//   1  read_messages  reader: notifications that its application has read; the writer keeps `limit` unread at most
//   8  reader_sleeps  reader: 1 = ring my bell after the next message; the writer takes it back to 0 when it does
//   16 writer_waits   writer: 1 = ring my bell when there is more room; the reader takes it back to 0 when it does
//   32 …              slots of one cache line
//
// A message is one slot and as many following slots as its payload needs. Every slot begins with a tag: its position in
// the endless row of slots, counted from 1, with the top bit set in continuation slots. So whatever lies in a slot from
// the lap before is never taken for a message, and a polling reader waits for one cache line, the next slot's. The
// first slot's tag is stored last: it publishes the message, and with it everything that the writer has written before,
// also the data of its transfer.
//
// Sleeping is Dekker's, by sequentially consistent accesses (_sc): each side announces itself, looks once more and only
// then sleeps; the other acts and then looks at the announcement. Everything read from the shared memory is copied once
// and then checked.
//
// Words is a view of shared memory: load, load_acquire, load_sc, store, store_release, store_sc, exchange, add (the
// last two _sc). A template, so that a test can run this very code under a scheduler that decides at every access. Not
// thread-safe: each end has its lock.
#pragma once

#include "nixl_sdk.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nixl::local {

struct ring_message {
    nixl_request_header_t request{};
    nixl_op_t op = NIXL_OP_WRITE;
    bool with_transfer = false;
    std::uint64_t request_bytes = 0;
    std::uint64_t request_operations = 0;
};

namespace ring {

inline constexpr std::size_t read_slots = 0;
inline constexpr std::size_t read_messages = 1;
inline constexpr std::size_t reader_sleeps = 8;
inline constexpr std::size_t writer_waits = 16;
inline constexpr std::size_t first_slot = 32;
inline constexpr std::size_t slot_words = 8;
inline constexpr std::uint64_t continuation = 1ull << 63;
// Words of a message's first slot: tag, lease token, attempt and flags and length, bytes, operations, payload.
inline constexpr std::size_t payload_at = 5;
inline constexpr std::uint64_t first_payload = (slot_words - payload_at) * 8;
inline constexpr std::uint64_t next_payload = (slot_words - 1) * 8;
inline constexpr std::uint64_t length_mask = 0x1ffff;
inline constexpr std::uint64_t read_flag = 1ull << 24;
inline constexpr std::uint64_t transfer_flag = 1ull << 25;
inline constexpr std::uint64_t known_bits = 0xffff'ffffull << 32 | transfer_flag | read_flag | length_mask;

constexpr std::size_t words_for(std::uint64_t capacity) noexcept {
    return first_slot + static_cast<std::size_t>(capacity) * slot_words;
}
constexpr std::uint64_t slots_for(std::uint64_t payload) noexcept {
    return 1 + (payload <= first_payload ? 0 : (payload - first_payload + next_payload - 1) / next_payload);
}

// Where in the ring a position is; counted along, because the capacity is no power of two.
struct place {
    std::uint64_t position = 0; // of the next slot, from 0
    std::uint64_t index = 0;    // position % capacity
    std::size_t word() const noexcept { return first_slot + static_cast<std::size_t>(index) * slot_words; }
    void step(std::uint64_t capacity) noexcept {
        ++position;
        index = index + 1 == capacity ? 0 : index + 1;
    }
};

} // namespace ring

template <class Words>
class ring_writer {
  public:
    enum class result { done, full, broken }; // broken: the reader has written nonsense; never use the ring again

    ring_writer() = default;
    ring_writer(Words words, std::uint64_t capacity, std::uint64_t limit) noexcept
        : words_(words), capacity_(capacity), limit_(limit) {}

    // `wake` is left alone, or set if the reader's bell must be rung.
    result publish(const ring_message& m, std::span<const std::uint8_t> payload, bool& wake) noexcept {
        if (const result r = room(payload.size()); r != result::done)
            return r;
        const ring::place first = next_;
        ring::place at = first;
        const std::uint8_t* from = payload.data();
        std::uint64_t left = payload.size();
        const auto put = [&](std::size_t word, std::size_t words) {
            for (std::size_t i = 0; i < words && left > 0; ++i) {
                std::uint64_t value = 0;
                const std::uint64_t n = std::min<std::uint64_t>(left, 8);
                std::memcpy(&value, from, n);
                words_.store(word + i, value);
                from += n;
                left -= n;
            }
        };
        const std::size_t word = first.word();
        words_.store(word + 1, m.request.lease_token);
        words_.store(word + 2, static_cast<std::uint64_t>(m.request.attempt) << 32 |
                                   (m.with_transfer ? ring::transfer_flag : 0) |
                                   (m.op == NIXL_OP_READ ? ring::read_flag : 0) | payload.size());
        words_.store(word + 3, m.request_bytes);
        words_.store(word + 4, m.request_operations);
        put(word + ring::payload_at, ring::slot_words - ring::payload_at);
        at.step(capacity_);
        while (left > 0) { // NOLINT(bugprone-infinite-loop): put() takes from it
            words_.store(at.word(), (at.position + 1) | ring::continuation);
            put(at.word() + 1, ring::slot_words - 1);
            at.step(capacity_);
        }
        next_ = at;
        ++messages_;
        words_.store_sc(word, first.position + 1);
        if (words_.load_sc(ring::reader_sleeps) != 0 && words_.exchange(ring::reader_sleeps, 0) != 0)
            wake = true;
        return result::done;
    }

    // Before sleeping because publish() said full: announces it. `full`: the bell will be rung once there is more room.
    result wait_for_room(std::uint64_t payload) noexcept {
        words_.store_sc(ring::writer_waits, 1);
        const result r = room(payload);
        if (r != result::full)
            words_.store(ring::writer_waits, 0);
        return r;
    }
    // Whether it is the slots that lack, and not the reader's unread notifications: then the reader may make room
    // without its application.
    bool lacks_slots(std::uint64_t payload) const noexcept {
        return next_.position + ring::slots_for(payload) - read_slots_ > capacity_;
    }

  private:
    result room(std::uint64_t payload) noexcept {
        if (fits(payload))
            return result::done;
        // In this order: the reader's last step is always a read-modify-write of read_messages (see messages_read).
        const std::uint64_t messages = words_.load_sc(ring::read_messages);
        const std::uint64_t slots = words_.load_acquire(ring::read_slots);
        if (slots < read_slots_ || slots > next_.position || messages < read_messages_ || messages > messages_)
            return result::broken;
        read_slots_ = slots;
        read_messages_ = messages;
        return fits(payload) ? result::done : result::full;
    }
    bool fits(std::uint64_t payload) const noexcept {
        return messages_ - read_messages_ < limit_ && !lacks_slots(payload);
    }

    Words words_{};
    std::uint64_t capacity_ = 0;
    std::uint64_t limit_ = 0;
    ring::place next_;
    std::uint64_t messages_ = 0;
    std::uint64_t read_slots_ = 0; // as seen last
    std::uint64_t read_messages_ = 0;
};

template <class Words>
class ring_reader {
  public:
    enum class result { nothing, message, broken }; // broken: the writer has written nonsense; never look again

    ring_reader() = default;
    ring_reader(Words words, std::uint64_t capacity) noexcept : words_(words), capacity_(capacity) {}

    // Cheap: one word.
    bool waiting() const noexcept { return words_.load_acquire(next_.word()) == next_.position + 1; }

    // The next message without its payload; it stays there.
    result peek(ring_message& m, std::uint64_t& payload) noexcept {
        const std::uint64_t tag = words_.load_acquire(next_.word());
        if (tag != next_.position + 1) {
            const std::uint64_t before = next_.position < capacity_ ? 0 : next_.position + 1 - capacity_;
            return (before == 0 ? tag : tag & ~ring::continuation) == before ? result::nothing : result::broken;
        }
        const std::size_t word = next_.word();
        const std::uint64_t packed = words_.load(word + 2);
        payload = packed & ring::length_mask;
        if ((packed & ~ring::known_bits) != 0 || payload > NIXL_NOTIFICATION_MAX ||
            ring::slots_for(payload) > capacity_)
            return result::broken;
        m.request = {words_.load(word + 1), static_cast<std::uint32_t>(packed >> 32), 0};
        m.op = (packed & ring::read_flag) != 0 ? NIXL_OP_READ : NIXL_OP_WRITE;
        m.with_transfer = (packed & ring::transfer_flag) != 0;
        m.request_bytes = words_.load(word + 3);
        m.request_operations = words_.load(word + 4);
        return result::message;
    }

    // Copies the payload whose length peek() has said, and passes the message. False: broken.
    bool take(std::uint8_t* to, std::uint64_t payload) noexcept {
        ring::place at = next_;
        std::uint64_t left = payload;
        const auto get = [&](std::size_t word, std::size_t words) {
            for (std::size_t i = 0; i < words && left > 0; ++i) {
                const std::uint64_t value = words_.load(word + i);
                const std::uint64_t n = std::min<std::uint64_t>(left, 8);
                std::memcpy(to, &value, n);
                to += n;
                left -= n;
            }
        };
        get(at.word() + ring::payload_at, ring::slot_words - ring::payload_at);
        at.step(capacity_);
        while (left > 0) {
            if (words_.load(at.word()) != ((at.position + 1) | ring::continuation))
                return false;
            get(at.word() + 1, ring::slot_words - 1);
            at.step(capacity_);
        }
        next_ = at;
        words_.store_release(ring::read_slots, at.position);
        return true;
    }

    // After take(). The application has read so many that were taken, now or earlier; 0: it has not yet, only slots
    // are free again. True: the writer's bell must be rung. Any thread.
    bool messages_read(std::uint64_t count) noexcept {
        words_.add(ring::read_messages, count);
        return words_.load_sc(ring::writer_waits) != 0 && words_.exchange(ring::writer_waits, 0) != 0;
    }

    // Announces that nobody looks any more until the bell rings. True: look now, something is there already.
    bool sleep() noexcept {
        words_.store_sc(ring::reader_sleeps, 1);
        return words_.load_sc(next_.word()) == next_.position + 1;
    }
    // Somebody looks by himself: the writer can save the bell.
    void stay_awake() noexcept {
        if (words_.load(ring::reader_sleeps) != 0)
            words_.store(ring::reader_sleeps, 0);
    }

  private:
    Words words_{};
    std::uint64_t capacity_ = 0;
    ring::place next_;
};

} // namespace nixl::local
