// The soak test: everything at once, at random, for as long as it is told to. ./test.sh --soak MINUTES [SEED].
//
//   nixl_soak MINUTES [SEED] [LANE [ROUND]]     LANE: only this one; ROUND: play this round only
//
// Prints a line every 10 s, and at the end counts and a verdict. Exit: 0 good, 1 something was wrong, 3 something hung.
#include "core/deadline.hpp"
#include "soak/efa_lane.hpp"
#include "soak/initiator_lane.hpp"
#include "soak/target_lane.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

namespace {

using namespace nixl;
using namespace nixl::soak;

constexpr uint64_t hang_ns = 120'000'000'000;

constexpr wire wires[] = {
    {"arena", NIXL_TRANSPORT_LOCAL, true, UINT64_MAX, NIXL_PACKING_AUTO},
    {"foreign", NIXL_TRANSPORT_LOCAL, false, UINT64_MAX, NIXL_PACKING_AUTO},
    {"tcp", NIXL_TRANSPORT_FABRIC, false, UINT64_MAX, NIXL_PACKING_NEVER},
    {"packed", NIXL_TRANSPORT_FABRIC, false, 6'000, NIXL_PACKING_ALWAYS},
    {"mixed", NIXL_TRANSPORT_FABRIC, false, UINT64_MAX, NIXL_PACKING_AUTO}, // packed where it is cheaper
};

void print_state(const std::vector<std::unique_ptr<lane>>& lanes) {
    for (const auto& l : lanes)
        std::printf("  %s\n", l->where().c_str());
    std::error_code ignored;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
        std::string name;
        std::string waits;
        std::getline(std::ifstream(task.path() / "comm"), name);
        std::getline(std::ifstream(task.path() / "wchan"), waits);
        std::printf("  thread %s %s in %s\n", task.path().filename().c_str(), name.c_str(), waits.c_str());
    }
    std::fflush(stdout);
}

void print_progress(const std::vector<std::unique_ptr<lane>>& lanes, uint64_t seconds) {
    std::printf("%5llu s", static_cast<unsigned long long>(seconds));
    for (const auto& l : lanes) {
        const tally t = l->seen();
        std::printf("  %s %llu rounds %.1f GiB", l->name().c_str(), static_cast<unsigned long long>(t.rounds),
                    static_cast<double>(t.bytes) / (1 << 30));
    }
    std::printf("\n");
    std::fflush(stdout);
}

void print_counts(const std::vector<std::unique_ptr<lane>>& lanes) {
    for (const auto& l : lanes) {
        const tally t = l->seen();
        std::printf("%-10s %6llu rounds %8llu operations %8.2f GiB compared\n", l->name().c_str(),
                    static_cast<unsigned long long>(t.rounds), static_cast<unsigned long long>(t.operations),
                    static_cast<double>(t.bytes) / (1 << 30));
        for (const auto& [what, count] : t.outcomes)
            std::printf("             %8llu %s\n", static_cast<unsigned long long>(count), what.c_str());
        for (const auto& [what, count] : t.faults)
            std::printf("             %8llu x %s\n", static_cast<unsigned long long>(count), what.c_str());
    }
}

// Until the time is over, something was wrong (1), or something hangs (3).
int watch(const std::vector<std::unique_ptr<lane>>& lanes, const std::vector<std::thread>& threads,
          std::atomic<size_t>& running, const deadline& until) {
    const uint64_t begin = now_ns();
    uint64_t next_line = begin + 10'000'000'000;
    while (running != 0 && threads.size() != 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        const uint64_t now = now_ns();
        for (const auto& l : lanes) {
            if (!l->failure().empty())
                return 1;
            const uint64_t since = l->step_since();
            if (since != UINT64_MAX && now > since + hang_ns) {
                std::printf("HANGS: %s for %llu s\n", l->where().c_str(),
                            static_cast<unsigned long long>((now - since) / 1'000'000'000));
                print_state(lanes);
                std::_Exit(3);
            }
        }
        if (now >= next_line) {
            print_progress(lanes, (now - begin) / 1'000'000'000);
            next_line += 10'000'000'000;
        }
        if (until.passed(now))
            return 0;
    }
    return 0;
}

} // namespace

int main(int count, char** arguments) {
    const double minutes = count > 1 ? std::atof(arguments[1]) : 0; // NOLINT(cert-err34-c): checked next
    if (!(minutes > 0)) {
        std::fprintf(stderr, "usage: nixl_soak MINUTES [SEED] [LANE [ROUND]]\n");
        return 2;
    }
    const uint64_t seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : std::random_device{}();
    const std::string only = count > 3 ? arguments[3] : "";
    const bool one_round = count > 4;
    const uint64_t first = one_round ? std::strtoull(arguments[4], nullptr, 10) : 0;
    std::printf("soak: %.1f minutes, seed %llu\n", minutes, static_cast<unsigned long long>(seed));
    std::fflush(stdout);

    std::vector<std::unique_ptr<lane>> lanes;
    for (const wire& w : wires)
        if (only.empty() || only == w.name)
            lanes.push_back(std::make_unique<initiator_lane>(w, seed));
    if (only.empty() || only == "target")
        lanes.push_back(std::make_unique<target_lane>(std::vector<wire>(std::begin(wires), std::end(wires)), seed));
    if (only.empty() || only == "efa")
        lanes.push_back(std::make_unique<efa_lane>(seed));
    if (lanes.empty()) {
        std::fprintf(stderr, "there is no lane %s\n", only.c_str());
        return 2;
    }
    std::atomic<bool> stop{false};
    std::atomic<size_t> running{lanes.size()};
    std::vector<std::thread> threads;
    for (const auto& l : lanes)
        threads.emplace_back([&, at = l.get()] {
            (void)at->play(stop, first, one_round);
            --running;
        });
    int result = watch(lanes, threads, running, deadline::after(static_cast<uint64_t>(minutes * 60e9)));
    stop = true;
    // The rounds that are under way end; they have their own limits.
    const deadline patience = deadline::after(hang_ns);
    while (running != 0 && !patience.passed())
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (running != 0) {
        std::printf("HANGS at the end:\n");
        print_state(lanes);
        std::_Exit(3);
    }
    for (auto& t : threads)
        t.join();
    print_counts(lanes);
    for (const auto& l : lanes)
        if (!l->failure().empty()) {
            std::printf("WRONG: %s\n", l->failure().c_str());
            result = 1;
        }
    std::printf("soak: %s (seed %llu)\n", result == 0 ? "GOOD" : "FAILED", static_cast<unsigned long long>(seed));
    return result;
}
