#include "soak/lane.hpp"

#include "core/deadline.hpp"
#include "core/failure.hpp"

#include <functional>

namespace nixl::soak {

bool lane::play(const std::atomic<bool>& stop, uint64_t first, bool only_first) {
    for (uint64_t number = first; !stop; ++number) {
        std::seed_seq mix{static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32),
                          static_cast<uint32_t>(std::hash<std::string>{}(name_)), static_cast<uint32_t>(number)};
        std::mt19937_64 random(mix);
        {
            const std::lock_guard lock(mutex_);
            number_ = number;
        }
        const bool good = round(random, number);
        {
            const std::lock_guard lock(mutex_);
            ++tally_.rounds;
        }
        if (!good) {
            step_since_ = UINT64_MAX;
            return false;
        }
        if (only_first)
            break;
    }
    step("done");
    step_since_ = UINT64_MAX;
    return true;
}

std::string lane::where() const {
    const std::lock_guard lock(mutex_);
    return name_ + " round " + std::to_string(number_) + ": " + step_;
}

void lane::step(const std::string& what) {
    const std::lock_guard lock(mutex_);
    step_ = what;
    step_since_ = now_ns();
}

bool lane::wrong(const std::string& what) {
    const std::lock_guard lock(mutex_);
    failure_ = "lane " + name_ + ", round " + std::to_string(number_) + ", at \"" + step_ + "\": " + what;
    return false;
}

void lane::count_fault(const char* what) {
    const std::lock_guard lock(mutex_);
    ++tally_.faults[what];
}

void lane::count_outcome(int32_t status, uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    ++tally_.operations;
    ++tally_.outcomes[status_name(status)];
    if (status == NIXL_SUCCESS)
        tally_.bytes += bytes;
}

} // namespace nixl::soak
