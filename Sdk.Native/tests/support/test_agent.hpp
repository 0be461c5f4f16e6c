// An agent driven through the C ABI, as a binding would: RAII, events sorted by user_data, every wait with a deadline.
// For one test thread.
#pragma once

#include "nixl_sdk.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nixl::test {

inline constexpr uint64_t second_ns = 1'000'000'000;
inline constexpr uint64_t patience_ns = 30 * second_ns; // for what should succeed, on a busy machine

struct agent_options {
    uint32_t transports = NIXL_TRANSPORT_FABRIC;
    uint64_t incarnation = 0; // 0: random
    uint32_t max_notifications = 0;
    uint32_t window_operations = 0;
    uint64_t window_bytes = 0;
    uint64_t chunk_bytes = 0;
    uint64_t suspect_after_ns = 0;
    uint64_t quiesce_grace_ns = 0;
    uint32_t packing = NIXL_PACKING_AUTO;
    uint64_t packing_piece_bytes = 0;
    uint64_t staging_bytes = 0;
    std::string fabric_library;
    std::string fabric_provider; // empty, as listen_host: see test_network.hpp
    std::string listen_host;
    std::string advertise_host;
    std::string fabric_rails;
};

// What happened to one operation: both ends, which may come in one event or two.
struct outcome {
    nixl_event_t event{};
    bool settled = false;
    bool quiesced = false;
    uint32_t settled_count = 0;
    uint32_t quiesced_count = 0;
};

struct received_notification {
    nixl_notification_t header{};
    std::vector<uint8_t> payload;
};

class test_agent {
  public:
    explicit test_agent(const std::string& name, const agent_options& options = {});
    ~test_agent();
    test_agent(const test_agent&) = delete;
    test_agent& operator=(const test_agent&) = delete;

    bool ok() const noexcept { return agent_ != nullptr; }
    int32_t create_status() const noexcept { return create_status_; }
    nixl_agent_t* get() const noexcept { return agent_; }
    int32_t destroy(uint64_t timeout_ns = 5 * second_ns);

    std::vector<uint8_t> metadata() const;
    uint64_t add_region(std::span<std::byte> memory); // 0: failed
    int32_t remove_region(uint64_t region, uint64_t timeout_ns = 10 * second_ns);

    // Starts and waits. 0 with the status in connect_status if it did not connect.
    uint64_t connect(std::span<const uint8_t> metadata, uint64_t timeout_ns = patience_ns);
    int32_t connect_status = NIXL_SUCCESS;
    std::string connect_text; // why
    nixl_peer_info_t info(uint64_t peer) const;
    std::vector<nixl_rail_info_t> rails(uint64_t peer) const;
    // Waits until the peer has this state.
    bool wait_state(uint64_t peer, nixl_peer_state_t state, uint64_t timeout_ns = patience_ns);

    // peer 0: local. 0: failed.
    uint64_t list(uint64_t peer, std::span<const nixl_strided_region_t> regions,
                  nixl_list_mode_t mode = NIXL_LIST_BLOCK);

    struct post {
        nixl_op_t op = NIXL_OP_WRITE;
        uint64_t local = 0;
        uint64_t remote = 0;
        std::span<const uint32_t> local_ids = {};
        std::span<const uint32_t> remote_ids = {};
        std::optional<std::span<const uint8_t>> notification = std::nullopt;
        uint64_t timeout_ns = patience_ns;
    };
    // The operation's number for wait(); 0 and the status in post_status if it was refused.
    uint64_t start(const post& p);
    uint64_t notify(uint64_t peer, std::span<const uint8_t> payload, uint64_t timeout_ns = patience_ns);
    int32_t post_status = NIXL_SUCCESS;
    uint64_t handle(uint64_t operation) const { return handles_.at(operation); }
    int32_t cancel(uint64_t operation) { return nixl_transfer_cancel(agent_, handle(operation)); }

    // Until the operation is settled, or quiesced; false: the time is over.
    bool wait_settled(uint64_t operation, uint64_t timeout_ns = patience_ns);
    bool wait_quiesced(uint64_t operation, uint64_t timeout_ns = patience_ns);
    const outcome& result(uint64_t operation) { return outcomes_[operation]; }
    // Start, wait for both ends, return the status.
    int32_t run(const post& p);

    std::optional<received_notification> next_notification(uint64_t timeout_ns = patience_ns);
    nixl_transport_counters_t counters(nixl_transport_t transport) const;
    std::string describe() const;
    std::string last_error() const;
    // What it remembers of operations that have ended; for tests that count memory.
    void forget();
    // Handles the events that wait now.
    void drain();
    // Handles events until `done` or the time is over; then false.
    bool wait_until(const std::function<bool()>& done, uint64_t timeout_ns = patience_ns);

  private:
    template <typename Done>
    bool wait_for(uint64_t timeout_ns, Done&& done);

    nixl_agent_t* agent_ = nullptr;
    int32_t create_status_ = NIXL_SUCCESS;
    uint64_t next_ = 1;
    std::map<uint64_t, outcome> outcomes_; // by user_data
    std::map<uint64_t, uint64_t> handles_;
};

inline nixl_strided_region_t strided(const void* base, uint64_t stride, uint64_t length, uint64_t count) {
    nixl_strided_region_t r{};
    r.base = reinterpret_cast<uint64_t>(base);
    r.stride = stride;
    r.length = length;
    r.count = count;
    r.kind = NIXL_MEMORY_DRAM;
    return r;
}

} // namespace nixl::test
