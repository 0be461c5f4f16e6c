#include "soak/target_lane.hpp"

#include "core/failure.hpp"
#include "support/pattern.hpp"

#include <signal.h>

#include <chrono>
#include <thread>

namespace nixl::soak {

using namespace nixl::test;

bool target_lane::round(std::mt19937_64& random, uint64_t) {
    constexpr uint64_t bytes = 4 << 20;
    const wire& over = wires_[pick(random, wires_.size())];
    step(std::string("starting over ") + over.name);
    std::vector<std::byte> memory(bytes); // before the agent: outlives it
    agent_options o;
    o.transports = over.transport;
    o.quiesce_grace_ns = 300'000'000;
    test_agent here("here-target", o);
    peer_options other;
    other.name = "there-target";
    other.transports = over.transport;
    other.bytes = bytes;
    other.arena = over.arena;
    peer_process there(other);
    if (!here.ok() || !there.ok())
        return wrong("no agent: " + here.last_error() + there.error());
    fill_poison(memory);
    const uint64_t region = here.add_region(memory);
    step("letting it write");
    const uint64_t back = there.connect(here.metadata());
    if (back == 0)
        return wrong("it does not connect: " + there.error());
    if (!there.fill(11) || !there.hammer(back, reinterpret_cast<uint64_t>(memory.data()), bytes))
        return wrong("it does not write");
    if (const uint64_t at = first_difference(memory, 11); at != all_match)
        return wrong("byte " + std::to_string(at) + " of a write that succeeded is wrong");
    std::this_thread::sleep_for(std::chrono::microseconds(pick(random, 20'000)));
    const uint64_t kind = pick(random, 4);
    step("disturbing it");
    if (kind == 1) {
        count_fault("writer killed");
        there.signal(SIGKILL);
    } else if (kind == 2) {
        count_fault("writer stopped");
        there.signal(SIGSTOP);
    } else if (kind == 3) {
        count_fault("writer cut by closing");
    }
    step("taking the memory back");
    if (kind == 3) {
        (void)here.destroy();
    } else {
        int32_t status = here.remove_region(region, 2 * second_ns);
        if (status == NIXL_ERR_BUSY && kind == 2 && over.transport == NIXL_TRANSPORT_LOCAL) {
            there.signal(SIGCONT); // it was stopped inside, where it cannot be fenced
            status = here.remove_region(region, 10 * second_ns);
        }
        if (status != NIXL_SUCCESS)
            return wrong(std::string("the memory does not come back: ") + status_name(status));
    }
    count_outcome(NIXL_SUCCESS, bytes);
    fill_poison(memory);
    if (kind == 2)
        there.signal(SIGCONT);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + pick(random, 80)));
    if (const uint64_t at = first_not_poison(memory); at != all_match)
        return wrong("byte " + std::to_string(at) + " changed after the memory was taken back");
    return true;
}

} // namespace nixl::soak
