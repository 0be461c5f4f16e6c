// Moving bytes and notifications between two local transports. One process here: the code paths are the same as between
// two (two_process_tests has those), and every corner can be reached.
#include "local/harness.hpp"
#include "local/memory.hpp"
#include "support/pattern.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

namespace nixl::test {
namespace {

struct shape {
    bool arena;
    nixl_op_t op;
    std::uint64_t block;
    std::uint64_t stride; // of both sides
    std::uint32_t blocks;
    std::uint32_t moved;
};

std::string name_of(const shape& s) {
    return std::string(s.arena ? "arena" : "foreign") + (s.op == NIXL_OP_WRITE ? "_write_" : "_read_") +
           std::to_string(s.block) + "_of_" + std::to_string(s.stride) + "_x" + std::to_string(s.moved);
}

class moving : public ::testing::TestWithParam<shape> {};

TEST_P(moving, random_blocks_arrive_where_they_belong_and_nowhere_else) {
    const shape s = GetParam();
    endpoint a("a");
    endpoint b("b");
    const std::uint64_t bytes = s.stride * s.blocks;
    buffer near(bytes, false);
    buffer far(bytes, s.arena);
    const auto own = near.register_at(a);
    const auto others = far.register_at(b);
    buffer& source = s.op == NIXL_OP_WRITE ? near : far;
    buffer& sink = s.op == NIXL_OP_WRITE ? far : near;
    fill_pattern(source.all, 7);
    fill_poison(sink.all);

    failure why;
    const auto peer = a.connect(b.metadata(), why);
    ASSERT_NE(nullptr, peer) << why.text;
    EXPECT_TRUE(peer->provider.starts_with(s.arena ? "memfd" : "process_vm")) << peer->provider;
    const auto near_ids = shuffled(s.moved, s.blocks, 1);
    const auto far_ids = shuffled(s.moved, s.blocks, 2);
    auto o = a.transfer(peer, s.op, endpoint::local_list(own, {near.address(), s.stride, s.block, s.blocks}),
                        endpoint::remote_list(peer, 0, {far.address(), s.stride, s.block, s.blocks}), near_ids, far_ids,
                        "moved");
    ASSERT_EQ(NIXL_SUCCESS, a.run(*o)) << o->outcome->text;
    const auto got = b.next_arrival();
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ("moved", std::string(got->payload.begin(), got->payload.end()));
    EXPECT_TRUE(got->with_transfer);
    EXPECT_EQ(s.op, got->op);
    EXPECT_EQ(s.op == NIXL_OP_WRITE ? s.block * s.moved : 0, got->request_bytes);

    const auto& from_ids = s.op == NIXL_OP_WRITE ? near_ids : far_ids;
    const auto& to_ids = s.op == NIXL_OP_WRITE ? far_ids : near_ids;
    std::vector<std::byte> expected(bytes, poison);
    for (std::size_t i = 0; i < from_ids.size(); ++i)
        std::copy_n(source.all.begin() + static_cast<std::ptrdiff_t>(from_ids[i] * s.stride), s.block,
                    expected.begin() + static_cast<std::ptrdiff_t>(to_ids[i] * s.stride));
    const auto different = std::mismatch(expected.begin(), expected.end(), sink.all.begin());
    EXPECT_EQ(expected.end(), different.first) << "first wrong byte: " << different.first - expected.begin();
    EXPECT_EQ(all_match, first_difference(source.all, 7));

    EXPECT_EQ(s.block * s.moved, o->r.bytes_done);
    nixl_transport_counters_t counted{};
    a.get().counters(counted);
    EXPECT_EQ(s.block * s.moved, s.op == NIXL_OP_WRITE ? counted.written_bytes : counted.read_bytes);
    EXPECT_EQ(1u, counted.transfers);
    EXPECT_EQ(o->r.operations, counted.operations);
    EXPECT_LE(o->r.started_ns, o->r.data_done_ns);
    EXPECT_LE(o->r.data_done_ns, o->r.settled_ns);
}

std::vector<shape> shapes() {
    std::vector<shape> all;
    for (const bool in_arena : {true, false})
        for (const nixl_op_t op : {NIXL_OP_WRITE, NIXL_OP_READ}) {
            all.push_back({in_arena, op, 1, 3, 100, 50});
            all.push_back({in_arena, op, 777, 1000, 64, 31});
            all.push_back({in_arena, op, 4096, 4096, 3000, 2500});     // several batches and chunks
            all.push_back({in_arena, op, 3'000'001, 3'000'064, 3, 3}); // pieces longer than a chunk
        }
    return all;
}

INSTANTIATE_TEST_SUITE_P(local, moving, ::testing::ValuesIn(shapes()),
                         [](const auto& test) { return name_of(test.param); });

// Two endpoints with one 64 KiB block list each.
class local_pair : public ::testing::Test {
  protected:
    static constexpr std::uint64_t block = 64 * 1024;
    static constexpr std::uint32_t blocks = 256;

    explicit local_pair(bool in_arena = true) : near(block * blocks, false), far(block * blocks, in_arena) {}

    void SetUp() override {
        own = near.register_at(a);
        others = far.register_at(b);
        fill_pattern(near.all, 3);
        fill_poison(far.all);
        failure why;
        peer_b = a.connect(b.metadata(), why);
        ASSERT_NE(nullptr, peer_b) << why.text;
    }
    std::unique_ptr<operation> write(std::uint32_t count = blocks, std::optional<std::string> text = {},
                                     std::uint64_t timeout = patience) {
        const auto ids = shuffled(count, blocks, 4);
        return a.transfer(peer_b, NIXL_OP_WRITE, endpoint::local_list(own, {near.address(), block, block, blocks}),
                          endpoint::remote_list(peer_b, 0, {far.address(), block, block, blocks}), ids, ids,
                          std::move(text), timeout);
    }

    buffer near;
    buffer far;
    endpoint a{"a"};
    endpoint b{"b", 2};
    std::shared_ptr<local_region> own;
    std::shared_ptr<local_region> others;
    std::shared_ptr<peer> peer_b;
};

TEST_F(local_pair, free_standing_and_empty_notifications_arrive) {
    for (const char* text : {"hello", ""}) {
        auto n = a.notification(peer_b, text);
        n->r.header.lease_token = 99;
        n->r.header.attempt = 2;
        ASSERT_EQ(NIXL_SUCCESS, a.run(*n));
        const auto got = b.next_arrival();
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(text, std::string(got->payload.begin(), got->payload.end()));
        EXPECT_FALSE(got->with_transfer);
        EXPECT_EQ(99u, got->request.lease_token);
        EXPECT_EQ(2u, got->request.attempt);
        EXPECT_EQ("a", got->sender->name());
        EXPECT_EQ(a.settings.incarnation, got->sender->incarnation());
    }
}

TEST_F(local_pair, a_notification_is_seen_only_with_all_its_bytes) {
    for (unsigned round = 0; round < 20; ++round) {
        fill_poison(far.all);
        auto o = write(blocks, "all there");
        a.submit(*o);
        ASSERT_TRUE(b.next_arrival().has_value());
        ASSERT_EQ(all_match, first_difference(far.all, 3)) << "round " << round;
        ASSERT_EQ(NIXL_SUCCESS, a.wait(*o));
    }
}

TEST_F(local_pair, used_up_credits_hold_notifications_back_and_drop_none) {
    std::vector<std::unique_ptr<operation>> sent;
    for (int i = 0; i < 10; ++i) {
        sent.push_back(a.notification(peer_b, std::to_string(i)));
        a.submit(*sent.back());
    }
    EXPECT_EQ(NIXL_SUCCESS, a.wait(*sent[0]));
    EXPECT_EQ(NIXL_SUCCESS, a.wait(*sent[1]));
    EXPECT_EQ(NIXL_IN_PROGRESS, a.wait(*sent[2], second / 5)); // b allows 2 unread
    auto late = a.notification(peer_b, "late", second / 10);
    EXPECT_EQ(NIXL_ERR_TIMEOUT, a.run(*late));
    EXPECT_NE(nullptr, strstr(late->outcome->text, "credits")) << late->outcome->text;
    for (int i = 0; i < 10; ++i) {
        const auto got = b.next_arrival();
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(std::to_string(i), std::string(got->payload.begin(), got->payload.end()));
    }
    for (auto& o : sent)
        EXPECT_EQ(NIXL_SUCCESS, a.wait(*o));
    EXPECT_FALSE(b.next_arrival(second / 10).has_value());
}

TEST_F(local_pair, many_requests_at_once_take_turns_and_all_arrive) {
    std::vector<std::unique_ptr<operation>> all;
    for (std::uint32_t i = 0; i < 64; ++i) {
        std::vector<std::uint32_t> ids{i, i + 64, i + 128, i + 192};
        all.push_back(a.transfer(peer_b, NIXL_OP_WRITE,
                                 endpoint::local_list(own, {near.address(), block, block, blocks}),
                                 endpoint::remote_list(peer_b, 0, {far.address(), block, block, blocks}), ids, ids));
        a.submit(*all.back());
    }
    for (auto& o : all)
        ASSERT_EQ(NIXL_SUCCESS, a.wait(*o));
    EXPECT_EQ(all_match, first_difference(far.all, 3));
}

TEST_F(local_pair, cancelled_or_late_requests_settle_once_and_notify_nobody) {
    std::vector<std::unique_ptr<operation>> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(write(blocks, "never", i % 2 == 0 ? patience : second / 100));
    for (auto& o : all)
        a.submit(*o);
    for (auto& o : all) {
        o->r.cancel_requested = true;
        a.get().cancel(o->r);
    }
    int succeeded = 0;
    for (auto& o : all) {
        const auto status = a.wait(*o);
        EXPECT_TRUE(status == NIXL_ERR_CANCELED || status == NIXL_ERR_TIMEOUT || status == NIXL_SUCCESS) << status;
        succeeded += status == NIXL_SUCCESS ? 1 : 0;
    }
    EXPECT_LT(succeeded, 40);
    for (int i = 0; i < succeeded; ++i)
        EXPECT_TRUE(b.next_arrival().has_value());
}

TEST_F(local_pair, an_expired_deadline_moves_nothing) {
    auto o = write(blocks, {}, 0);
    EXPECT_EQ(NIXL_ERR_TIMEOUT, a.run(*o));
    EXPECT_EQ(all_match, first_not_poison(far.all));
}

TEST_F(local_pair, memory_registered_later_is_reached_after_regions_changed) {
    buffer more(block * 4, true);
    const auto added = more.register_at(b);
    fill_poison(more.all);
    peer_b->replace_metadata(b.metadata());
    a.get().regions_changed(*peer_b);
    auto o =
        a.transfer(peer_b, NIXL_OP_WRITE, endpoint::local_list(own, {near.address(), block, block, blocks}),
                   endpoint::remote_list(peer_b, 1, {more.address(), block, block, 4}), {0, 1, 2, 3}, {0, 1, 2, 3});
    ASSERT_EQ(NIXL_SUCCESS, a.run(*o)) << o->outcome->text;
    EXPECT_EQ(all_match, first_difference(more.all, 3));
}

TEST_F(local_pair, deregistered_memory_is_refused_with_the_piece_that_it_hit) {
    ASSERT_TRUE(b.remove_region(others).ok());
    auto o = write(4, "no");
    EXPECT_EQ(NIXL_ERR_NOT_FOUND, a.run(*o));
    EXPECT_TRUE(o->outcome->entry_valid);
    EXPECT_EQ(0u, o->outcome->entry);
    EXPECT_EQ(far.address(o->remote_ids[0] * block), o->outcome->address);
    EXPECT_STREQ("b", o->outcome->peer);
    EXPECT_EQ(all_match, first_not_poison(far.all));
    EXPECT_FALSE(b.next_arrival(second / 20).has_value());
}

TEST_F(local_pair, after_deregister_returns_not_one_byte_changes) {
    for (unsigned round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<operation>> all;
        for (int i = 0; i < 8; ++i) {
            all.push_back(write());
            a.submit(*all.back());
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
        ASSERT_TRUE(b.remove_region(others).ok());
        fill_poison(far.all); // the memory is ours again
        for (auto& o : all) {
            const auto status = a.wait(*o);
            EXPECT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_NOT_FOUND) << status;
        }
        ASSERT_EQ(all_match, first_not_poison(far.all)) << "round " << round;
        others = far.register_at(b); // the same slot, the next generation
        peer_b->replace_metadata(b.metadata());
        a.get().regions_changed(*peer_b);
    }
}

class foreign_pair : public local_pair {
  protected:
    foreign_pair() : local_pair(false) {}
};

TEST_F(foreign_pair, after_deregister_returns_not_one_byte_changes) {
    for (unsigned round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<operation>> all;
        for (int i = 0; i < 8; ++i) {
            all.push_back(write());
            a.submit(*all.back());
        }
        std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
        ASSERT_TRUE(b.remove_region(others).ok());
        fill_poison(far.all);
        for (auto& o : all)
            (void)a.wait(*o);
        ASSERT_EQ(all_match, first_not_poison(far.all)) << "round " << round;
        others = far.register_at(b);
        peer_b->replace_metadata(b.metadata());
        a.get().regions_changed(*peer_b);
    }
}

TEST(local_foreign, memory_that_is_gone_is_an_error_that_names_the_piece) {
    endpoint a("a");
    endpoint b("b");
    constexpr std::uint64_t page = 4096;
    std::vector<std::byte> source(page * 8);
    fill_pattern(source, 1);
    auto* at =
        static_cast<std::byte*>(::mmap(nullptr, page * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(MAP_FAILED, static_cast<void*>(at));
    const auto own = a.add_region(source.data(), source.size());
    const auto others = b.add_region(at, page * 8);
    failure why;
    const auto peer_b = a.connect(b.metadata(), why);
    ASSERT_NE(nullptr, peer_b) << why.text;
    ::munmap(at + page * 5, page); // the application's mistake
    const std::vector<std::uint32_t> ids{0, 2, 5, 7};
    auto o = a.transfer(peer_b, NIXL_OP_WRITE,
                        endpoint::local_list(own, {reinterpret_cast<std::uint64_t>(source.data()), page, page, 8}),
                        endpoint::remote_list(peer_b, 0, {reinterpret_cast<std::uint64_t>(at), page, page, 8}), ids,
                        ids, "must not arrive");
    EXPECT_EQ(NIXL_ERR_BACKEND, a.run(*o));
    EXPECT_TRUE(o->outcome->entry_valid);
    EXPECT_EQ(2u, o->outcome->entry);
    EXPECT_EQ(reinterpret_cast<std::uint64_t>(at) + 5 * page, o->outcome->address);
    EXPECT_EQ(page, o->outcome->length);
    EXPECT_FALSE(b.next_arrival(second / 20).has_value());
    ::munmap(at, page * 8);
}

} // namespace
} // namespace nixl::test
