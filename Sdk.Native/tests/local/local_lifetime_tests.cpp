// Connecting, refusing, disconnecting and closing of local transports.
#include "local/harness.hpp"
#include "support/pattern.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <thread>

namespace nixl::test {
namespace {

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct arena_memory {
    explicit arena_memory(std::uint64_t bytes) {
        nixl_arena_params_t p{};
        p.struct_size = sizeof p;
        p.length = bytes;
        EXPECT_TRUE(arena::create(p, shared).ok());
    }
    std::shared_ptr<arena> shared;
    std::shared_ptr<local_region> register_at(endpoint& e) {
        return e.add_region(shared->address(), shared->length(), shared);
    }
};

TEST(local_connect, a_wrong_token_is_refused) {
    endpoint a("a");
    endpoint b("b");
    auto m = b.metadata();
    m->access_token[7] ^= 1;
    failure why;
    EXPECT_EQ(nullptr, a.connect(m, why));
    EXPECT_EQ(NIXL_ERR_PERMISSION, why.status) << why.text;
    EXPECT_STREQ("b", why.peer);
}

TEST(local_connect, a_wrong_incarnation_or_name_is_a_stale_peer) {
    endpoint a("a");
    endpoint b("b");
    auto m = b.metadata();
    m->incarnation ^= 1;
    failure why;
    EXPECT_EQ(nullptr, a.connect(m, why));
    EXPECT_EQ(NIXL_ERR_STALE_PEER, why.status) << why.text;
    m = b.metadata();
    m->name = "c";
    EXPECT_EQ(nullptr, a.connect(m, why));
    EXPECT_EQ(NIXL_ERR_STALE_PEER, why.status) << why.text;
}

TEST(local_connect, a_closed_peer_is_a_disconnected_one) {
    endpoint a("a");
    std::shared_ptr<peer_metadata> m;
    {
        endpoint b("b");
        m = b.metadata();
    }
    failure why;
    EXPECT_EQ(nullptr, a.connect(m, why));
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, why.status) << why.text;
}

TEST(local_connect, other_machines_users_and_versions_are_told_apart_by_metadata) {
    endpoint a("a");
    endpoint b("b");
    std::string why;
    auto m = b.metadata();
    EXPECT_TRUE(a.get().reachable(*m, why)) << why;
    m->process.boot_id = "elsewhere";
    EXPECT_FALSE(a.get().reachable(*m, why));
    EXPECT_EQ("the peer is on another machine", why);
    m = b.metadata();
    m->process.user_id ^= 1;
    EXPECT_FALSE(a.get().reachable(*m, why));
    EXPECT_EQ("the peer runs as another user", why);
    m = b.metadata();
    m->addresses[transport_index(NIXL_TRANSPORT_LOCAL)][0] = 9;
    EXPECT_FALSE(a.get().reachable(*m, why));
    m->addresses[transport_index(NIXL_TRANSPORT_LOCAL)].clear();
    EXPECT_FALSE(a.get().reachable(*m, why));
}

TEST(local_connect, unreadable_region_keys_fail_the_request_and_not_the_process) {
    endpoint a("a");
    endpoint b("b");
    arena_memory near(4096);
    arena_memory far(4096);
    const auto own = near.register_at(a);
    far.register_at(b);
    auto m = b.metadata();
    auto& key = m->regions[0]->keys[transport_index(NIXL_TRANSPORT_LOCAL)];
    key[9] = static_cast<char>(key[9] ^ 1); // names an arena that does not exist
    failure why;
    const auto p = a.connect(m, why);
    ASSERT_NE(nullptr, p) << why.text;
    const auto at = reinterpret_cast<std::uint64_t>(far.shared->address());
    auto o = a.transfer(p, NIXL_OP_WRITE, endpoint::local_list(own, {own->base, 4096, 4096, 1}),
                        endpoint::remote_list(p, 0, {at, 4096, 4096, 1}), {0}, {0});
    EXPECT_EQ(NIXL_ERR_NOT_FOUND, a.run(*o));
}

TEST(local_connect, both_directions_and_several_peers_at_once) {
    endpoint a("a");
    endpoint b("b");
    endpoint c("c");
    failure why;
    const auto ab = a.connect(b.metadata(), why);
    const auto ac = a.connect(c.metadata(), why);
    const auto ba = b.connect(a.metadata(), why);
    ASSERT_TRUE(ab && ac && ba) << why.text;
    auto first = a.notification(ab, "to b");
    auto second_one = a.notification(ac, "to c");
    auto third = b.notification(ba, "to a");
    EXPECT_EQ(NIXL_SUCCESS, a.run(*first));
    EXPECT_EQ(NIXL_SUCCESS, a.run(*second_one));
    EXPECT_EQ(NIXL_SUCCESS, b.run(*third));
    EXPECT_EQ("b", a.next_arrival()->sender->name());
    EXPECT_EQ("a", b.next_arrival()->sender->name());
    EXPECT_EQ("a", c.next_arrival()->sender->name());
}

TEST(local_disconnect, settles_what_is_in_flight_and_what_comes_after) {
    endpoint a("a");
    endpoint b("b", 1);
    failure why;
    const auto p = a.connect(b.metadata(), why);
    ASSERT_NE(nullptr, p) << why.text;
    auto first = a.notification(p, "1");
    ASSERT_EQ(NIXL_SUCCESS, a.run(*first));
    auto waits = a.notification(p, "2"); // no credit left
    a.submit(*waits);
    p->state = NIXL_PEER_INVALIDATED;
    a.get().disconnect(*p, fail(NIXL_ERR_STALE_PEER, "invalidated"));
    EXPECT_EQ(NIXL_ERR_STALE_PEER, a.wait(*waits));
    auto after = a.notification(p, "3");
    EXPECT_EQ(NIXL_ERR_STALE_PEER, a.run(*after));
}

TEST(local_disconnect, a_peer_that_is_kept_holds_nothing_of_its_connection) {
    endpoint a("a");
    endpoint b("b");
    std::vector<std::shared_ptr<peer>> kept; // as the agent keeps them, to answer for them
    std::size_t before = 0;
    for (int i = 0; i < 40; ++i) {
        if (i == 5)
            before = open_descriptors();
        failure why;
        kept.push_back(a.connect(b.metadata(), why));
        ASSERT_NE(nullptr, kept.back()) << why.text;
        a.get().disconnect(*kept.back(), fail(NIXL_ERR_STALE_PEER, "test"));
        auto after = a.notification(kept.back(), "after");
        EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, a.run(*after));
        EXPECT_FALSE(a.get().complete_now(after->r));
    }
    for (int i = 0; i < 200 && open_descriptors() > before + 4; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_LE(open_descriptors(), before + 4);
}

TEST(local_disconnect, a_peer_that_closes_is_reported_and_its_requests_end) {
    endpoint a("a");
    auto b = std::make_unique<endpoint>("b", 1);
    failure why;
    const auto p = a.connect(b->metadata(), why);
    ASSERT_NE(nullptr, p) << why.text;
    auto first = a.notification(p, "1");
    ASSERT_EQ(NIXL_SUCCESS, a.run(*first));
    auto waits = a.notification(p, "2");
    a.submit(*waits);
    b.reset();
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, a.wait(*waits));
    EXPECT_TRUE(a.wait_for_state(*p, NIXL_PEER_DISCONNECTED));
    auto after = a.notification(p, "3");
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, a.run(*after));
}

TEST(local_close, settles_everything_and_takes_nothing_more) {
    endpoint b("b", 1);
    auto a = std::make_unique<endpoint>("a");
    failure why;
    const auto p = a->connect(b.metadata(), why);
    ASSERT_NE(nullptr, p) << why.text;
    std::vector<std::unique_ptr<operation>> all;
    for (int i = 0; i < 20; ++i) {
        all.push_back(a->notification(p, "x"));
        a->submit(*all.back());
    }
    EXPECT_TRUE(a->get().close(deadline::after(patience)).ok());
    EXPECT_TRUE(a->get().close(deadline::after(patience)).ok());
    for (auto& o : all) {
        const auto status = a->wait(*o);
        EXPECT_TRUE(status == NIXL_ERR_CLOSED || status == NIXL_SUCCESS) << status;
    }
    auto late = a->notification(p, "late");
    EXPECT_EQ(NIXL_ERR_CLOSED, a->run(*late));
}

TEST(local_close, unread_notifications_may_outlive_their_transport) {
    endpoint a("a");
    std::optional<arrival> kept;
    {
        endpoint b("b");
        failure why;
        const auto p = a.connect(b.metadata(), why);
        ASSERT_NE(nullptr, p) << why.text;
        auto n = a.notification(p, "kept");
        ASSERT_EQ(NIXL_SUCCESS, a.run(*n));
        kept = b.next_arrival();
    }
    kept->sender->return_credit(); // goes nowhere
}

TEST(local_close, a_hundred_connections_leave_nothing_behind) {
    endpoint a("a");
    endpoint b("b");
    arena_memory far(1u << 20);
    far.register_at(b);
    std::size_t before = 0;
    for (int i = 0; i < 100; ++i) {
        failure why;
        const auto p = a.connect(b.metadata(), why);
        ASSERT_NE(nullptr, p) << why.text;
        auto n = a.notification(p, "x");
        ASSERT_EQ(NIXL_SUCCESS, a.run(*n));
        ASSERT_TRUE(b.next_arrival().has_value());
        a.get().disconnect(*p, fail(NIXL_ERR_STALE_PEER, "enough"));
        if (i == 9)
            before = open_descriptors();
    }
    for (int i = 0; i < 200 && open_descriptors() > before + 4; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_LE(open_descriptors(), before + 4);
}

TEST(local_regions, there_is_a_limit_and_slots_are_used_again) {
    endpoint a("a");
    std::vector<std::byte> memory(8193);
    std::vector<std::shared_ptr<local_region>> all;
    for (std::size_t i = 0; i < 8192; ++i)
        all.push_back(a.add_region(&memory[i], 1));
    local_region one_more;
    one_more.base = reinterpret_cast<std::uint64_t>(&memory[8192]);
    one_more.length = 1;
    EXPECT_EQ(NIXL_ERR_BUSY, a.get().register_region(one_more).status);
    EXPECT_TRUE(a.remove_region(all[17]).ok());
    EXPECT_TRUE(a.get().register_region(one_more).ok());
    local_region gpu;
    gpu.kind = NIXL_MEMORY_VRAM;
    EXPECT_EQ(NIXL_ERR_NOT_SUPPORTED, a.get().register_region(gpu).status);
}

} // namespace
} // namespace nixl::test
