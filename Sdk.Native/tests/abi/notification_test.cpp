// Notifications: flow control and their rule — never before the data, never lost, never more than granted.
#include "abi/pair.hpp"

#include <set>
#include <thread>

namespace nixl_test {

class notifications : public transport_test {};
INSTANTIATE_TEST_SUITE_P(over, notifications, every_transport, transport_name);

TEST_P(notifications, without_credits_a_post_waits_and_none_is_dropped) {
    connected_pair p(GetParam(), 4096, {.max_notifications = 4});
    ASSERT_TRUE(p.ok());
    constexpr uint64_t total = 20;
    for (uint64_t i = 0; i < total; ++i)
        ASSERT_OK(notify(p.a, p.peer, std::to_string(i), i));
    std::set<uint64_t> settled;
    const auto take_outcomes = [&] {
        for (const nixl_event_t& e : p.a.events) {
            if ((e.flags & NIXL_EVENT_OUTCOME) == 0)
                continue;
            EXPECT_STATUS(NIXL_SUCCESS, e.status);
            EXPECT_TRUE(settled.insert(e.user_data).second);
        }
        p.a.events.clear();
    };
    // The first four go through although nobody reads; the fifth does not, however long one waits.
    for (int i = 0; i < 2000 && settled.size() < 4; ++i) {
        p.a.pump(10'000'000);
        take_outcomes();
    }
    for (int i = 0; i < 10; ++i)
        p.a.pump(10'000'000);
    take_outcomes();
    EXPECT_EQ(settled.size(), 4u);
    std::set<std::string> texts;
    for (uint64_t i = 0; i < total; ++i)
        texts.insert(p.b.wait_message().text());
    EXPECT_EQ(texts.size(), total);
    for (int i = 0; i < 2000 && settled.size() < total; ++i) {
        p.a.pump(10'000'000);
        take_outcomes();
    }
    EXPECT_EQ(settled.size(), total);
}

TEST_P(notifications, a_receiver_that_never_reads_costs_a_deadline_and_nothing_else) {
    connected_pair p(GetParam(), 8192, {.max_notifications = 1});
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, 2, 4096);
    ASSERT_OK(notify(p.a, p.peer, "first", 1));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(1).outcome.status);
    post w{.local_list = lists.local,
           .remote_list = lists.remote,
           .local_ids = {0},
           .remote_ids = {0},
           .timeout_ns = second / 5,
           .user_data = 2};
    w.notification = "second";
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_ERR_TIMEOUT, p.a.wait_end(2).outcome.status);
    w.notification.reset(); // data needs no credit
    w.user_data = 3;
    w.timeout_ns = patience;
    ASSERT_OK(w(p.a));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(3).outcome.status);
    EXPECT_EQ(p.b.wait_message().text(), "first");
    ASSERT_OK(notify(p.a, p.peer, "third", 4));
    EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(4).outcome.status);
    EXPECT_EQ(p.b.wait_message().text(), "third"); // the one that timed out never comes
}

TEST_P(notifications, a_buffer_that_is_too_small_consumes_nothing) {
    connected_pair p(GetParam(), 4096);
    ASSERT_TRUE(p.ok());
    ASSERT_OK(notify(p.a, p.peer, "four", 1));
    p.a.wait_end(1);
    nixl_notification_t header{};
    uint8_t payload[4];
    int32_t status = NIXL_ERR_NOT_FOUND;
    for (int i = 0; i < 2000 && status == NIXL_ERR_NOT_FOUND; ++i) {
        p.b.pump(10'000'000);
        status = nixl_notification_read(p.b.get(), &header, payload, 3);
    }
    EXPECT_STATUS(NIXL_ERR_BUFFER_TOO_SMALL, status);
    EXPECT_EQ(header.payload_length, 4u);
    EXPECT_OK(nixl_notification_read(p.b.get(), &header, payload, 4));
    EXPECT_STATUS(NIXL_ERR_NOT_FOUND, nixl_notification_read(p.b.get(), &header, payload, 4));
}

// The receiver looks at the data at the moment it gets the notification, many times over.
TEST_P(notifications, come_after_every_byte_of_their_request) {
    constexpr uint64_t blocks = 64, piece = 2048;
    connected_pair p(GetParam(), blocks * piece);
    ASSERT_TRUE(p.ok());
    const auto lists = p.block_lists(1, blocks, piece);
    post w{.local_list = lists.local, .remote_list = lists.remote};
    for (uint32_t i = 0; i < blocks; i += 2) {
        w.local_ids.push_back(i);
        w.remote_ids.push_back(blocks - 1 - i);
    }
    for (uint64_t round = 0; round < 60; ++round) {
        fill(p.local.bytes(), round);
        w.notification = std::to_string(round);
        w.user_data = round;
        ASSERT_OK(w(p.a));
        ASSERT_EQ(p.b.wait_message().text(), std::to_string(round));
        for (std::size_t i = 0; i < w.local_ids.size(); ++i)
            for (uint64_t b = 0; b < piece; b += 61)
                ASSERT_EQ(p.remote.data()[w.remote_ids[i] * piece + b], pattern(round, w.local_ids[i] * piece + b))
                    << round;
        ASSERT_EQ(p.a.wait_end(round).outcome.status, NIXL_SUCCESS);
    }
}

TEST_P(notifications, from_many_threads_each_arrives_once) {
    constexpr uint64_t threads = 4, each = 50, piece = 512;
    connected_pair p(GetParam(), threads * each * piece);
    ASSERT_TRUE(p.ok());
    fill(p.local.bytes(), 8);
    poison(p.remote.bytes());
    const auto lists = p.block_lists(1, threads * each, piece);
    std::vector<std::thread> posters;
    for (uint64_t t = 0; t < threads; ++t)
        posters.emplace_back([&, t] {
            for (uint64_t i = 0; i < each; ++i) {
                const auto id = static_cast<uint32_t>(t * each + i);
                post w{.local_list = lists.local,
                       .remote_list = lists.remote,
                       .local_ids = {id},
                       .remote_ids = {id},
                       .user_data = id};
                w.notification = std::to_string(id);
                EXPECT_OK(w(p.a));
                nixl_transfer_state(p.a.get(), 123); // others at the same time
            }
        });
    std::set<std::string> seen;
    std::thread reader([&] {
        for (uint64_t i = 0; i < threads * each; ++i)
            seen.insert(p.b.wait_message().text());
    });
    for (std::thread& t : posters)
        t.join();
    for (uint64_t i = 0; i < threads * each; ++i)
        EXPECT_STATUS(NIXL_SUCCESS, p.a.wait_end(i).outcome.status);
    reader.join();
    EXPECT_EQ(seen.size(), threads * each);
    std::vector<std::pair<uint32_t, uint32_t>> moved;
    for (uint32_t i = 0; i < threads * each; ++i)
        moved.emplace_back(i, i);
    p.expect_remote(lists, moved, 8);
}

} // namespace nixl_test
