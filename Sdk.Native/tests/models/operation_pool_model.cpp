// The slots of operations: a handle finds exactly the operation that it was given for, for as long as that lives, in
// every order of taking, releasing and looking up; and the same from several threads.
#include "core/operation_pool.hpp"
#include "models/interleavings.hpp"
#include "support/process_resources.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <thread>

namespace nixl::test {
namespace {

struct pool_world {
    operation_pool pool{2}; // two slots for three owners
    std::map<size_t, operation*> held;
    std::map<size_t, uint64_t> handle; // the current one
    std::vector<uint64_t> stale;       // of what was released
    std::set<uint64_t> ever;
};

actor<pool_world> owner(size_t which, int times) {
    actor<pool_world> a{std::string(1, static_cast<char>('a' + which)), {}};
    for (int i = 0; i < times; ++i) {
        a.steps.push_back([which](pool_world& w) {
            operation* op = w.pool.acquire();
            if (op == nullptr) {
                EXPECT_EQ(2u, w.held.size()) << "refused although a slot is free";
                return step_result::blocked;
            }
            EXPECT_LT(w.held.size(), 2u);
            for (const auto& [other, theirs] : w.held)
                EXPECT_NE(theirs, op) << "given to two";
            EXPECT_TRUE(w.ever.insert(op->id).second) << "a handle came twice";
            w.held[which] = op;
            w.handle[which] = op->id;
            return step_result::done;
        });
        a.steps.push_back([which](pool_world& w) {
            w.stale.push_back(w.handle[which]);
            w.pool.release(*w.held[which]);
            w.held.erase(which);
            w.handle.erase(which);
            return step_result::done;
        });
    }
    return a;
}

void handles_find_their_own(pool_world& w) {
    for (const auto& [which, handle] : w.handle) {
        const operation* found = nullptr;
        EXPECT_TRUE(w.pool.with(handle, [&](operation& op) { found = &op; }));
        EXPECT_EQ(w.held[which], found);
    }
    for (const uint64_t handle : w.stale)
        EXPECT_FALSE(w.pool.with(handle, [](operation&) { ADD_FAILURE() << "a released operation was found"; }));
    EXPECT_FALSE(w.pool.with(0, [](operation&) {}));
}

TEST(operation_pool_model, a_handle_finds_its_own_operation_or_none_in_every_order) {
    const auto result = explore<pool_world>(
        {owner(0, 2), owner(1, 2), owner(2, 2)}, [] { return std::make_unique<pool_world>(); }, handles_find_their_own,
        handles_find_their_own, [] { return testing::Test::HasFailure(); }, repetitions(5'000, 200'000));
    EXPECT_EQ("", result.deadlocked);
}

TEST(operation_pool_model, threads_never_share_a_slot) {
    operation_pool pool(3);
    std::atomic<uint64_t> taken{0};
    std::vector<std::thread> threads;
    std::array<std::atomic<uint64_t>, 4> current{};
    for (size_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (uint64_t i = 0, n = repetitions(5'000, 100'000); i < n; ++i) {
                operation* op = pool.acquire();
                if (op == nullptr) {
                    std::this_thread::yield();
                    continue;
                }
                op->posted_ns = t + 1; // ours alone
                current[t] = op->id;
                const uint64_t other = current[(t + 1) % 4]; // of somebody else, perhaps gone by now
                pool.with(other, [&](operation& o) { EXPECT_EQ(other, o.id); });
                EXPECT_EQ(t + 1, op->posted_ns);
                ++taken;
                pool.release(*op);
            }
        });
    for (auto& t : threads)
        t.join();
    EXPECT_GT(taken, 100u);
}

} // namespace
} // namespace nixl::test
