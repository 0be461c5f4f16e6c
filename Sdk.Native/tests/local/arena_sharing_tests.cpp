// Arenas between two agents of one process, and their way back: given up when the last region has been deregistered.
#include "local/harness.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

namespace nixl::test {
namespace {

std::shared_ptr<arena> make_arena(std::uint64_t bytes) {
    nixl_arena_params_t p{};
    p.length = bytes;
    std::shared_ptr<arena> made;
    EXPECT_TRUE(arena::create(p, made).ok());
    return made;
}

bool gone_soon(const std::weak_ptr<arena>& a) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!a.expired() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return a.expired();
}

#if !defined(__SANITIZE_THREAD__) // peer_arena.cpp
// Both sides of a piece may be parts of one arena; then it is a memmove in both directions, or refused where it is too
// long to be moved at once.
TEST(arena_sharing, overlapping_ranges_of_one_arena_move_as_memmove_would) {
    constexpr std::uint64_t bytes = 4u << 20;
    const auto shared = make_arena(bytes);
    endpoint owner("owner");
    endpoint other("other", 256, 1);
    const auto theirs = owner.add_region(shared->address(), bytes, shared);
    const auto own = other.add_region(shared->address(), bytes); // the other agent does not know that it is an arena
    failure why;
    const auto p = other.connect(owner.metadata(), why);
    ASSERT_NE(nullptr, p) << why.text;
    EXPECT_TRUE(p->provider.starts_with("memfd")) << p->provider;
    std::mt19937 random(7);
    std::vector<std::byte> expected(bytes);
    for (const std::uint64_t length : {1000u, 60'000u, 300'000u, 3'000'000u})
        for (const std::int64_t distance : {-100'001, -64, -1, 1, 64, 100'001})
            for (const nixl_op_t op : {NIXL_OP_WRITE, NIXL_OP_READ}) {
                for (std::uint64_t i = 0; i < bytes; i += 4) {
                    const auto value = static_cast<std::uint32_t>(random());
                    std::memcpy(shared->address() + i, &value, 4);
                }
                std::memcpy(expected.data(), shared->address(), bytes);
                const std::uint64_t a = 500'000;
                const auto b = static_cast<std::uint64_t>(static_cast<std::int64_t>(a) + distance);
                const auto to = op == NIXL_OP_WRITE ? b : a;
                const auto from = op == NIXL_OP_WRITE ? a : b;
                const bool whole = length <= 1u << 20; // a chunk
                if (whole)
                    std::memmove(expected.data() + to, expected.data() + from, length);
                auto o = other.transfer(p, op, endpoint::local_list(own, {own->base + a, length, length, 1}),
                                        endpoint::remote_list(p, 0, {theirs->base + b, length, length, 1}), {0}, {0});
                ASSERT_EQ(whole ? NIXL_SUCCESS : NIXL_ERR_INVALID_PARAM, other.run(*o)) << o->outcome->text;
                ASSERT_EQ(0, std::memcmp(expected.data(), shared->address(), bytes))
                    << length << " bytes moved by " << distance;
            }
}
#endif

TEST(arena_sharing, an_arena_without_regions_is_given_up_although_the_connection_lives) {
    auto first = make_arena(4u << 20);
    auto second = make_arena(4u << 20);
    const std::weak_ptr<arena> watched = first;
    endpoint owner("owner");
    endpoint other("other");
    const auto half = first->length() / 2;
    auto a = owner.add_region(first->address(), half, first);
    auto b = owner.add_region(first->address() + half, half, first);
    const auto stays = owner.add_region(second->address(), second->length(), second);
    std::vector<std::byte> memory(1u << 20, std::byte{3});
    const auto own = other.add_region(memory.data(), memory.size());
    failure why;
    const auto p = other.connect(owner.metadata(), why);
    ASSERT_NE(nullptr, p) << why.text;
    const auto local = endpoint::local_list(own, {own->base, 4096, 4096, 10});
    const auto remote = endpoint::remote_list(p, 0, {a->base, 4096, 4096, 10});

    ASSERT_TRUE(owner.remove_region(a).ok());
    a.reset();
    first.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(watched.expired()); // the other half is still registered
    ASSERT_TRUE(owner.remove_region(b).ok());
    b.reset();
    EXPECT_TRUE(gone_soon(watched));

    auto late = other.transfer(p, NIXL_OP_WRITE, local, remote, {1}, {1});
    EXPECT_EQ(NIXL_ERR_NOT_FOUND, other.run(*late)) << late->outcome->text;
    auto fine =
        other.transfer(p, NIXL_OP_WRITE, local, endpoint::remote_list(p, 2, {stays->base, 4096, 4096, 10}), {1}, {1});
    EXPECT_EQ(NIXL_SUCCESS, other.run(*fine)) << fine->outcome->text;
}

TEST(arena_sharing, an_arena_that_comes_back_is_handed_over_again) {
    auto shared = make_arena(2u << 20);
    endpoint owner("owner");
    endpoint other("other");
    std::vector<std::byte> memory(4096, std::byte{9});
    const auto own = other.add_region(memory.data(), memory.size());
    failure why;
    std::shared_ptr<peer> p;
    for (int round = 0; round < 20; ++round) {
        const auto r = owner.add_region(shared->address(), shared->length(), shared);
        if (!p) {
            p = other.connect(owner.metadata(), why);
            ASSERT_NE(nullptr, p) << why.text;
        } else {
            p->replace_metadata(owner.metadata());
            other.get().regions_changed(*p);
        }
        memory[0] = static_cast<std::byte>(round);
        auto o = other.transfer(p, NIXL_OP_WRITE, endpoint::local_list(own, {own->base, 4096, 4096, 1}),
                                endpoint::remote_list(p, 0, {r->base + 8192, 4096, 4096, 1}), {0}, {0});
        ASSERT_EQ(NIXL_SUCCESS, other.run(*o)) << round << " " << o->outcome->text;
        ASSERT_EQ(static_cast<std::byte>(round), shared->address()[8192]);
        ASSERT_TRUE(owner.remove_region(r).ok());
    }
}

} // namespace
} // namespace nixl::test
