// One agent in a test, with its memory and the events it has read. Everything waits with a deadline and fails the test
// with the library's own words.
#pragma once

#include "nixl_sdk.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nixl_test {

inline constexpr uint64_t second = 1'000'000'000u;
inline constexpr uint64_t patience = 20 * second; // for things that should happen; generous, machines are slow

std::string last_error_text();
nixl_error_t last_error();

// EXPECT_OK(nixl_…(…)): prints the last error on failure.
testing::AssertionResult succeeded(int32_t status);
#define EXPECT_OK(call) EXPECT_TRUE(::nixl_test::succeeded(call))
#define ASSERT_OK(call) ASSERT_TRUE(::nixl_test::succeeded(call))
// EXPECT_STATUS(NIXL_ERR_…, call)
#define EXPECT_STATUS(expected, call)                                                                                  \
    EXPECT_STREQ(nixl_status_name(expected), nixl_status_name(call)) << ::nixl_test::last_error_text()

struct message {
    nixl_notification_t header{};
    std::vector<uint8_t> payload;
    std::string text() const { return {payload.begin(), payload.end()}; }
};

// The two ends of an operation as they were reported.
struct ended {
    nixl_event_t outcome{};
    nixl_event_t quiesced{};
    bool one_event = false;
};

nixl_agent_params_t agent_params(const char* name, uint32_t transports);

class node {
  public:
    explicit node(const nixl_agent_params_t& params);
    node(const char* name, uint32_t transports) : node(agent_params(name, transports)) {}
    ~node();
    node(const node&) = delete;
    node& operator=(const node&) = delete;

    nixl_agent_t* get() const noexcept { return agent_; }
    bool usable() const noexcept { return agent_ != nullptr; }
    void destroy();

    std::vector<uint8_t> metadata() const;
    uint64_t add(const void* address, uint64_t length); // registers DRAM; returns the region
    // Connects and waits for the outcome.
    uint64_t connect(const node& to, uint32_t transports = 0);
    uint64_t connect(const std::vector<uint8_t>& blob, uint32_t transports = 0, int32_t expected = NIXL_SUCCESS);
    nixl_peer_info_t peer(uint64_t id) const;

    uint64_t list(uint64_t peer, const std::vector<nixl_strided_region_t>& regions,
                  nixl_list_mode_t mode = NIXL_LIST_BLOCK);

    // Ends of the operation posted with that user_data; fails the test after `timeout`.
    ended wait_end(uint64_t user_data, uint64_t timeout = patience);
    nixl_event_t wait_event(const std::function<bool(const nixl_event_t&)>& wanted, uint64_t timeout = patience);
    message wait_message(uint64_t timeout = patience);
    bool has_message();
    void pump(uint64_t timeout);     // reads what is there, waits at most so long for something
    std::deque<nixl_event_t> events; // read and not yet asked for
    nixl_transport_counters_t counters(nixl_transport_t kind) const;

  private:
    nixl_agent_t* agent_ = nullptr;
};

nixl_strided_region_t region(const void* base, uint64_t length, uint64_t count = 1, uint64_t stride = 0);

struct post {
    uint32_t op = NIXL_OP_WRITE;
    uint64_t local_list = 0;
    uint64_t remote_list = 0;
    std::vector<uint32_t> local_ids{};
    std::vector<uint32_t> remote_ids{};
    std::optional<std::string> notification{};
    uint64_t timeout_ns = patience;
    uint64_t user_data = 1;
    nixl_request_header_t request{};

    int32_t operator()(const node& by, uint64_t* id = nullptr) const;
};

int32_t notify(const node& by, uint64_t peer, const std::string& payload, uint64_t user_data,
               uint64_t timeout_ns = patience, uint64_t* id = nullptr);

// Memory whose every byte is known: poison, or a pattern that depends on a seed and the position.
void poison(std::span<uint8_t> memory, uint8_t value = 0xA5);
void fill(std::span<uint8_t> memory, uint64_t seed);
uint8_t pattern(uint64_t seed, uint64_t position);

// Page-aligned memory of the test's own, zeroed.
class buffer {
  public:
    explicit buffer(uint64_t bytes);
    ~buffer();
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    uint8_t* data() const noexcept { return data_; }
    uint64_t size() const noexcept { return size_; }
    std::span<uint8_t> bytes() const noexcept { return {data_, size_}; }

  private:
    uint8_t* data_ = nullptr;
    uint64_t size_ = 0;
};

} // namespace nixl_test
