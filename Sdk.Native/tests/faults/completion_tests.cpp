// What "success" means: at that moment every byte is where it belongs, although the target's application never looks.
#include "faults/two_ends.hpp"

#include "core/failure.hpp"

#include <cstring>
#include <random>

namespace nixl::test {
namespace {

class completion : public two_ends {
  protected:
    static constexpr uint64_t piece = 7'001; // odd on purpose
    static constexpr uint64_t pieces = 211;

    // Distinct pieces, of random number.
    std::vector<uint32_t> some(uint64_t at_most) {
        std::vector<uint32_t> all = ids;
        std::shuffle(all.begin(), all.end(), random);
        all.resize(1 + random() % at_most);
        return all;
    }

    std::mt19937_64 random{20260101};
};

// The other process sits in read() on its pipe for the whole test; its application takes no notification until the end.
TEST_P(completion, without_the_target_ever_polling_every_byte_is_there) {
    const uint64_t rounds = repetitions(150, 1000);
    ASSERT_NO_FATAL_FAILURE(
        begin({.bytes = piece * pieces, .piece = piece, .max_notifications = static_cast<uint32_t>(rounds)}));
    std::vector<std::byte> got(piece);
    for (uint64_t i = 0; i < rounds; ++i) {
        const auto from = some(40);
        auto to = some(40);
        const size_t moved = std::min(from.size(), to.size());
        for (size_t k = 0; k < moved; ++k)
            fill_pattern(std::span(memory).subspan(from[k] * piece, piece), i, k * piece);
        test_agent::post p;
        p.local = local;
        p.remote = remote;
        p.local_ids = std::span(from).first(moved);
        p.remote_ids = std::span(to).first(moved);
        p.notification = {reinterpret_cast<const uint8_t*>(&i), sizeof i};
        const uint64_t o = here->start(p);
        ASSERT_NE(0u, o) << here->post_status;
        ASSERT_TRUE(here->wait_settled(o));
        // The very next thing: look.
        for (size_t k = 0; k < moved; ++k) {
            ASSERT_TRUE(read_process(there->pid(), there->address() + to[k] * piece, got.data(), piece));
            ASSERT_EQ(all_match, first_difference(got, i, k * piece)) << "round " << i << ", piece " << k;
        }
        ASSERT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
        ASSERT_TRUE(here->wait_quiesced(o));
    }
    const auto notes = there->notifications(rounds);
    ASSERT_EQ(rounds, notes.size()); // all of them, in order
    for (uint64_t i = 0; i < rounds; ++i)
        EXPECT_EQ(0, std::memcmp(notes[i].data(), &i, sizeof i)) << i;
}

TEST_P(completion, of_reads_without_the_target_ever_polling_every_byte_is_here) {
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = piece * pieces, .piece = piece}));
    ASSERT_TRUE(there->fill(9));
    for (uint64_t i = 0, rounds = repetitions(60, 1000); i < rounds; ++i) {
        const auto from = some(40);
        auto to = some(40);
        const size_t moved = std::min(from.size(), to.size());
        for (size_t k = 0; k < moved; ++k)
            fill_poison(std::span(memory).subspan(to[k] * piece, piece));
        const uint64_t o = move(NIXL_OP_READ, std::span(to).first(moved), std::span(from).first(moved), patience_ns);
        ASSERT_NE(0u, o) << here->post_status;
        ASSERT_TRUE(here->wait_settled(o));
        for (size_t k = 0; k < moved; ++k)
            ASSERT_EQ(all_match, first_difference(std::span(memory).subspan(to[k] * piece, piece), 9, from[k] * piece))
                << "round " << i << ", piece " << k;
        ASSERT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
        ASSERT_TRUE(here->wait_quiesced(o));
    }
}

// The target's application sees no notification before its data: many small requests in flight, a reader that checks
// each at once.
TEST_P(completion, notifications_find_their_bytes_there) {
    const uint64_t rounds = repetitions(8, 40);
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = piece * pieces, .piece = piece, .max_notifications = 16}));
    for (uint64_t round = 0; round < rounds; ++round) {
        std::vector<uint64_t> started;
        for (uint32_t i = 0; i < pieces; ++i) {
            const uint64_t seed = round * pieces + i;
            fill_pattern(std::span(memory).subspan(ids[i] * piece, piece), seed);
            const uint64_t fields[2] = {ids[i] * piece, seed};
            test_agent::post p;
            p.local = local;
            p.remote = remote;
            p.local_ids = p.remote_ids = {&ids[i], 1};
            p.notification = {reinterpret_cast<const uint8_t*>(fields), sizeof fields};
            started.push_back(here->start(p));
            ASSERT_NE(0u, started.back()) << here->post_status;
        }
        ASSERT_EQ(pieces, there->verify_arrivals(pieces, piece));
        for (const uint64_t o : started) {
            ASSERT_TRUE(here->wait_quiesced(o));
            ASSERT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(, completion, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
