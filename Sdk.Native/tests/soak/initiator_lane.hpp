// We write to and read from the other process, and it is killed, stopped, restarted, deregisters, or we cancel, give up
// or close: in the middle of it. Afterwards every byte of both sides is compared.
#pragma once

#include "fabric/scattered.hpp"
#include "soak/lane.hpp"
#include "support/peer_process.hpp"

#include <memory>
#include <vector>

namespace nixl::soak {

class initiator_lane final : public lane {
  public:
    initiator_lane(const wire& over, uint64_t seed) : lane(over.name, seed), wire_(over) {}

  private:
    enum class fault { none, cancel, kill, stop, stop_long, deregister, invalidate, restart, close };

    // One operation of a round: which blocks, and what it was told.
    struct planned {
        std::vector<uint32_t> local;
        std::vector<uint32_t> remote;
        uint64_t timeout_ns = 0;
        bool notify = false;
        uint64_t operation = 0; // 0: refused
        int32_t status = NIXL_ERR_NOT_POSTED;
    };

    bool round(std::mt19937_64& random, uint64_t number) override;
    bool make_ready();
    bool start_there();
    bool plan(std::mt19937_64& random, uint64_t number);
    bool post_all();
    bool inject(std::mt19937_64& random);
    bool await_all();
    bool check_statuses();
    bool check_memory(uint64_t number);
    bool check_notifications();
    bool check_one(const planned& p, std::span<const std::byte> source, std::span<const std::byte> got,
                   std::vector<bool>& touched);

    const wire wire_;
    static constexpr uint64_t bytes_ = 4 << 20;
    static constexpr uint64_t grace_ns_ = 300'000'000;

    std::vector<std::byte> memory_; // before the agent: outlives it
    std::unique_ptr<test::peer_process> there_;
    std::unique_ptr<test::test_agent> here_;
    uint64_t restarts_ = 0;
    uint64_t peer_ = 0;

    // The round's.
    std::unique_ptr<test::scattered> local_layout_;
    std::unique_ptr<test::scattered> remote_layout_;
    std::vector<std::byte> before_there_;
    std::vector<std::byte> before_here_;
    std::vector<planned> planned_;
    nixl_op_t op_ = NIXL_OP_WRITE;
    fault fault_ = fault::none;
    bool gone_ = false;       // the other process is dead, or another one by now
    bool taken_back_ = false; // it has deregistered, and poisoned what was registered
};

} // namespace nixl::soak
