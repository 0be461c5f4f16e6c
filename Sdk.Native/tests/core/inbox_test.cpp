#include "core/inbox.hpp"

#include <gtest/gtest.h>

#include <poll.h>

#include <thread>
#include <vector>

namespace nixl {
namespace {

constexpr uint64_t patience = 20'000'000'000;

struct counting_reader : inbox::reader {
    void operation_event_taken(event_node&, const nixl_event_t& e) noexcept override { flags.push_back(e.flags); }
    std::vector<uint32_t> flags;
};

struct quiet_sender final : notification_sender {
    explicit quiet_sender(uint32_t limit) : notification_sender("sender", 7, limit) {}
    void credit_returned() noexcept override { ++returned; }
    int returned = 0;
};

void report(inbox& box, event_node& node, uint32_t flag) {
    box.publish(node, [&](event_node& n) { n.event.flags |= flag; });
}

bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 0) == 1;
}

TEST(inbox, both_ends_unread_are_one_event_and_read_apart_are_two) {
    counting_reader reader;
    inbox box(reader);
    event_node node(node_type::operation);
    nixl_event_t out[4];
    report(box, node, NIXL_EVENT_OUTCOME);
    report(box, node, NIXL_EVENT_QUIESCED);
    EXPECT_EQ(box.read(out, 4), 1u);
    EXPECT_EQ(out[0].flags, uint32_t{NIXL_EVENT_OUTCOME | NIXL_EVENT_QUIESCED});
    report(box, node, NIXL_EVENT_OUTCOME);
    EXPECT_EQ(box.read(out, 4), 1u);
    report(box, node, NIXL_EVENT_QUIESCED);
    EXPECT_EQ(box.read(out, 4), 1u);
    EXPECT_EQ(reader.flags, (std::vector<uint32_t>{3, 1, 2}));
    EXPECT_EQ(box.read(out, 4), 0u);
}

TEST(inbox, never_overflows_and_keeps_the_order) {
    counting_reader reader;
    inbox box(reader);
    std::vector<std::unique_ptr<event_node>> nodes;
    for (uint64_t i = 0; i < 10'000; ++i) {
        nodes.push_back(std::make_unique<event_node>(node_type::operation));
        box.publish(*nodes.back(), [&](event_node& n) {
            n.event.user_data = i;
            n.event.flags = NIXL_EVENT_OUTCOME;
        });
    }
    nixl_event_t out[7];
    uint64_t expected = 0;
    while (const uint64_t n = box.read(out, 7))
        for (uint64_t i = 0; i < n; ++i)
            EXPECT_EQ(out[i].user_data, expected++);
    EXPECT_EQ(expected, 10'000u);
}

TEST(inbox, the_event_fd_is_readable_exactly_while_something_waits) {
    counting_reader reader;
    inbox box(reader);
    event_node node(node_type::operation);
    report(box, node, NIXL_EVENT_OUTCOME); // before the fd exists
    int fd = -1;
    ASSERT_TRUE(box.event_fd(fd).ok());
    EXPECT_TRUE(readable(fd));
    nixl_event_t out[1];
    box.read(out, 1);
    EXPECT_FALSE(readable(fd));
    const auto sender = std::make_shared<quiet_sender>(2);
    arrival a;
    a.sender = sender;
    a.payload = {1, 2, 3};
    ASSERT_TRUE(box.publish(std::move(a)));
    report(box, node, NIXL_EVENT_QUIESCED);
    EXPECT_TRUE(readable(fd));
    box.read(out, 1);
    EXPECT_TRUE(readable(fd));
    nixl_notification_t header;
    uint8_t payload[3];
    EXPECT_EQ(box.read(header, payload, 2).status, NIXL_ERR_BUFFER_TOO_SMALL);
    EXPECT_EQ(header.payload_length, 3u);
    EXPECT_TRUE(readable(fd));
    EXPECT_TRUE(box.read(header, payload, 3).ok());
    EXPECT_FALSE(readable(fd));
    EXPECT_EQ(sender->returned, 1);
    EXPECT_EQ(payload[2], 3);
    EXPECT_EQ(header.sender_incarnation, 7u);
    EXPECT_EQ(box.read(header, payload, 3).status, NIXL_ERR_NOT_FOUND);
}

TEST(inbox, everybody_who_waits_for_it_is_told) {
    counting_reader reader;
    for (int round = 0; round < 20; ++round) {
        inbox box(reader);
        event_node node(node_type::operation);
        std::vector<std::thread> waiters;
        for (int i = 0; i < 3; ++i)
            waiters.emplace_back([&] { EXPECT_TRUE(box.wait(deadline::after(patience)).ok()); });
        waiters.emplace_back([&] {
            uint32_t what = 0;
            EXPECT_TRUE(box.wait_new(deadline::after(patience), what).ok());
            EXPECT_EQ(what, uint32_t{NIXL_WAIT_EVENTS});
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        report(box, node, NIXL_EVENT_OUTCOME);
        const uint64_t told = now_ns();
        for (auto& w : waiters)
            w.join();
        ASSERT_LT(now_ns() - told, patience / 2); // by the event and not by the end of their time
    }
}

TEST(inbox, wait_ends_by_event_by_wake_and_by_time) {
    counting_reader reader;
    inbox box(reader);
    EXPECT_EQ(box.wait(deadline::after(1'000'000)).status, NIXL_ERR_TIMEOUT);
    box.wake(); // before anybody waits: not lost
    EXPECT_TRUE(box.wait(deadline::after(patience)).ok());
    EXPECT_EQ(box.wait(deadline::after(0)).status, NIXL_ERR_TIMEOUT);

    event_node node(node_type::operation);
    std::thread other([&] { report(box, node, NIXL_EVENT_OUTCOME); });
    EXPECT_TRUE(box.wait(deadline::after(patience)).ok());
    other.join();
    EXPECT_TRUE(box.wait(deadline::after(patience)).ok()); // still unread
    nixl_event_t out[1];
    box.read(out, 1);

    std::thread a([&] { EXPECT_TRUE(box.wait(deadline::after(patience)).ok()); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    box.wake();
    a.join();
}

TEST(inbox, credits_are_taken_and_returned) {
    quiet_sender sender(2);
    EXPECT_TRUE(sender.take_credit());
    EXPECT_TRUE(sender.has_credit());
    EXPECT_TRUE(sender.take_credit());
    EXPECT_FALSE(sender.has_credit());
    EXPECT_FALSE(sender.take_credit());
    sender.return_credit();
    EXPECT_TRUE(sender.take_credit());
}

} // namespace
} // namespace nixl
