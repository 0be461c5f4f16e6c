// Walks the arrival model: every interleaving of small ones, random ones of larger ones.
#include "core/arrival_model.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <unordered_set>

namespace nixl {
namespace {

using setup = arrival_model::setup;
using step = arrival_model::step;

struct walked {
    uint64_t states = 0;
    uint64_t steps = 0;
    uint64_t ends = 0;
    uint64_t late = 0;
    std::string violation;
    std::string path;
};

std::string words(const std::vector<step>& path) {
    static constexpr const char* names[] = {"send", "place",  "count",  "acknowledge", "announce",
                                            "kill", "cancel", "replay", "to_target",   "to_initiator"};
    std::string s;
    for (const step& p : path)
        s += std::string(names[static_cast<std::size_t>(p.kind)]) + '(' + std::to_string(p.a) + ',' +
             std::to_string(p.b) + ") ";
    return s;
}

// Depth first over all states; a state that was seen is not walked again. The real objects cannot be copied, so a step
// back replays the path to where it came from. Stops at the first violation that has the wanted words in it.
walked walk_all(const setup& s, const std::string& wanted = "") {
    walked w;
    std::unordered_set<std::size_t> seen;
    std::vector<step> path;
    const auto replayed = [&] {
        auto m = std::make_unique<arrival_model>(s);
        for (const step& p : path)
            m->take(p);
        return m;
    };
    const std::function<void(std::unique_ptr<arrival_model>)> visit = [&](std::unique_ptr<arrival_model> m) {
        std::vector<step> next;
        m->enabled(next);
        if (next.empty()) {
            ++w.ends;
            w.late += m->late();
            m->check_end();
            if (!m->violation().empty() && m->violation().find(wanted) != std::string::npos)
                w = {w.states, w.steps, w.ends, w.late, m->violation(), words(path)};
            return;
        }
        for (std::size_t i = 0; i < next.size() && w.violation.empty(); ++i) {
            auto child = i + 1 < next.size() ? replayed() : std::move(m);
            path.push_back(next[i]);
            child->take(next[i]);
            ++w.steps;
            if (!child->violation().empty()) {
                if (child->violation().find(wanted) != std::string::npos)
                    w = {w.states, w.steps, w.ends, w.late, child->violation(), words(path)};
            } else if (seen.insert(std::hash<std::string>{}(child->signature())).second) {
                ++w.states;
                visit(std::move(child));
            }
            path.pop_back();
        }
    };
    visit(replayed());
    return w;
}

walked walk_random(const setup& s, uint64_t seed, uint32_t runs) {
    walked w;
    std::mt19937_64 random(seed);
    for (uint32_t run = 0; run < runs && w.violation.empty(); ++run) {
        arrival_model m(s);
        std::vector<step> path, next;
        for (m.enabled(next); !next.empty() && m.violation().empty(); m.enabled(next)) {
            path.push_back(next[random() % next.size()]);
            m.take(path.back());
            ++w.steps;
        }
        if (m.violation().empty())
            m.check_end();
        ++w.ends;
        w.late += m.late();
        if (!m.violation().empty()) {
            w.violation = m.violation();
            w.path = words(path);
        }
    }
    return w;
}

void expect_clean(const char* name, const setup& s) {
    const walked w = walk_all(s);
    std::printf("%s: %llu states, %llu steps, %llu ends\n", name, static_cast<unsigned long long>(w.states),
                static_cast<unsigned long long>(w.steps), static_cast<unsigned long long>(w.ends));
    EXPECT_EQ(w.violation, "") << w.path;
    EXPECT_GT(w.ends, 0u);
}

TEST(arrival_model, every_interleaving_of_one_request_a_dead_rail_and_a_replay) {
    expect_clean("2 writes, 2 rails", {.writes = 2, .slots = 2});
}

TEST(arrival_model, every_interleaving_of_two_requests_that_share_a_slot) {
    expect_clean("2 requests of 1 write, 1 slot", {.requests = 2, .writes = 1, .slots = 1});
}

TEST(arrival_model, every_interleaving_of_a_cancel_and_a_dead_rail) {
    expect_clean("1 request of 2 writes, cancelled or not", {.writes = 2, .slots = 1, .replays = 0, .cancels = 1});
}

TEST(arrival_model, every_interleaving_of_two_dead_rails) {
    expect_clean("1 request of 1 write, 3 rails", {.rails = 3, .writes = 1, .slots = 1, .kills = 2});
}

TEST(arrival_model, random_walks_of_larger_ones) {
    for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
        const walked w = walk_random(
            {.rails = 4, .requests = 6, .writes = 5, .slots = 3, .kills = 3, .replays = 6, .cancels = 2}, seed, 1500);
        EXPECT_EQ(w.violation, "") << "seed " << seed << ": " << w.path;
        EXPECT_GT(w.late, 0u);
    }
}

struct caught {
    mistake wrong;
    const char* what;
    setup in;
};

TEST(arrival_model, finds_each_mistake) {
    const setup one{.writes = 2, .slots = 2, .replays = 0};
    for (const caught& c : {caught{mistake::one_completion_early, "before all bytes", one},
                            caught{mistake::repeats_before_the_fence, "changes a block", one},
                            caught{mistake::endpoint_stays_open, "changes a block", one},
                            caught{mistake::adds_two_attempts, "before all bytes", one},
                            caught{mistake::earlier_attempt_unproven, "before all bytes", one},
                            caught{mistake::announces_a_dying_rail, "before all bytes", one},
                            caught{mistake::repeats_what_was_counted, "changes a block", one}}) {
        setup s = c.in;
        s.wrong = c.wrong;
        const walked w = walk_all(s, c.what);
        EXPECT_NE(w.violation, "") << static_cast<int>(c.wrong) << ": nobody noticed, or not that: " << c.what;
    }
}

} // namespace
} // namespace nixl
