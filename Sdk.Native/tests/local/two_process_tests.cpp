// The local transport between two processes: bytes, notifications, and every way in which the other one can go.
#include "core/failure.hpp"
#include "support/pattern.hpp"
#include "support/peer_process.hpp"
#include "support/process_resources.hpp"
#include "support/test_agent.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

namespace nixl::test {
namespace {

std::vector<uint32_t> random_ids(uint32_t count, uint32_t of, unsigned seed) {
    std::vector<uint32_t> ids(of);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
    ids.resize(count);
    return ids;
}

// One agent here, one there. The parameter: is the other one's memory an arena?
class two_processes : public ::testing::TestWithParam<bool> {
  protected:
    static constexpr uint64_t bytes = 8 << 20;

    void start(uint32_t max_notifications = 0, uint64_t suspect_after_ns = 0) {
        peer_options o;
        o.name = "there";
        o.transports = NIXL_TRANSPORT_LOCAL;
        o.bytes = bytes;
        o.arena = GetParam();
        o.max_notifications = max_notifications;
        there = std::make_unique<peer_process>(o);
        ASSERT_TRUE(there->ok()) << there->error();
        agent_options here_options;
        here_options.transports = NIXL_TRANSPORT_LOCAL;
        here_options.suspect_after_ns = suspect_after_ns;
        here = std::make_unique<test_agent>("here", here_options);
        ASSERT_TRUE(here->ok()) << here->last_error();
        memory.resize(bytes);
        region = here->add_region(memory);
        ASSERT_NE(0u, region) << here->last_error();
        peer = here->connect(there->metadata());
        ASSERT_NE(0u, peer) << here->connect_status << " " << here->last_error();
        const auto info = here->info(peer);
        ASSERT_EQ(static_cast<uint32_t>(NIXL_TRANSPORT_LOCAL), info.transport) << info.reason;
        EXPECT_TRUE(std::string_view(info.provider).starts_with(GetParam() ? "memfd" : "process_vm")) << info.provider;
        EXPECT_EQ(static_cast<uint64_t>(there->pid()), info.process_id);
    }

    // Blocks of `block` bytes, `stride` apart, on both sides.
    void prepare(uint64_t block, uint64_t stride) {
        block_ = block;
        stride_ = stride;
        count_ = static_cast<uint32_t>((bytes - block) / stride + 1);
        const auto own = strided(memory.data(), stride, block, count_);
        auto other = own;
        other.base = there->address();
        local = here->list(0, {&own, 1});
        remote = here->list(peer, {&other, 1});
        ASSERT_NE(0u, local) << here->last_error();
        ASSERT_NE(0u, remote) << here->last_error();
    }

    test_agent::post post(nixl_op_t op, const std::vector<uint32_t>& own, const std::vector<uint32_t>& others) const {
        test_agent::post p;
        p.op = op;
        p.local = local;
        p.remote = remote;
        p.local_ids = own;
        p.remote_ids = others;
        return p;
    }

    // What `sink` must look like after blocks from[i] of `source` were moved to to[i] of a poisoned buffer.
    std::vector<std::byte> expected(const std::vector<std::byte>& source, const std::vector<uint32_t>& from,
                                    const std::vector<uint32_t>& to) const {
        std::vector<std::byte> sink(bytes, poison);
        for (size_t i = 0; i < from.size(); ++i)
            std::memcpy(&sink[to[i] * stride_], &source[from[i] * stride_], block_);
        return sink;
    }

    static std::vector<uint8_t> payload(const char* text) { return {text, text + std::strlen(text)}; }

    std::unique_ptr<peer_process> there;
    std::vector<std::byte> memory;
    std::unique_ptr<test_agent> here;
    uint64_t region = 0;
    uint64_t peer = 0;
    uint64_t local = 0;
    uint64_t remote = 0;
    uint64_t block_ = 0;
    uint64_t stride_ = 0;
    uint32_t count_ = 0;
};

TEST_P(two_processes, random_blocks_of_odd_sizes_are_written_and_read) {
    ASSERT_NO_FATAL_FAILURE(start());
    for (const auto& [block, stride, moved] : std::vector<std::tuple<uint64_t, uint64_t, uint32_t>>{
             {1, 1021, 4000}, {4096, 4096, 1500}, {12345, 16384, 300}, {1'500'007, 1'600'000, 4}}) {
        ASSERT_NO_FATAL_FAILURE(prepare(block, stride));
        const auto own = random_ids(moved, count_, 11);
        const auto others = random_ids(moved, count_, 12);
        const auto text = payload("written");

        fill_pattern(memory, block);
        ASSERT_TRUE(there->poison());
        auto p = post(NIXL_OP_WRITE, own, others);
        p.notification = text;
        ASSERT_EQ(NIXL_SUCCESS, here->run(p));
        const auto notes = there->notifications(1);
        ASSERT_EQ(1u, notes.size());
        EXPECT_EQ(text, notes[0]);
        EXPECT_TRUE(expected(memory, own, others) == there->dump()) << "write of " << block;
        EXPECT_EQ(all_match, first_difference(memory, block)) << "the source changed";

        ASSERT_TRUE(there->fill(block + 1));
        const auto source = there->dump();
        fill_poison(memory);
        ASSERT_EQ(NIXL_SUCCESS, here->run(post(NIXL_OP_READ, own, others)));
        EXPECT_TRUE(expected(source, others, own) == memory) << "read of " << block;
        EXPECT_TRUE(source == there->dump()) << "the source changed";
    }
}

TEST_P(two_processes, every_notification_finds_its_bytes_there) {
    ASSERT_NO_FATAL_FAILURE(start(4)); // few credits: senders wait for the reader
    constexpr uint64_t block = 256 * 1024;
    ASSERT_NO_FATAL_FAILURE(prepare(block, block));
    std::vector<uint64_t> started;
    std::vector<std::vector<uint8_t>> payloads;
    for (uint32_t i = 0; i < count_; ++i) {
        fill_pattern(std::span(memory).subspan(i * block, block), i);
        const uint64_t fields[2] = {i * block, i};
        payloads.emplace_back(sizeof fields);
        std::memcpy(payloads.back().data(), fields, sizeof fields);
    }
    for (uint32_t i = 0; i < count_; ++i) {
        auto p = post(NIXL_OP_WRITE, {i}, {i});
        const std::vector<uint32_t> id{i};
        p.local_ids = id;
        p.remote_ids = id;
        p.notification = payloads[i];
        started.push_back(here->start(p));
        ASSERT_NE(0u, started.back()) << here->post_status;
    }
    EXPECT_EQ(count_, there->verify_arrivals(count_, block));
    for (const uint64_t o : started) {
        ASSERT_TRUE(here->wait_quiesced(o));
        EXPECT_EQ(NIXL_SUCCESS, here->result(o).event.status);
    }
}

TEST_P(two_processes, credits_used_up_time_out_and_come_back) {
    ASSERT_NO_FATAL_FAILURE(start(2));
    const auto text = payload("n");
    std::vector<uint64_t> sent;
    for (int i = 0; i < 5; ++i)
        sent.push_back(here->notify(peer, text));
    ASSERT_TRUE(here->wait_quiesced(sent[1]));
    const uint64_t late = here->notify(peer, text, second_ns / 5);
    ASSERT_TRUE(here->wait_quiesced(late));
    EXPECT_EQ(NIXL_ERR_TIMEOUT, here->result(late).event.status);
    EXPECT_FALSE(here->result(sent[2]).settled);
    EXPECT_EQ(5u, there->notifications(5).size());
    for (const uint64_t o : sent) {
        ASSERT_TRUE(here->wait_quiesced(o));
        EXPECT_EQ(NIXL_SUCCESS, here->result(o).event.status);
    }
}

TEST_P(two_processes, a_killed_peer_ends_every_request_soon) {
    ASSERT_NO_FATAL_FAILURE(start(1));
    ASSERT_NO_FATAL_FAILURE(prepare(4096, 4096));
    const auto ids = random_ids(count_, count_, 3);
    std::vector<uint64_t> started;
    const auto text = payload("n");
    for (int i = 0; i < 50; ++i) {
        auto p = post(i % 2 == 0 ? NIXL_OP_WRITE : NIXL_OP_READ, ids, ids);
        p.notification = text;
        started.push_back(here->start(p));
        ASSERT_NE(0u, started.back());
    }
    ASSERT_TRUE(here->wait_settled(started[0]));
    there->signal(SIGKILL);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
    // The promise is 100 ms; the machine of the tests may be busy.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    int disconnected = 0;
    for (const uint64_t o : started) {
        ASSERT_TRUE(here->wait_quiesced(o));
        const auto status = here->result(o).event.status;
        EXPECT_TRUE(status == NIXL_SUCCESS || status == NIXL_ERR_REMOTE_DISCONNECT) << status_name(status);
        disconnected += status == NIXL_ERR_REMOTE_DISCONNECT ? 1 : 0;
    }
    EXPECT_GE(disconnected, 48); // one credit, nobody reads
    EXPECT_EQ(0u, here->start(post(NIXL_OP_WRITE, ids, ids)));
    EXPECT_LT(here->post_status, 0);
}

// Posts that complete inside their call while their target dies: the caller is never harmed, and soon hears of it.
TEST_P(two_processes, a_peer_killed_under_posts_that_complete_at_once_is_noticed) {
    std::mt19937 random(17);
    for (std::uint64_t round = 0, rounds = repetitions(8, 1000); round < rounds; ++round) {
        ASSERT_NO_FATAL_FAILURE(start());
        ASSERT_NO_FATAL_FAILURE(prepare(4096, 8192));
        std::thread killer([&, pause = random() % 3000] {
            std::this_thread::sleep_for(std::chrono::microseconds(pause));
            there->kill_now();
        });
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        int32_t status = NIXL_SUCCESS;
        uint64_t done_count = 0;
        for (uint32_t n = 0; status == NIXL_SUCCESS || status == NIXL_ERR_NOT_POSTED; ++n) {
            ASSERT_LT(std::chrono::steady_clock::now(), give_up);
            const uint32_t id = n % count_;
            nixl_event_t done{};
            nixl_post_params_t p{};
            p.struct_size = sizeof p;
            p.op = NIXL_OP_WRITE;
            p.local_list = local;
            p.remote_list = remote;
            p.local_ids = p.remote_ids = &id;
            p.id_count = 1;
            p.flags = NIXL_POST_NOW | NIXL_POST_NOTIFY;
            p.done = &done;
            uint64_t none = 0;
            status = nixl_transfer_post(here->get(), &p, &none);
            done_count += status == NIXL_SUCCESS ? 1 : 0;
        }
        killer.join();
        EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, status) << here->last_error();
        EXPECT_TRUE(!GetParam() || done_count > 0);
        EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
        here.reset();
        there.reset();
    }
}

TEST_P(two_processes, deregistering_there_during_writes_is_safe_and_reported) {
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(prepare(65536, 65536));
    fill_pattern(memory, 1);
    const auto ids = random_ids(count_, count_, 3);
    std::vector<uint64_t> started;
    for (int i = 0; i < 200; ++i)
        started.push_back(here->start(post(NIXL_OP_WRITE, ids, ids)));
    EXPECT_EQ(NIXL_SUCCESS, there->deregister());
    ASSERT_TRUE(there->poison()); // theirs again: nothing may change it any more
    int refused = 0;
    for (const uint64_t o : started) {
        ASSERT_TRUE(here->wait_quiesced(o));
        const auto& e = here->result(o).event;
        EXPECT_TRUE(e.status == NIXL_SUCCESS || e.status == NIXL_ERR_NOT_FOUND) << e.status;
        if (e.status == NIXL_ERR_NOT_FOUND) {
            ++refused;
            EXPECT_NE(UINT64_MAX, e.entry);
            EXPECT_GE(e.address, there->address());
        }
    }
    const auto bytes_there = there->dump();
    EXPECT_EQ(all_match, first_not_poison(bytes_there));
    const uint64_t more = here->start(post(NIXL_OP_WRITE, ids, ids));
    if (more != 0) {
        ASSERT_TRUE(here->wait_quiesced(more));
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, here->result(more).event.status);
    }
    EXPECT_EQ(all_match, first_not_poison(there->dump()));
}

// How many mappings of this process begin in an arena.
std::size_t mapped_arenas() {
    std::ifstream maps("/proc/self/maps");
    std::size_t n = 0;
    for (std::string line; std::getline(maps, line);)
        n += line.find("memfd:nixl-arena") != std::string::npos;
    return n;
}

TEST_P(two_processes, memory_that_is_given_up_there_is_unmapped_here_although_the_connection_lives) {
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_NO_FATAL_FAILURE(prepare(4096, 4096));
    const auto ids = random_ids(count_, count_, 3);
    ASSERT_EQ(NIXL_SUCCESS, here->run(post(NIXL_OP_WRITE, ids, ids)));
    EXPECT_EQ(GetParam() ? 1u : 0u, mapped_arenas());
    EXPECT_EQ(NIXL_SUCCESS, there->deregister());
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (mapped_arenas() != 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(0u, mapped_arenas());
    // The lists still know it.
    const uint64_t more = here->start(post(NIXL_OP_WRITE, ids, ids));
    if (more != 0) {
        ASSERT_TRUE(here->wait_quiesced(more));
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, here->result(more).event.status);
    }
    const uint64_t note = here->notify(peer, payload("n"));
    ASSERT_TRUE(here->wait_quiesced(note));
    EXPECT_EQ(NIXL_SUCCESS, here->result(note).event.status);
}

TEST_P(two_processes, a_stopped_peer_is_suspect_and_comes_back) {
    ASSERT_NO_FATAL_FAILURE(start(0, second_ns / 2));
    there->signal(SIGSTOP);
    const uint64_t waits = here->notify(peer, payload("n"));
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_SUSPECT));
    EXPECT_EQ(0u, here->notify(peer, payload("refused")));
    EXPECT_EQ(NIXL_ERR_SUSPECT_PEER, here->post_status);
    there->signal(SIGCONT);
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_CONNECTED));
    ASSERT_TRUE(here->wait_quiesced(waits));
    EXPECT_EQ(NIXL_SUCCESS, here->result(waits).event.status);
    EXPECT_EQ(1u, there->notifications(1).size());
}

TEST_P(two_processes, a_killed_initiator_does_not_hold_our_memory) {
    ASSERT_NO_FATAL_FAILURE(start());
    uint64_t lent = there->connect(here->metadata()); // the other process can now write here
    ASSERT_NE(0u, lent);
    there->signal(SIGKILL);
    EXPECT_EQ(NIXL_SUCCESS, here->remove_region(region));
}

TEST_P(two_processes, a_restarted_peer_is_another_one) {
    ASSERT_NO_FATAL_FAILURE(start());
    const auto old = there->metadata();
    there->kill_now();
    ASSERT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
    EXPECT_EQ(0u, here->connect(old));
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, here->connect_status);
    ASSERT_NO_FATAL_FAILURE(start());
    EXPECT_NE(old, there->metadata());
}

TEST_P(two_processes, both_part_in_peace) {
    ASSERT_NO_FATAL_FAILURE(start());
    EXPECT_TRUE(there->quit());
    EXPECT_TRUE(here->wait_state(peer, NIXL_PEER_DISCONNECTED));
    EXPECT_EQ(NIXL_SUCCESS, here->destroy());
}

INSTANTIATE_TEST_SUITE_P(local, two_processes, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "arena" : "foreign"; });

} // namespace
} // namespace nixl::test
