// Too much of everything: notifications, operations, memory, descriptors. Back-pressure or a clear error, never a drop.
#include "faults/two_ends.hpp"

#include "core/failure.hpp"

#include <sys/resource.h>

#include <cstring>
#include <deque>

namespace nixl::test {
namespace {

class pressure : public two_ends {};

// A flood against four credits: the sender waits for the reader. None is lost, none comes twice, and those that stand
// alone come in the order in which they were sent (one with data waits for its data and may be overtaken).
TEST_P(pressure, a_flood_of_notifications_is_held_back_and_loses_none) {
    const uint64_t count = repetitions(2'000, 20'000);
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 1 << 20, .piece = 4096, .max_notifications = 4}));
    const auto numbered = [](uint64_t i) {
        std::vector<uint8_t> payload(8 + i * 7919 % 300);
        std::memcpy(payload.data(), &i, sizeof i);
        return payload;
    };
    const auto with_data = [](uint64_t i) { return i % 3 == 0; };
    std::deque<uint64_t> waiting;
    std::vector<bool> seen(count);
    uint64_t sent = 0;
    uint64_t last_alone = 0; // the number of the last one without data
    for (uint64_t read = 0; read < count;) {
        while (sent < count && waiting.size() < 1000) {
            const auto payload = numbered(sent);
            test_agent::post p;
            p.local = local;
            p.remote = remote;
            p.local_ids = p.remote_ids = {&ids[sent % ids.size()], 1};
            p.notification = payload;
            waiting.push_back(with_data(sent) ? here->start(p) : here->notify(peer, payload));
            ASSERT_NE(0u, waiting.back()) << status_name(here->post_status);
            ++sent;
        }
        const uint64_t take = std::min<uint64_t>(count - read, 100);
        const auto got = there->notifications(take);
        ASSERT_EQ(take, got.size()) << "after " << read;
        read += take;
        for (const auto& payload : got) {
            uint64_t i = 0;
            ASSERT_GE(payload.size(), sizeof i);
            std::memcpy(&i, payload.data(), sizeof i);
            ASSERT_LT(i, count);
            ASSERT_EQ(numbered(i), payload);
            ASSERT_FALSE(seen[i]) << i << " came twice";
            seen[i] = true;
            if (!with_data(i)) {
                ASSERT_GT(i, last_alone);
                last_alone = i;
            }
        }
        here->drain();
        while (!waiting.empty() && here->result(waiting.front()).quiesced) {
            ASSERT_EQ(NIXL_SUCCESS, status(waiting.front()));
            waiting.pop_front();
        }
    }
    for (const uint64_t o : waiting) {
        ASSERT_NO_FATAL_FAILURE(expect_ended(o));
        ASSERT_EQ(NIXL_SUCCESS, status(o));
    }
    EXPECT_EQ(0u, there->notifications(1, 50).size()) << "one more than were sent";
}

// Thousands of operations through windows of one and of more than any completion queue holds.
TEST_P(pressure, thousands_of_operations_pass_a_window_of_any_size) {
    for (const uint32_t window_operations : {1u, 3u, 8192u}) {
        constexpr uint64_t piece = 509;
        const uint64_t pieces = repetitions(3'000, 12'000);
        ASSERT_NO_FATAL_FAILURE(
            begin({.bytes = piece * pieces, .piece = piece, .window_operations = window_operations}));
        std::vector<uint32_t> to(ids.rbegin(), ids.rend()); // nothing merges
        for (const nixl_op_t op : {NIXL_OP_WRITE, NIXL_OP_READ}) {
            std::vector<std::byte> expected(options.bytes);
            if (op == NIXL_OP_READ) {
                ASSERT_TRUE(there->fill(5));
                fill_poison(memory);
            }
            const uint64_t half = pieces / 2; // two at a time, so that they share the window
            const std::span<const uint32_t> from(ids);
            const std::span<const uint32_t> into(to);
            const uint64_t a = move(op, from.first(half), into.first(half), patience_ns);
            const uint64_t b = move(op, from.subspan(half), into.subspan(half), patience_ns);
            ASSERT_NO_FATAL_FAILURE(expect_ended(a));
            ASSERT_NO_FATAL_FAILURE(expect_ended(b));
            ASSERT_EQ(NIXL_SUCCESS, status(a)) << status_name(status(a)) << " window " << window_operations;
            ASSERT_EQ(NIXL_SUCCESS, status(b)) << status_name(status(b)) << " window " << window_operations;
            for (uint64_t i = 0; i < pieces; ++i) {
                const uint64_t source = op == NIXL_OP_WRITE ? ids[i] : to[i];
                const uint64_t target = op == NIXL_OP_WRITE ? to[i] : ids[i];
                for (uint64_t k = 0; k < piece; ++k)
                    expected[target * piece + k] = pattern_at(op == NIXL_OP_WRITE ? 1 : 5, source * piece + k);
            }
            ASSERT_TRUE(expected == (op == NIXL_OP_WRITE ? peek() : memory)) << "window " << window_operations;
        }
    }
}

// No descriptors left: a clear error, nothing hangs, and everything works again afterwards.
TEST_P(pressure, without_file_descriptors_connecting_fails_and_recovers) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "UBSan, which comes with it, looks at memory through a pipe of its own and takes objects for wrong without";
#endif
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 1 << 20, .piece = 4096}));
    ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer));
    const auto metadata = there->metadata();
    rlimit before{};
    ASSERT_EQ(0, ::getrlimit(RLIMIT_NOFILE, &before));
    for (const rlim_t spare : {0u, 1u, 2u, 3u}) {
        rlimit tight = before;
        tight.rlim_cur = process_resources::now().descriptors + spare;
        ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &tight));
        const uint64_t got = here->connect(metadata, 3 * second_ns);
        ASSERT_EQ(0, ::setrlimit(RLIMIT_NOFILE, &before));
        if (got != 0) {
            ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), got));
            continue;
        }
        EXPECT_LT(here->connect_status, 0) << spare;
        EXPECT_FALSE(here->connect_text.empty()) << spare;
    }
    ASSERT_NO_FATAL_FAILURE(join());
    const uint64_t o = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    EXPECT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
    expect_written();
}

INSTANTIATE_TEST_SUITE_P(, pressure, testing::ValuesIn(wires()), wire_name);

nixl_arena_info_t make_arena(const test_agent& a, uint64_t length, uint32_t huge_pages, int32_t& status) {
    nixl_arena_params_t p{};
    p.struct_size = sizeof p;
    p.length = length;
    p.huge_pages = huge_pages;
    nixl_arena_info_t info{};
    status = nixl_arena_create(a.get(), &p, &info);
    return info;
}

// More than the machine has: refused with the reason, before anything is touched (a page that cannot be had later is
// a SIGBUS in whoever touches it).
TEST(arena_memory, that_is_not_there_is_refused_and_the_rest_works_on) {
    agent_options o;
    o.transports = NIXL_TRANSPORT_LOCAL;
    test_agent a("a", o);
    ASSERT_TRUE(a.ok());
    for (const uint64_t length : {uint64_t{1} << 42, uint64_t{1} << 46, uint64_t{1} << 62, UINT64_MAX}) {
        int32_t status = 0;
        make_arena(a, length, 0, status);
        EXPECT_TRUE(status == NIXL_ERR_OUT_OF_MEMORY || status == NIXL_ERR_INVALID_PARAM)
            << status_name(status) << " for " << length;
        EXPECT_FALSE(a.last_error().empty());
    }
    const auto before = process_resources::now();
    for (int i = 0; i < 50; ++i) { // refusals leave nothing behind
        int32_t status = 0;
        make_arena(a, 1ull << 44, 0, status);
        EXPECT_LT(status, 0);
    }
    const auto after = process_resources::now();
    EXPECT_EQ(before.descriptors, after.descriptors);
    EXPECT_LE(after.mappings, before.mappings + (sanitized() ? 25 : 1)); // a sanitizer maps memory of its own
    int32_t status = 0;
    const auto info = make_arena(a, 4 << 20, 0, status);
    ASSERT_EQ(NIXL_SUCCESS, status) << a.last_error();
    std::memset(reinterpret_cast<void*>(info.address), 1, info.length);
    EXPECT_EQ(NIXL_SUCCESS, nixl_arena_destroy(a.get(), info.arena));
}

} // namespace
} // namespace nixl::test
