// One strand of the soak test: a thread with its own agent and its own other process, that plays rounds until the time
// is over. Everything random in a round comes from (seed, lane, round), so that one round can be played again alone.
#pragma once

#include "support/test_agent.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>

namespace nixl::soak {

struct wire {
    const char* name;
    uint32_t transport;
    bool arena;
    uint64_t largest_piece;
    uint32_t packing; // fabric
};

// What has been seen, for the progress line and the verdict.
struct tally {
    uint64_t rounds = 0;
    uint64_t operations = 0;
    uint64_t bytes = 0; // of operations that succeeded, each of them compared
    std::map<std::string, uint64_t> outcomes;
    std::map<std::string, uint64_t> faults;
};

class lane {
  public:
    lane(std::string name, uint64_t seed) : name_(std::move(name)), seed_(seed) {}
    virtual ~lane() = default;
    lane(const lane&) = delete;
    lane& operator=(const lane&) = delete;

    // Plays rounds `first`, `first`+1, … until `stop` or, with `only_first`, one. False: something was wrong.
    bool play(const std::atomic<bool>& stop, uint64_t first, bool only_first);

    const std::string& name() const noexcept { return name_; }
    tally seen() const {
        const std::lock_guard lock(mutex_);
        return tally_;
    }
    std::string failure() const {
        const std::lock_guard lock(mutex_);
        return failure_;
    }
    // For the watchdog: since when it is at this step, and what that is.
    uint64_t step_since() const noexcept { return step_since_.load(); }
    std::string where() const;

  protected:
    // One round; false after wrong(). `random` is this round's own.
    virtual bool round(std::mt19937_64& random, uint64_t number) = 0;

    void step(const std::string& what);
    bool wrong(const std::string& what); // always false
    void count_fault(const char* what);
    void count_outcome(int32_t status, uint64_t bytes);

    static uint64_t pick(std::mt19937_64& random, uint64_t n) { return random() % n; }

  private:
    const std::string name_;
    const uint64_t seed_;
    std::atomic<uint64_t> step_since_{UINT64_MAX};
    mutable std::mutex mutex_;
    tally tally_;
    std::string failure_;
    std::string step_ = "not started";
    uint64_t number_ = 0;
};

} // namespace nixl::soak
