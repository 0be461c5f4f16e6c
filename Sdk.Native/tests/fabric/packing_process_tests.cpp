// Packed writes to another process: what it sees, stopped and killed.
#include "fabric/packing_modes.hpp"
#include "fabric/pair.hpp"
#include "support/peer_process.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

namespace nixl::test {
namespace {

// A second process with memory for 3,000 blocks.
class PackingProcess : public testing::Test {
  protected:
    void begin(const agent_options& ours = packing_here()) {
        peer_options theirs;
        theirs.bytes = layout.bytes();
        other = std::make_unique<peer_process>(theirs);
        ASSERT_TRUE(other->ok()) << other->error();
        memory.resize(layout.bytes());
        fill_pattern(memory, 1);
        agent = std::make_unique<test_agent>("here", ours);
        ASSERT_NE(agent->add_region(memory), 0u) << agent->last_error();
        peer = agent->connect(other->metadata());
        ASSERT_NE(peer, 0u) << agent->connect_text;
        local_ids = shuffled_ids(layout.blocks(), layout.blocks(), 1);
        remote_ids = shuffled_ids(layout.blocks(), layout.blocks(), 2);
        post.local = agent->list(0, layout.strided_at(reinterpret_cast<uint64_t>(memory.data())));
        post.remote = agent->list(peer, layout.strided_at(other->address()));
        post.local_ids = local_ids;
        post.remote_ids = remote_ids;
    }
    const scattered layout{{{4096, 0}, {512, 64}}, 3'000};
    std::vector<std::byte> memory; // before the agent: outlives it
    std::vector<uint32_t> local_ids;
    std::vector<uint32_t> remote_ids;
    std::unique_ptr<peer_process> other;
    std::unique_ptr<test_agent> agent;
    uint64_t peer = 0;
    test_agent::post post;
};

// The target's application only reads notifications; when it has one, every block must be there.
TEST_F(PackingProcess, A_notification_is_shown_only_after_everything_is_scattered) {
    ASSERT_NO_FATAL_FAILURE(begin());
    constexpr uint64_t block = 65'536; // as 16 scattered pieces of 4 KiB
    constexpr uint64_t blocks = 100;
    const nixl_strided_region_t here = strided(memory.data(), 4096, 4096, memory.size() / 4096);
    const nixl_strided_region_t there =
        strided(reinterpret_cast<const void*>(other->address()), 4096, 4096, layout.bytes() / 4096);
    post.local = agent->list(0, {&here, 1}, NIXL_LIST_FLAT);
    post.remote = agent->list(peer, {&there, 1}, NIXL_LIST_FLAT);
    std::vector<uint64_t> operations;
    std::vector<std::vector<uint8_t>> payloads;
    std::vector<std::vector<uint32_t>> ids;
    for (uint64_t i = 0; i < blocks; ++i) {
        const uint64_t offset = i * block;
        fill_pattern(std::span(memory).subspan(offset, block), 1000 + i);
        std::vector<uint32_t> pieces(16); // all even ones, then all odd ones: no neighbours
        for (uint32_t k = 0; k < 16; ++k)
            pieces[k] = static_cast<uint32_t>(i * 16) + (k < 8 ? 2 * k : 2 * (k - 8) + 1);
        ids.push_back(pieces);
        std::vector<uint8_t> payload(16);
        const uint64_t seed = 1000 + i;
        std::memcpy(payload.data(), &offset, 8);
        std::memcpy(payload.data() + 8, &seed, 8);
        payloads.push_back(payload);
    }
    for (uint64_t i = 0; i < blocks; ++i) {
        post.local_ids = ids[i];
        post.remote_ids = ids[i];
        post.notification = payloads[i];
        operations.push_back(agent->start(post));
        ASSERT_NE(operations.back(), 0u) << agent->last_error();
    }
    EXPECT_EQ(other->verify_arrivals(blocks, block), blocks);
    for (const uint64_t operation : operations) {
        ASSERT_TRUE(agent->wait_quiesced(operation));
        EXPECT_EQ(agent->result(operation).event.status, NIXL_SUCCESS);
    }
    EXPECT_LT(agent->counters(NIXL_TRANSPORT_FABRIC).operations, 16u * blocks / 2) << "packed";
}

TEST_F(PackingProcess, A_stopped_target_costs_the_deadline_and_stores_nothing_after_it_goes_on) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "what orders the target's poisoning and its scattering passes through this process, where TSan "
                    "does not see it";
#endif
    agent_options ours = packing_here();
    ours.quiesce_grace_ns = 100'000'000;
    ASSERT_NO_FATAL_FAILURE(begin(ours));
    ASSERT_EQ(agent->run(post), NIXL_SUCCESS); // the ring is there
    ASSERT_TRUE(other->poison());
    other->signal(SIGSTOP);
    post.timeout_ns = 200'000'000;
    const uint64_t operation = agent->start(post);
    ASSERT_NE(operation, 0u);
    ASSERT_TRUE(agent->wait_settled(operation, 5 * second_ns));
    EXPECT_EQ(agent->result(operation).event.status, NIXL_ERR_TIMEOUT);
    ASSERT_TRUE(agent->wait_quiesced(operation, 5 * second_ns));
    fill_poison(memory); // ours again; nothing of it may arrive any more
    other->signal(SIGCONT);
    ASSERT_TRUE(other->poison());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(first_not_poison(other->dump()), all_match);
}

TEST_F(PackingProcess, A_target_that_is_killed_while_it_scatters_ends_the_request) {
    ASSERT_NO_FATAL_FAILURE(begin());
    std::vector<uint64_t> operations;
    for (int i = 0; i < 20; ++i)
        operations.push_back(agent->start(post));
    std::this_thread::sleep_for(std::chrono::milliseconds(8));
    other->kill_now();
    for (const uint64_t operation : operations) {
        ASSERT_NE(operation, 0u);
        ASSERT_TRUE(agent->wait_quiesced(operation, 5 * second_ns));
    }
    EXPECT_EQ(agent->result(operations.back()).event.status, NIXL_ERR_REMOTE_DISCONNECT);
    EXPECT_TRUE(agent->wait_state(peer, NIXL_PEER_DISCONNECTED));
}

} // namespace
} // namespace nixl::test
