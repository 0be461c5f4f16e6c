// Every order in which the steps of several actors can follow each other.
//
// An actor is a list of steps; a step may be told to try again later (it waits for something). explore() runs a fresh
// world for each order, depth first, until all orders are done or `limit` worlds were run; then `seed` goes on at
// random, so that large models are sampled and small ones are complete.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace nixl::test {

enum class step_result : uint8_t { done, blocked };

template <class World>
struct actor {
    std::string name;
    std::vector<std::function<step_result(World&)>> steps;
};

struct exploration {
    uint64_t orders = 0;
    bool complete = false;  // every order was run
    std::string deadlocked; // the order that ended with actors waiting for each other; empty: none
};

// `check(world)` holds after every step, `finally(world)` at the end of each order; both report through gtest. Stops at
// the first order for which `failed()` is true.
template <class World, class Make, class Check, class Finally, class Failed>
exploration explore(const std::vector<actor<World>>& actors, Make&& make, Check&& check, Finally&& finally,
                    Failed&& failed, uint64_t limit, uint64_t seed = 1) {
    exploration result;
    std::vector<size_t> choices; // of the order being run: index among the actors that had steps left
    std::vector<size_t> widths;
    std::mt19937_64 random(seed);
    bool sampling = false;
    for (;;) {
        auto world = make();
        std::vector<size_t> at(actors.size());
        std::vector<bool> waits(actors.size());
        std::string order;
        size_t depth = 0;
        for (;;) {
            std::vector<size_t> able;
            for (size_t a = 0; a < actors.size(); ++a)
                if (at[a] < actors[a].steps.size() && !waits[a])
                    able.push_back(a);
            if (able.empty())
                break;
            if (depth == choices.size()) {
                choices.push_back(sampling ? random() % able.size() : 0);
                widths.push_back(able.size());
            }
            const size_t a = able[choices[depth++]];
            order += actors[a].name + std::to_string(at[a]) + " ";
            if (actors[a].steps[at[a]](*world) == step_result::done) {
                ++at[a];
                waits.assign(actors.size(), false); // it may have made way
            } else {
                waits[a] = true;
            }
            check(*world);
            if (failed()) {
                result.deadlocked = "failed in the order " + order;
                return result;
            }
        }
        ++result.orders;
        for (size_t a = 0; a < actors.size(); ++a)
            if (at[a] < actors[a].steps.size()) {
                result.deadlocked = order;
                return result;
            }
        finally(*world);
        if (failed()) {
            result.deadlocked = "failed at the end of the order " + order;
            return result;
        }
        if (sampling) {
            if (result.orders >= 2 * limit)
                return result;
            choices.clear();
            widths.clear();
            continue;
        }
        // The next order: the last choice that has another way.
        while (!choices.empty() && choices.back() + 1 == widths.back()) {
            choices.pop_back();
            widths.pop_back();
        }
        if (choices.empty()) {
            result.complete = true;
            return result;
        }
        ++choices.back();
        if (result.orders >= limit) {
            sampling = true;
            choices.clear();
            widths.clear();
        }
    }
}

} // namespace nixl::test
