// What goes wrong inside one process: each a clear error within its deadline, never a hang, never a wrong byte.
#include "fabric/pair.hpp"
#include "support/test_network.hpp"

#include <fcntl.h>

namespace nixl::test {
namespace {

TEST(FabricFault, A_missing_library_is_a_reason_not_a_crash) {
    agent_options options;
    options.fabric_library = "libfabric-that-is-not-there.so.9";
    test_agent a("a", options);
    test_agent b("b");
    ASSERT_TRUE(b.ok());
    if (!a.ok()) {
        EXPECT_NE(a.last_error().find("libfabric-that-is-not-there"), std::string::npos) << a.last_error();
        return;
    }
    EXPECT_EQ(a.connect(b.metadata()), 0u);
    EXPECT_EQ(a.connect_status, NIXL_ERR_BACKEND);
}

TEST(FabricFault, An_unknown_provider_is_a_reason_not_a_crash) {
    agent_options options;
    options.fabric_provider = "carrier-pigeon";
    test_agent a("a", options);
    test_agent b("b");
    ASSERT_TRUE(b.ok());
    if (!a.ok()) {
        EXPECT_NE(a.last_error().find("carrier-pigeon"), std::string::npos) << a.last_error();
        return;
    }
    EXPECT_EQ(a.connect(b.metadata()), 0u);
    EXPECT_EQ(a.connect_status, NIXL_ERR_BACKEND);
}

TEST(FabricFault, A_wildcard_is_never_advertised) {
    agent_options options;
    options.listen_host = "0.0.0.0";
    test_agent a("a", options);
    test_agent b("b");
    ASSERT_TRUE(b.ok());
    if (a.ok()) { // then without the fabric
        EXPECT_EQ(b.connect(a.metadata()), 0u);
    } else {
        EXPECT_NE(a.last_error().find("wildcard"), std::string::npos) << a.last_error();
    }
    options.advertise_host = test_host();
    options.incarnation = 0;
    test_agent c("c", options);
    ASSERT_TRUE(c.ok()) << c.last_error();
    EXPECT_NE(b.connect(c.metadata()), 0u) << b.connect_status;
}

TEST(FabricFault, Metadata_of_an_agent_that_is_gone_does_not_connect) {
    std::vector<uint8_t> old;
    {
        test_agent b("b");
        ASSERT_TRUE(b.ok());
        old = b.metadata();
    }
    test_agent a("a");
    ASSERT_TRUE(a.ok());
    EXPECT_EQ(a.connect(old), 0u);
    EXPECT_LT(a.connect_status, 0);
}

TEST(FabricFault, A_region_that_the_peer_has_deregistered_is_refused_by_name) {
    const scattered layout({{4096, 0}}, 16);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(16, 4, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS);
    ASSERT_EQ(p.b.remove_region(p.b_region), NIXL_SUCCESS);
    fill_poison(p.b_memory);
    EXPECT_EQ(p.a.run(post), NIXL_ERR_NOT_FOUND);
    EXPECT_EQ(first_not_poison(p.b_memory), all_match);
    // The connection has survived it.
    const uint64_t sent = p.a.notify(p.b_peer, bytes_of("still there"));
    ASSERT_TRUE(p.a.wait_quiesced(sent));
    EXPECT_EQ(p.a.result(sent).event.status, NIXL_SUCCESS);
}

TEST(FabricFault, A_region_deregistered_while_it_is_written_changes_no_more_afterwards) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    const uint64_t operation = p.a.start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_EQ(p.b.remove_region(p.b_region), NIXL_SUCCESS);
    fill_poison(p.b_memory); // ours alone from here on
    ASSERT_TRUE(p.a.wait_quiesced(operation));
    const nixl_event_t& e = p.a.result(operation).event;
    if (e.status != NIXL_SUCCESS) { // it may have been faster
        EXPECT_EQ(e.status, NIXL_ERR_NOT_FOUND);
        EXPECT_NE(e.entry, UINT64_MAX);
        EXPECT_GE(e.address, reinterpret_cast<uint64_t>(p.b_memory.data()));
        EXPECT_GT(e.length, 0u);
    }
    EXPECT_EQ(first_not_poison(p.b_memory), all_match);
}

TEST(FabricFault, A_key_that_was_revoked_before_connecting_moves_nothing) {
    const scattered layout({{4096, 0}}, 16);
    std::vector<std::byte> a_memory(layout.bytes());
    std::vector<std::byte> b_memory(layout.bytes());
    fill_poison(b_memory);
    agent_options one_by_one;
    one_by_one.packing = NIXL_PACKING_NEVER; // a packed write would be refused by the peer, not by the provider
    test_agent a("a", one_by_one);
    test_agent b("b");
    ASSERT_NE(a.add_region(a_memory), 0u);
    const uint64_t region = b.add_region(b_memory);
    const auto old = b.metadata();
    ASSERT_EQ(b.remove_region(region), NIXL_SUCCESS);
    const uint64_t peer = a.connect(old);
    ASSERT_NE(peer, 0u) << a.connect_status;
    const auto ids = shuffled_ids(16, 16, 1);
    test_agent::post post{.local = a.list(0, layout.strided_at(reinterpret_cast<uint64_t>(a_memory.data()))),
                          .remote = a.list(peer, layout.strided_at(reinterpret_cast<uint64_t>(b_memory.data()))),
                          .local_ids = ids,
                          .remote_ids = ids};
    const uint64_t operation = a.start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_TRUE(a.wait_quiesced(operation));
    EXPECT_LT(a.result(operation).event.status, 0);
    EXPECT_NE(a.result(operation).event.entry, UINT64_MAX) << "the failure names a piece";
    EXPECT_EQ(first_not_poison(b_memory), all_match);
    // The provider drops the connection for it; a new one with fresh metadata works.
    ASSERT_TRUE(a.wait_state(peer, NIXL_PEER_DISCONNECTED));
    EXPECT_NE(std::string(a.info(peer).reason).find("fresh metadata"), std::string::npos) << a.info(peer).reason;
}

TEST(FabricFault, A_peer_that_closes_ends_the_requests_in_flight) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    std::vector<uint64_t> operations;
    for (int i = 0; i < 4; ++i)
        operations.push_back(p.a.start(post));
    (void)p.b.destroy();
    fill_poison(p.b_memory);
    for (const uint64_t operation : operations) {
        ASSERT_NE(operation, 0u);
        ASSERT_TRUE(p.a.wait_quiesced(operation));
    }
    EXPECT_EQ(p.a.result(operations.back()).event.status, NIXL_ERR_REMOTE_DISCONNECT);
    EXPECT_TRUE(p.a.wait_state(p.b_peer, NIXL_PEER_DISCONNECTED));
    EXPECT_EQ(first_not_poison(p.b_memory), all_match);
    EXPECT_EQ(p.a.start(post), 0u);
    EXPECT_EQ(p.a.post_status, NIXL_ERR_REMOTE_DISCONNECT);
}

TEST(FabricFault, An_agent_closes_with_operations_in_flight) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    for (int i = 0; i < 4; ++i)
        ASSERT_NE(p.a.start(post), 0u);
    (void)p.a.destroy();
    fill_poison(p.a_memory); // its own memory again; the sanitizers watch
    // The target lives on and serves others.
    test_agent c("c");
    EXPECT_NE(c.connect(p.b.metadata()), 0u) << c.connect_status;
}

TEST(FabricFault, Invalidating_a_peer_ends_its_requests_as_stale) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    std::vector<uint64_t> operations;
    for (int i = 0; i < 4; ++i)
        operations.push_back(p.a.start(post));
    ASSERT_EQ(nixl_peer_invalidate(p.a.get(), p.b_peer), NIXL_SUCCESS);
    for (const uint64_t operation : operations)
        ASSERT_TRUE(p.a.wait_quiesced(operation));
    EXPECT_EQ(p.a.result(operations.back()).event.status, NIXL_ERR_STALE_PEER);
    EXPECT_EQ(p.a.start(post), 0u);
}

TEST(FabricFault, Cancel_settles_once_and_quiesces) {
    const scattered layout({{1 << 20, 0}}, 24);
    agent_pair p(layout.bytes(), layout.bytes());
    ASSERT_TRUE(p.ok()) << p.why();
    const auto ids = shuffled_ids(24, 24, 1);
    test_agent::post post{.local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
    post.notification = bytes_of("never");
    const uint64_t first = p.a.start(post);
    const uint64_t second = p.a.start(post);
    (void)p.a.cancel(second);
    ASSERT_TRUE(p.a.wait_quiesced(second));
    const int32_t status = p.a.result(second).event.status;
    EXPECT_TRUE(status == NIXL_ERR_CANCELED || status == NIXL_SUCCESS) << status;
    ASSERT_TRUE(p.a.wait_quiesced(first));
    EXPECT_EQ(p.a.result(first).event.status, NIXL_SUCCESS) << p.a.info(p.b_peer).reason;
    EXPECT_EQ(p.a.result(second).settled_count, 1u);
    EXPECT_EQ(p.a.result(second).quiesced_count, 1u);
    EXPECT_TRUE(p.b.next_notification().has_value());
    EXPECT_EQ(p.b.next_notification(100'000'000).has_value(), status == NIXL_SUCCESS);
    // The connection goes on.
    EXPECT_EQ(p.a.run(post), NIXL_SUCCESS);
}

TEST(FabricFault, Connecting_and_closing_again_and_again_leaves_nothing_behind) {
    const auto descriptors = [] {
        size_t n = 0;
        while (n < 4096 && ::fcntl(static_cast<int>(n), F_GETFD) != -1)
            ++n; // the lowest free number grows if some stay open
        return n;
    };
    const scattered layout({{4096, 0}}, 4);
    const auto once = [&] {
        agent_pair p(layout.bytes(), layout.bytes());
        ASSERT_TRUE(p.ok()) << p.why();
        const auto ids = shuffled_ids(4, 4, 1);
        test_agent::post post{
            .local = p.local(layout), .remote = p.remote(layout), .local_ids = ids, .remote_ids = ids};
        EXPECT_EQ(p.a.run(post), NIXL_SUCCESS);
        ASSERT_EQ(nixl_peer_invalidate(p.a.get(), p.b_peer), NIXL_SUCCESS);
    };
    once();
    const size_t before = descriptors();
    for (int i = 0; i < 10; ++i)
        once();
    EXPECT_LE(descriptors(), before + 1);
}

} // namespace
} // namespace nixl::test
