// Notifications over the fabric's control connection: with and without a transfer, always after its data.
#include "fabric/pair.hpp"

#include <cstring>

namespace nixl::test {
namespace {

TEST(FabricNotification, Free_standing_ones_arrive_in_order_and_may_be_empty) {
    agent_pair p(4096, 4096);
    ASSERT_TRUE(p.ok()) << p.why();
    std::vector<uint64_t> sent;
    const std::string big(NIXL_NOTIFICATION_MAX, 'x');
    for (const std::string& text : {std::string("one"), std::string(), big, std::string("four")}) {
        sent.push_back(p.a.notify(p.b_peer, bytes_of(text)));
        ASSERT_NE(sent.back(), 0u) << p.a.last_error();
    }
    for (const std::string& text : {std::string("one"), std::string(), big, std::string("four")}) {
        const auto got = p.b.next_notification();
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(std::string(got->payload.begin(), got->payload.end()), text);
        EXPECT_EQ(std::string(got->header.sender_name), "a");
        EXPECT_EQ(got->header.with_transfer, 0u);
    }
    for (const uint64_t operation : sent) {
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
    }
    EXPECT_EQ(p.a.counters(NIXL_TRANSPORT_FABRIC).notifications_sent, 4u);
    EXPECT_EQ(p.b.counters(NIXL_TRANSPORT_FABRIC).notifications_received, 4u);
}

TEST(FabricNotification, One_with_a_write_says_what_was_written) {
    const scattered layout({{5000, 0}}, 10);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(10, 7, 4);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    const std::string request = "request-7";
    post.notification = bytes_of(request);
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS);
    const auto got = p.b.next_notification();
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(std::string(got->payload.begin(), got->payload.end()), request);
    EXPECT_EQ(got->header.with_transfer, 1u);
    EXPECT_EQ(got->header.op, static_cast<uint32_t>(NIXL_OP_WRITE));
    EXPECT_EQ(got->header.request_bytes, 7u * 5000u);
    EXPECT_FALSE(p.b.next_notification(50'000'000).has_value());
}

TEST(FabricNotification, A_thousand_are_seen_only_after_their_data) {
    constexpr uint64_t blocks = 64;
    constexpr uint64_t length = 700;
    const scattered layout({{length, 0}}, blocks);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout)};
    for (uint64_t i = 0; i < 1000; ++i) {
        const auto id = static_cast<uint32_t>(i % blocks);
        fill_pattern(std::span(p.a_memory).subspan(id * length, length), 100 + i);
        fill_poison(std::span(p.b_memory).subspan(id * length, length));
        post.local_ids = {&id, 1};
        post.remote_ids = {&id, 1};
        post.notification = std::span(reinterpret_cast<const uint8_t*>(&i), sizeof i);
        const uint64_t operation = p.a.start(post);
        ASSERT_NE(operation, 0u) << p.a.last_error();
        const auto got = p.b.next_notification();
        ASSERT_TRUE(got.has_value());
        uint64_t which = 0;
        std::memcpy(&which, got->payload.data(), sizeof which);
        ASSERT_EQ(which, i);
        ASSERT_EQ(first_difference(std::span(p.b_memory).subspan(id * length, length), 100 + i), all_match) << i;
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        ASSERT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
    }
}

TEST(FabricNotification, Without_credits_a_post_waits_and_is_never_dropped) {
    agent_options few;
    few.max_notifications = 2;
    agent_pair p(4096, 4096, {}, few);
    ASSERT_TRUE(p.ok()) << p.why();
    std::vector<uint64_t> sent;
    for (uint64_t i = 0; i < 20; ++i) {
        sent.push_back(p.a.notify(p.b_peer, bytes_of(std::to_string(i))));
        ASSERT_NE(sent.back(), 0u) << p.a.last_error();
    }
    ASSERT_TRUE(p.a.wait_settled(sent[1]));
    EXPECT_FALSE(p.a.wait_settled(sent[2], 200'000'000)) << "the receiver has read nothing";
    for (uint64_t i = 0; i < 20; ++i) {
        const auto got = p.b.next_notification();
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(std::string(got->payload.begin(), got->payload.end()), std::to_string(i));
    }
    for (const uint64_t operation : sent) {
        ASSERT_TRUE(p.a.wait_quiesced(operation));
        EXPECT_EQ(p.a.result(operation).event.status, NIXL_SUCCESS);
    }
}

TEST(FabricNotification, Without_credits_the_deadline_still_holds) {
    agent_options one;
    one.max_notifications = 1;
    agent_pair p(4096, 4096, {}, one);
    ASSERT_TRUE(p.ok()) << p.why();
    const uint64_t first = p.a.notify(p.b_peer, bytes_of("first"));
    ASSERT_TRUE(p.a.wait_settled(first));
    const uint64_t second = p.a.notify(p.b_peer, bytes_of("second"), 300'000'000);
    ASSERT_NE(second, 0u);
    ASSERT_TRUE(p.a.wait_quiesced(second));
    EXPECT_EQ(p.a.result(second).event.status, NIXL_ERR_TIMEOUT);
    ASSERT_TRUE(p.b.next_notification().has_value());
    EXPECT_FALSE(p.b.next_notification(100'000'000).has_value()) << "a notification that timed out was not sent";
    const uint64_t third = p.a.notify(p.b_peer, bytes_of("third"));
    ASSERT_TRUE(p.a.wait_quiesced(third));
    EXPECT_EQ(p.a.result(third).event.status, NIXL_SUCCESS);
}

} // namespace
} // namespace nixl::test
