// Two processes over libfabric: the same promises when the other one is slow, stopped or killed.
#include "fabric/scattered.hpp"
#include "support/peer_process.hpp"
#include "support/test_network.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>

namespace nixl::test {
namespace {

class FabricProcess : public testing::Test {
  protected:
    // Connects an agent of ours to one in a second process.
    void begin(const scattered& local, const scattered& remote, const agent_options& ours = {},
               const peer_options& theirs = {}) {
        peer_options o = theirs;
        o.bytes = remote.bytes();
        other = std::make_unique<peer_process>(o);
        ASSERT_TRUE(other->ok()) << other->error();
        memory.resize(local.bytes());
        fill_pattern(memory, 1);
        agent = std::make_unique<test_agent>("here", ours);
        ASSERT_TRUE(agent->ok()) << agent->last_error();
        ASSERT_NE(agent->add_region(memory), 0u) << agent->last_error();
        metadata = other->metadata();
        peer = agent->connect(metadata);
        ASSERT_NE(peer, 0u) << agent->connect_status;
        post.local = agent->list(0, local.strided_at(reinterpret_cast<uint64_t>(memory.data())));
        post.remote = agent->list(peer, remote.strided_at(other->address()));
        ASSERT_NE(post.local, 0u) << agent->last_error();
        ASSERT_NE(post.remote, 0u) << agent->last_error();
    }

    std::vector<std::byte> memory; // before the agent: outlives it
    std::unique_ptr<peer_process> other;
    std::unique_ptr<test_agent> agent;
    std::vector<uint8_t> metadata;
    uint64_t peer = 0;
    test_agent::post post;
};

TEST_F(FabricProcess, Write_of_random_blocks_arrives_whole_and_nowhere_else) {
    const scattered here({{4096, 0}, {37, 3}, {70'001, 0}}, 60);
    const scattered there({{4096, 64}, {37, 0}, {70'001, 5}}, 80);
    ASSERT_NO_FATAL_FAILURE(begin(here, there));
    const auto local_ids = shuffled_ids(60, 33, 1);
    const auto remote_ids = shuffled_ids(80, 33, 2);
    std::vector<std::byte> expected(there.bytes());
    fill_poison(expected);
    move_naively(here, memory, there, expected, local_ids, remote_ids);
    post.local_ids = local_ids;
    post.remote_ids = remote_ids;
    post.notification = bytes_of("done");
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    const auto arrived = other->notifications(1);
    ASSERT_EQ(arrived.size(), 1u);
    EXPECT_EQ(std::string(arrived[0].begin(), arrived[0].end()), "done");
    EXPECT_EQ(first_mismatch(other->dump(), expected), all_match);
    EXPECT_EQ(agent->info(peer).process_id, static_cast<uint64_t>(other->pid()));
    EXPECT_TRUE(other->quit());
}

TEST_F(FabricProcess, Read_of_random_blocks_arrives_whole_and_nowhere_else) {
    const scattered here({{4096, 64}, {37, 0}, {70'001, 5}}, 80);
    const scattered there({{4096, 0}, {37, 3}, {70'001, 0}}, 60);
    ASSERT_NO_FATAL_FAILURE(begin(here, there));
    ASSERT_TRUE(other->fill(9));
    fill_poison(memory);
    std::vector<std::byte> source(there.bytes());
    fill_pattern(source, 9);
    const auto local_ids = shuffled_ids(80, 33, 1);
    const auto remote_ids = shuffled_ids(60, 33, 2);
    std::vector<std::byte> expected = memory;
    move_naively(there, source, here, expected, remote_ids, local_ids);
    post.op = NIXL_OP_READ;
    post.local_ids = local_ids;
    post.remote_ids = remote_ids;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    EXPECT_EQ(first_mismatch(memory, expected), all_match);
}

TEST_F(FabricProcess, A_thousand_notifications_each_find_their_data_there) {
    constexpr uint64_t block = 512;
    constexpr uint64_t blocks = 1000;
    const scattered layout({{block, 0}}, blocks);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    for (uint64_t i = 0; i < blocks; ++i)
        fill_pattern(std::span(memory).subspan(i * block, block), 1000 + i);
    const auto targets = shuffled_ids(blocks, blocks, 5);
    std::vector<uint64_t> operations;
    uint64_t settled = 0;
    for (uint64_t i = 0; i < blocks; ++i) {
        const auto from = static_cast<uint32_t>(i);
        const uint64_t payload[2] = {targets[i] * block, 1000 + i};
        post.local_ids = {&from, 1};
        post.remote_ids = {&targets[i], 1};
        post.notification = std::span(reinterpret_cast<const uint8_t*>(payload), sizeof payload);
        operations.push_back(agent->start(post));
        ASSERT_NE(operations.back(), 0u) << agent->last_error();
        if (i % 200 == 199) { // within the receiver's credits
            EXPECT_EQ(other->verify_arrivals(200, block), 200u);
            for (; settled <= i; ++settled)
                ASSERT_TRUE(agent->wait_quiesced(operations[settled]));
        }
    }
    for (const uint64_t operation : operations)
        EXPECT_EQ(agent->result(operation).event.status, NIXL_SUCCESS);
}

TEST_F(FabricProcess, A_peer_killed_in_mid_transfer_is_reported_at_once) {
    const scattered layout({{1 << 20, 0}}, 32);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    const auto ids = shuffled_ids(32, 32, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    std::vector<uint64_t> operations;
    for (int i = 0; i < 8; ++i) {
        operations.push_back(agent->start(post));
        ASSERT_NE(operations.back(), 0u);
    }
    // Only once something is under way.
    while (agent->info(peer).in_flight_operations == 0 && !agent->wait_settled(operations[0], 1'000'000)) {
    }
    other->kill_now();
    for (const uint64_t operation : operations)
        ASSERT_TRUE(agent->wait_quiesced(operation, 15 * second_ns));
    EXPECT_EQ(agent->result(operations.back()).event.status, NIXL_ERR_REMOTE_DISCONNECT);
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
    EXPECT_EQ(agent->start(post), 0u);
    EXPECT_EQ(agent->post_status, NIXL_ERR_REMOTE_DISCONNECT);
    EXPECT_EQ(agent->info(peer).in_flight_operations, 0u);
}

// Stopped first, so that reads are certainly in flight when it dies, and their errors come while or after the control
// connection ends.
TEST_F(FabricProcess, A_peer_killed_under_reads_is_reported_and_its_endpoint_closes) {
    const scattered layout({{1 << 20, 0}}, 32);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    const auto ids = shuffled_ids(32, 32, 1);
    post.op = NIXL_OP_READ;
    post.local_ids = ids;
    post.remote_ids = ids;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    other->signal(SIGSTOP);
    std::vector<uint64_t> operations;
    for (int i = 0; i < 8; ++i) {
        operations.push_back(agent->start(post));
        ASSERT_NE(operations.back(), 0u);
    }
    while (agent->info(peer).in_flight_operations == 0 && !agent->wait_settled(operations[0], 1'000'000)) {
    }
    other->kill_now();
    for (const uint64_t operation : operations) {
        ASSERT_TRUE(agent->wait_quiesced(operation, 15 * second_ns));
        EXPECT_EQ(agent->result(operation).event.status, NIXL_ERR_REMOTE_DISCONNECT);
    }
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
    EXPECT_EQ(agent->info(peer).in_flight_operations, 0u);
}

TEST_F(FabricProcess, An_idle_peer_that_is_killed_is_noticed_too) {
    const scattered layout({{4096, 0}}, 4);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    other->kill_now();
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
    EXPECT_FALSE(std::string(agent->info(peer).reason).empty());
}

TEST_F(FabricProcess, A_stopped_peer_becomes_suspect_and_comes_back) {
    agent_options options;
    options.suspect_after_ns = 600'000'000;
    const scattered layout({{4096, 0}}, 16);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout, options));
    const auto ids = shuffled_ids(16, 16, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    other->signal(SIGSTOP);
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_SUSPECT, 20 * second_ns));
    EXPECT_EQ(agent->start(post), 0u);
    EXPECT_EQ(agent->post_status, NIXL_ERR_SUSPECT_PEER);
    other->signal(SIGCONT);
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_CONNECTED, 20 * second_ns));
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
}

TEST_F(FabricProcess, A_stopped_peer_is_written_to_where_its_processor_takes_no_part) {
    const scattered layout({{70'001, 3}}, 24);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    const auto ids = shuffled_ids(24, 24, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    ASSERT_EQ(agent->run(post), NIXL_SUCCESS); // connecting needs both processes
    ASSERT_TRUE(other->poison());
    other->signal(SIGSTOP);
    if (!target_is_passive()) {
        post.timeout_ns = 500'000'000;
        EXPECT_EQ(agent->run(post), NIXL_ERR_TIMEOUT) << "this provider needs the target's progress thread";
        return;
    }
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    // Whoever also wants to be heard meets the deadline; the data is there, nothing is in flight, the peer stays.
    post.notification = bytes_of("heard?");
    post.timeout_ns = 2 * second_ns;
    EXPECT_EQ(agent->run(post), NIXL_ERR_TIMEOUT);
    other->signal(SIGCONT);
    std::vector<std::byte> expected(layout.bytes());
    fill_poison(expected);
    move_naively(layout, memory, layout, expected, ids, ids);
    EXPECT_EQ(first_mismatch(other->dump(), expected), all_match);
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_CONNECTED, 20 * second_ns));
}

TEST_F(FabricProcess, A_deadline_holds_against_a_stopped_peer_and_memory_is_given_back_by_force) {
    if (target_is_passive())
        GTEST_SKIP() << "a stopped peer stops no write here";
    agent_options options;
    options.quiesce_grace_ns = 300'000'000;
    const scattered layout({{1 << 20, 0}}, 24);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout, options));
    const auto ids = shuffled_ids(24, 24, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    other->signal(SIGSTOP);
    post.timeout_ns = 500'000'000;
    const uint64_t operation = agent->start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_TRUE(agent->wait_settled(operation, 10 * second_ns));
    EXPECT_EQ(agent->result(operation).event.status, NIXL_ERR_TIMEOUT);
    ASSERT_TRUE(agent->wait_quiesced(operation, 10 * second_ns));
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
    EXPECT_NE(std::string(agent->info(peer).reason).find("closed"), std::string::npos) << agent->info(peer).reason;
    // Nothing is sent from this memory any more: what the stopped peer still gets is what it was then.
    fill_poison(memory);
    other->signal(SIGCONT);
    peer = agent->connect(other->metadata());
    ASSERT_NE(peer, 0u) << agent->connect_status;
    fill_pattern(memory, 77);
    post.remote = agent->list(peer, layout.strided_at(other->address()));
    post.timeout_ns = patience_ns;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    EXPECT_EQ(first_difference(other->dump(), 77), all_match);
}

TEST_F(FabricProcess, Cancel_works_against_a_stopped_peer) {
    agent_options options;
    options.quiesce_grace_ns = 300'000'000;
    const scattered layout({{1 << 20, 0}}, 24);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout, options));
    const auto ids = shuffled_ids(24, 24, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    EXPECT_EQ(agent->run(post), NIXL_SUCCESS);
    other->signal(SIGSTOP);
    const uint64_t operation = agent->start(post);
    ASSERT_NE(operation, 0u);
    (void)agent->cancel(operation);
    ASSERT_TRUE(agent->wait_settled(operation, 10 * second_ns));
    const int32_t status = agent->result(operation).event.status;
    EXPECT_TRUE(status == NIXL_ERR_CANCELED || (target_is_passive() && status == NIXL_SUCCESS)) << status;
    ASSERT_TRUE(agent->wait_quiesced(operation, 10 * second_ns));
}

TEST_F(FabricProcess, A_stopped_peer_that_comes_back_in_time_gets_everything) {
    const scattered layout({{1 << 20, 0}}, 24);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    const auto ids = shuffled_ids(24, 24, 1);
    post.local_ids = ids;
    post.remote_ids = ids;
    other->signal(SIGSTOP);
    const uint64_t operation = agent->start(post);
    ASSERT_NE(operation, 0u);
    EXPECT_TRUE(target_is_passive() || !agent->wait_settled(operation, 300'000'000));
    other->signal(SIGCONT);
    ASSERT_TRUE(agent->wait_quiesced(operation));
    EXPECT_EQ(agent->result(operation).event.status, NIXL_SUCCESS);
    EXPECT_EQ(first_difference(other->dump(), 1), all_match);
}

TEST_F(FabricProcess, Deregistering_does_not_wait_for_a_stopped_writer) {
    const scattered layout({{1 << 20, 0}}, 32);
    agent_options options;
    options.quiesce_grace_ns = 300'000'000;
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout, options));
    // The other process writes to us: it connects back and is stopped; our region must come free all the same.
    ASSERT_NE(other->connect(agent->metadata()), 0u) << other->error();
    std::vector<std::byte> region_memory(1 << 16);
    const uint64_t region = agent->add_region(region_memory);
    ASSERT_NE(region, 0u);
    other->signal(SIGSTOP);
    EXPECT_EQ(agent->remove_region(region, 10 * second_ns), NIXL_SUCCESS);
    other->signal(SIGCONT);
}

TEST_F(FabricProcess, A_restarted_peer_is_not_reached_with_old_metadata) {
    const scattered layout({{4096, 0}}, 4);
    ASSERT_NO_FATAL_FAILURE(begin(layout, layout));
    other->kill_now();
    ASSERT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED, 10 * second_ns));
    EXPECT_EQ(agent->connect(metadata, 5 * second_ns), 0u);
    EXPECT_LT(agent->connect_status, 0);
    peer_options again;
    again.bytes = layout.bytes();
    other = std::make_unique<peer_process>(again);
    ASSERT_TRUE(other->ok()) << other->error();
    EXPECT_NE(agent->connect(other->metadata()), 0u) << agent->connect_status;
}

} // namespace
} // namespace nixl::test
