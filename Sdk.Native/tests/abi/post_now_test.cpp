// Posts and notifications that the call itself completes.
#include "abi/pair.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace nixl_test {
namespace {

class post_now : public testing::Test {
  protected:
    static constexpr uint64_t piece = 4096;
    static constexpr uint64_t count = 32;

    void SetUp() override {
        a = std::make_unique<node>("a", NIXL_TRANSPORT_LOCAL);
        b = std::make_unique<node>("b", NIXL_TRANSPORT_LOCAL);
        ASSERT_TRUE(a->usable() && b->usable());
        nixl_arena_params_t p{};
        p.struct_size = sizeof p;
        p.length = piece * count;
        ASSERT_OK(nixl_arena_create(a->get(), &p, &own));
        ASSERT_OK(nixl_arena_create(b->get(), &p, &other));
        memory = {reinterpret_cast<uint8_t*>(other.address), piece * count};
        fill({reinterpret_cast<uint8_t*>(own.address), piece * count}, 5);
        poison(memory);
        own_region = a->add(reinterpret_cast<void*>(own.address), own.length);
        region_there = b->add(reinterpret_cast<void*>(other.address), other.length);
        peer = a->connect(*b);
        local = a->list(0, {region(reinterpret_cast<void*>(own.address), piece, count, piece)});
        remote = a->list(peer, {region(reinterpret_cast<void*>(other.address), piece, count, piece)});
    }
    nixl_post_params_t params(const std::vector<uint32_t>& ids) {
        nixl_post_params_t p{};
        p.struct_size = sizeof p;
        p.op = NIXL_OP_WRITE;
        p.local_list = local;
        p.remote_list = remote;
        p.local_ids = p.remote_ids = ids.data();
        p.id_count = ids.size();
        p.timeout_ns = patience;
        p.user_data = 77;
        p.done = &done;
        return p;
    }

    std::unique_ptr<node> a;
    std::unique_ptr<node> b;
    nixl_arena_info_t own{};
    nixl_arena_info_t other{};
    std::span<uint8_t> memory;
    uint64_t own_region = 0;
    uint64_t region_there = 0;
    uint64_t peer = 0;
    uint64_t local = 0;
    uint64_t remote = 0;
    nixl_event_t done{};
    uint64_t id = 1;
};

TEST_F(post_now, small_ones_have_ended_when_the_call_returns_and_no_event_follows) {
    const std::vector<uint32_t> ids{3, 9, 4};
    auto p = params(ids);
    p.flags = NIXL_POST_NOTIFY | NIXL_POST_NOW;
    p.notification = reinterpret_cast<const uint8_t*>("now");
    p.notification_length = 3;
    p.request.lease_token = 8;
    ASSERT_EQ(NIXL_SUCCESS, nixl_transfer_post(a->get(), &p, &id)) << last_error_text();
    EXPECT_EQ(0u, id);
    EXPECT_EQ(77u, done.user_data);
    EXPECT_EQ(uint32_t{NIXL_EVENT_OUTCOME | NIXL_EVENT_QUIESCED}, done.flags);
    EXPECT_EQ(3 * piece, done.bytes);
    EXPECT_LE(done.posted_ns, done.settled_ns);
    for (uint64_t i = 0; i < memory.size(); ++i) {
        const uint64_t block = i / piece;
        ASSERT_EQ(block == 3 || block == 9 || block == 4 ? pattern(5, i) : uint8_t{0xA5}, memory[i]) << i;
    }
    const message m = b->wait_message();
    EXPECT_EQ("now", m.text());
    EXPECT_EQ(3 * piece, m.header.request_bytes);
    EXPECT_EQ(8u, m.header.request.lease_token);
    EXPECT_EQ(1u, m.header.with_transfer);
    a->pump(second / 20);
    EXPECT_TRUE(a->events.empty());
    EXPECT_EQ(1u, a->counters(NIXL_TRANSPORT_LOCAL).transfers);
}

TEST_F(post_now, large_ones_are_refused_or_go_the_ordinary_way) {
    std::vector<uint32_t> ids(20);
    for (uint32_t i = 0; i < ids.size(); ++i)
        ids[i] = i;
    auto p = params(ids);
    p.flags = NIXL_POST_NOW;
    EXPECT_STATUS(NIXL_ERR_NOT_POSTED, nixl_transfer_post(a->get(), &p, &id));
    p.flags = 0;
    ASSERT_EQ(NIXL_IN_PROGRESS, nixl_transfer_post(a->get(), &p, &id)) << last_error_text();
    EXPECT_EQ(NIXL_SUCCESS, a->wait_end(77).outcome.status);
    p.flags = NIXL_POST_NOW;
    p.done = nullptr;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(a->get(), &p, &id));
}

TEST_F(post_now, memory_that_is_taken_back_is_refused_without_a_byte) {
    ASSERT_OK(nixl_memory_deregister(b->get(), region_there, patience));
    poison(memory);
    const std::vector<uint32_t> ids{1};
    auto p = params(ids);
    p.flags = NIXL_POST_NOW;
    const int32_t now = nixl_transfer_post(a->get(), &p, &id);
    EXPECT_TRUE(now == NIXL_ERR_NOT_POSTED || now == NIXL_ERR_NOT_FOUND) << nixl_status_name(now);
    p.flags = 0;
    // Refused by the post itself once an earlier one has found it gone.
    const int32_t queued = nixl_transfer_post(a->get(), &p, &id);
    EXPECT_TRUE(queued == NIXL_IN_PROGRESS || queued == NIXL_ERR_NOT_FOUND) << nixl_status_name(queued);
    if (queued == NIXL_IN_PROGRESS) {
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, a->wait_end(77).outcome.status);
    }
    for (const uint8_t byte : memory)
        ASSERT_EQ(0xA5, byte);
}

TEST_F(post_now, notifications_too_until_the_reader_has_too_many_unread) {
    nixl_notification_params_t p{};
    p.struct_size = sizeof p;
    p.peer = peer;
    p.payload = reinterpret_cast<const uint8_t*>("x");
    p.payload_length = 1;
    p.flags = NIXL_POST_NOW;
    unsigned sent = 0;
    int32_t status = NIXL_SUCCESS;
    while (sent < 1000 && (status = nixl_notification_send(a->get(), &p, &id)) == NIXL_SUCCESS)
        ++sent;
    EXPECT_EQ(NIXL_ERR_NOT_POSTED, status);
    EXPECT_EQ(256u, sent); // the default of max_notifications
    for (unsigned i = 0; i < sent; ++i)
        ASSERT_EQ("x", b->wait_message().text());
    EXPECT_FALSE(b->has_message());
    EXPECT_EQ(NIXL_SUCCESS, nixl_notification_send(a->get(), &p, &id));
    p.flags = 4;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_notification_send(a->get(), &p, &id));
}

// A reader that polls, then watches, then polls again: nothing is missed at the seams.
TEST_F(post_now, polling_and_sleeping_readers_miss_nothing) {
    constexpr uint32_t messages = 2000;
    std::atomic<bool> good{true};
    std::thread reader([&] {
        nixl_notification_t header{};
        uint8_t payload[64];
        for (uint32_t i = 0; i < messages && good;) {
            const int32_t status = nixl_notification_read(b->get(), &header, payload, sizeof payload);
            if (status == NIXL_SUCCESS) {
                uint32_t number = 0;
                std::memcpy(&number, payload, sizeof number);
                good = good && number == i;
                ++i;
                continue;
            }
            uint32_t waiting = 0;
            if (i % 3 == 0) { // sleep: by watch and wait_new, or by wait
                if (i % 2 == 0) {
                    (void)nixl_notification_watch(b->get(), &waiting);
                    uint32_t what = 0;
                    if (waiting == 0 && nixl_agent_wait_new(b->get(), patience, &what) != NIXL_SUCCESS)
                        good = false;
                } else if (nixl_agent_wait(b->get(), patience) != NIXL_SUCCESS) {
                    good = false;
                }
            }
        }
    });
    nixl_notification_params_t p{};
    p.struct_size = sizeof p;
    p.peer = peer;
    for (uint32_t i = 0; i < messages && good; ++i) {
        p.payload = reinterpret_cast<const uint8_t*>(&i);
        p.payload_length = sizeof i;
        p.user_data = i;
        p.flags = NIXL_POST_NOW;
        while (good && nixl_notification_send(a->get(), &p, &id) == NIXL_ERR_NOT_POSTED)
            std::this_thread::yield();
        if (i % 64 == 0)
            std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    reader.join();
    EXPECT_TRUE(good);
}

} // namespace
} // namespace nixl_test
