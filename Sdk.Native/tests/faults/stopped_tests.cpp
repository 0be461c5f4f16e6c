// Row "stopped and resumed" of docs/faults.md.
#include "faults/two_ends.hpp"

#include "core/failure.hpp"

#include <thread>

namespace nixl::test {
namespace {

class stopped : public two_ends {};

constexpr uint64_t suspect_after = second_ns;

// Nothing is lost: what was posted before ends well after the resume, and nothing new is taken meanwhile.
TEST_P(stopped, target_that_resumes_in_time_gets_everything) {
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 24 << 20, .suspect_after_ns = suspect_after}));
    ASSERT_NO_FATAL_FAILURE(stop());
    const uint64_t plain = GetParam().local() ? write() : 0;
    const uint64_t waits = write(patience_ns, true);
    ASSERT_NE(0u, waits) << here->post_status;
    if (GetParam().local()) { // our own process copies
        ASSERT_NO_FATAL_FAILURE(expect_ended(plain));
        EXPECT_EQ(NIXL_SUCCESS, status(plain)) << status_name(status(plain));
        expect_written();
    }
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_SUSPECT)); // silence
    if (GetParam().local()) { // the notification lies in the target's ring, which is its memory
        ASSERT_NO_FATAL_FAILURE(expect_ended(waits));
        EXPECT_EQ(NIXL_SUCCESS, status(waits)) << status_name(status(waits));
    } else {
        EXPECT_FALSE(here->result(waits).settled);
        expect_locked();
    }
    EXPECT_EQ(0u, write());
    EXPECT_EQ(NIXL_ERR_SUSPECT_PEER, here->post_status) << status_name(here->post_status);
    resume();
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_CONNECTED)); // and heard again
    ASSERT_NO_FATAL_FAILURE(expect_ended(waits));
    EXPECT_EQ(NIXL_SUCCESS, status(waits)) << status_name(status(waits));
    expect_written();
    EXPECT_EQ(1u, there->notifications(1).size());
    ASSERT_NO_FATAL_FAILURE(expect_free());
    fill_pattern(memory, 2);
    const uint64_t next = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(next));
    EXPECT_EQ(NIXL_SUCCESS, status(next));
    expect_written(2);
}

// The deadline holds, and after the grace time the memory is free, by force where the transport needs it.
TEST_P(stopped, target_past_the_deadline_times_out_and_the_memory_comes_free) {
    constexpr uint64_t timeout = 500 * millisecond_ns;
    constexpr uint64_t grace = 400 * millisecond_ns;
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 24 << 20, .quiesce_grace_ns = grace}));
    ASSERT_NO_FATAL_FAILURE(expect_ended(write())); // the provider's connection is up: something will be in flight
    ASSERT_TRUE(there->poison());
    ASSERT_NO_FATAL_FAILURE(stop());
    const uint64_t late = write(timeout, true);
    ASSERT_NE(0u, late);
    ASSERT_TRUE(here->wait_settled(late, timeout + 5 * second_ns));
    if (GetParam().local()) { // nothing had to wait for the target
        EXPECT_EQ(NIXL_SUCCESS, status(late)) << status_name(status(late));
    } else {
        EXPECT_EQ(NIXL_ERR_TIMEOUT, status(late)) << status_name(status(late));
        EXPECT_GE(here->result(late).event.settled_ns - here->result(late).event.posted_ns, timeout);
    }
    if (!here->result(late).quiesced)
        expect_locked();
    ASSERT_NO_FATAL_FAILURE(expect_ended(late, timeout));
    ASSERT_NO_FATAL_FAILURE(expect_free());
    if (GetParam().local()) {
        expect_written();
        resume();
        fill_pattern(memory, 3);
        ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    } else if (target_is_passive()) { // the data needed nobody there; where it was late, the endpoint was closed
        fill_pattern(memory, 3);
        resume();
        if (here->info(peer).state == NIXL_PEER_DISCONNECTED) {
            ASSERT_NO_FATAL_FAILURE(join());
        }
        ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_CONNECTED));
        ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    } else { // the endpoint was closed: connect again
        EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
        fill_pattern(memory, 3); // what the resumed process still receives must not be this
        resume();
        ASSERT_NO_FATAL_FAILURE(join());
        ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    }
    expect_written(3);
}

// Given up while an answer is half here: libfabric before 1.18 reports such a read twice, the second time for nothing.
TEST_P(stopped, source_in_the_middle_of_a_read_can_be_left) {
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 32 << 20, .piece = 8 << 20, .chunk_bytes = 8 << 20}));
    ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    for (int round = 0; round < 3; ++round) {
        fill_poison(memory);
        const uint64_t half = read();
        ASSERT_NE(0u, half) << here->post_status;
        const auto* newest = reinterpret_cast<const volatile std::byte*>(memory.data()) + ids[0] * options.piece;
        for (const deadline until = deadline::after(5 * second_ns); *newest == poison && !until.passed();)
            std::this_thread::yield();
        ASSERT_NO_FATAL_FAILURE(stop());
        ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer)) << here->last_error();
        ASSERT_NO_FATAL_FAILURE(expect_ended(half));
        if (status(half) == NIXL_SUCCESS) // the machine was busy, and all of it was here before the stop
            EXPECT_EQ(all_match, first_difference(memory, 1));
        else
            EXPECT_EQ(NIXL_ERR_STALE_PEER, status(half)) << status_name(status(half));
        ASSERT_NO_FATAL_FAILURE(expect_free());
        const std::vector<std::byte> left = memory;
        resume();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        EXPECT_TRUE(memory == left) << "written to after it was free";
        ASSERT_NO_FATAL_FAILURE(join());
        fill_poison(memory);
        ASSERT_NO_FATAL_FAILURE(expect_ended(read()));
        EXPECT_EQ(all_match, first_difference(memory, 1));
    }
}

// A writer that is stopped in the middle: its target may take the memory back where it can be fenced, and knows where
// it cannot.
TEST_P(stopped, writer_keeps_no_memory_that_was_taken_back) {
    ASSERT_NO_FATAL_FAILURE(begin({.quiesce_grace_ns = 300 * millisecond_ns}));
    const uint64_t back = there->connect(here->metadata());
    ASSERT_NE(0u, back) << there->error();
    ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(here->get(), local));
    ASSERT_TRUE(there->hammer(back, reinterpret_cast<uint64_t>(memory.data()), options.bytes));
    ASSERT_NO_FATAL_FAILURE(stop());
    int32_t removed = here->remove_region(region, second_ns / 2);
    if (removed == NIXL_ERR_BUSY && GetParam().local()) {
        resume(); // it was inside; a mapping cannot be fenced
        removed = here->remove_region(region, 10 * second_ns);
    }
    ASSERT_EQ(NIXL_SUCCESS, removed) << here->last_error();
    fill_poison(memory);
    resume();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(all_match, first_not_poison(memory));
}

INSTANTIATE_TEST_SUITE_P(, stopped, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
