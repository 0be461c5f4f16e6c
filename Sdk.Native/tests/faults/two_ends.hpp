// One column of docs/faults.md: an agent here and one in another process, connected over one transport, and what every
// cell of the table states of an operation: its outcome and when it came, and when its memory was free again.
#pragma once

#include "support/pattern.hpp"
#include "support/peer_process.hpp"
#include "support/process_resources.hpp"
#include "support/test_agent.hpp"
#include "support/test_network.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace nixl::test {

inline constexpr uint64_t millisecond_ns = 1'000'000;

// How the bytes travel.
struct wire {
    const char* name = "";
    uint32_t transport = 0;
    bool arena = false;                   // the other one's memory
    uint32_t packing = NIXL_PACKING_AUTO; // fabric

    bool local() const noexcept { return transport == NIXL_TRANSPORT_LOCAL; }
    friend void PrintTo(const wire& w, std::ostream* out) { *out << w.name; } // gtest's
    bool packed() const noexcept { return packing == NIXL_PACKING_ALWAYS; }
};

// Pieces up to this size are packed on the wire that packs; on that wire no test uses larger ones.
inline constexpr uint64_t packed_piece_bytes = 8192;

// What an agent needs to use a wire, and no other.
agent_options options_of(const wire& w);

// arena, foreign, packed and tcp; where NIXL_TEST_PROVIDER names another provider (the lab), that one alone.
std::vector<wire> wires();
inline std::string wire_name(const testing::TestParamInfo<wire>& info) {
    return info.param.name;
}

struct column_options {
    uint64_t bytes = 8 << 20; // on both sides
    uint64_t piece = 1 << 20;
    uint32_t max_notifications = 0; // of the other one
    uint64_t suspect_after_ns = 0;  // here
    uint64_t quiesce_grace_ns = 0;  // here
    uint32_t window_operations = 0; // here
    uint64_t chunk_bytes = 0;       // here
    std::string name = "there";
    std::string here_host{}; // fabric: addresses of the two
    std::string there_host{};
    bool own_network = false;
    std::function<bool(pid_t)> configure{};
};

class two_ends : public testing::TestWithParam<wire> {
  protected:
    // All of it, connected, with lists over the whole memory, filled here and poisoned there.
    void begin(const column_options& o = {});
    void start_other(); // another process with the same options, not connected yet
    // Connects to the other process as it is now and makes `remote` for it.
    void join();
    // Runs `scenario` until it took at most `promise_ns` or has been tried five times: others use this machine too.
    template <class Scenario>
    void expect_within(uint64_t promise_ns, Scenario&& scenario);

    // The whole memory, in random order, or the pieces `ids`.
    uint64_t write(uint64_t timeout_ns = patience_ns, bool notify = false);
    uint64_t read(uint64_t timeout_ns = patience_ns);
    uint64_t move(nixl_op_t op, std::span<const uint32_t> from, std::span<const uint32_t> to, uint64_t timeout_ns,
                  bool notify = false);

    int32_t status(uint64_t operation) { return here->result(operation).event.status; }
    // Both ends have come, each once, in this order and the outcome at the latest at its deadline.
    void expect_ended(uint64_t operation, uint64_t timeout_ns = patience_ns);
    // The registration here refuses to go: an operation still has it.
    void expect_locked();
    // Nothing has it any more: it goes at once, and comes back for what follows.
    void expect_free();

    // The bytes there, without the other process's help (it may be stopped).
    std::vector<std::byte> peek();
    // Everything that write() writes is there.
    void expect_written(uint64_t seed = 1);
    void stop();   // SIGSTOP, until it has stopped
    void resume(); // SIGCONT

    static std::span<const uint8_t> text(std::string_view s) {
        return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
    }

    column_options options;
    std::vector<std::byte> memory; // before the agent: outlives it
    std::unique_ptr<peer_process> there;
    std::unique_ptr<test_agent> here;
    uint64_t region = 0;
    uint64_t peer = 0;
    uint64_t local = 0;
    uint64_t remote = 0;
    std::vector<uint32_t> ids; // of all pieces, shuffled: piece ids[i] here is piece ids[i] there
};

template <class Scenario>
void two_ends::expect_within(uint64_t promise_ns, Scenario&& scenario) {
    promise_ns *= test_slowness();
    constexpr int tries = 5;
    uint64_t took = 0;
    for (int i = 0; i < tries; ++i) {
        took = scenario();
        if (testing::Test::HasFatalFailure() || took <= promise_ns)
            break;
    }
    RecordProperty("milliseconds", std::to_string(took / millisecond_ns));
    EXPECT_LE(took, promise_ns) << "in each of " << tries << " tries";
}

} // namespace nixl::test
