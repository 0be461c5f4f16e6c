// A second process with an agent in it (tests/support/peer_main.cpp), steered by lines over pipes. Killed and reaped by
// the destructor.
#pragma once

#include "control/unique_fd.hpp"
#include "nixl_sdk.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nixl::test {

struct peer_options {
    std::string name = "other";
    uint32_t transports = NIXL_TRANSPORT_FABRIC;
    uint64_t bytes = 1 << 20; // of its one buffer, registered
    bool arena = false;       // the buffer comes from nixl_arena_create
    uint32_t max_notifications = 0;
    std::string more; // further words of the agent command: see option() in peer_main.cpp
    // Its own network name space: nothing but a lo that is down, until the test adds something to it.
    bool own_network = false;
    std::function<bool(pid_t)> configure; // called when that name space exists, before the agent is made
};

class peer_process {
  public:
    // ok() tells whether it runs and has made its agent.
    explicit peer_process(const peer_options& options);
    ~peer_process();
    peer_process(const peer_process&) = delete;
    peer_process& operator=(const peer_process&) = delete;

    bool ok() const noexcept { return ok_; }
    const std::string& error() const noexcept { return error_; }
    pid_t pid() const noexcept { return pid_; }
    uint64_t address() const noexcept { return address_; } // of the buffer, there
    uint64_t bytes() const noexcept { return bytes_; }

    std::vector<uint8_t> metadata();
    bool poison();
    bool fill(uint64_t seed);
    std::vector<std::byte> dump(); // the whole buffer
    // Reads n notifications; each payload is {u64 offset, u64 seed}: at that very moment the block there must hold the
    // pattern of the seed. Returns how many did; UINT64_MAX: they did not all come.
    uint64_t verify_arrivals(uint64_t n, uint64_t block, uint64_t timeout_ms = 30'000);
    std::vector<std::vector<uint8_t>> notifications(uint64_t n, uint64_t timeout_ms = 30'000);
    int32_t deregister();
    uint64_t connect(const std::vector<uint8_t>& metadata); // its own peer id; 0: failed
    // Writes its whole buffer to `address` of that peer over and over, in pieces, and answers no more commands.
    bool hammer(uint64_t peer, uint64_t address, uint64_t bytes);
    bool quit(); // destroys its agent and exits by itself

    void signal(int number);
    void kill_now(); // SIGKILL and reap

    // One command, one line back. Empty: it did not answer in time.
    std::string command(const std::string& line, uint64_t timeout_ms = 60'000);

  private:
    bool read_bytes(std::byte* to, size_t count, uint64_t timeout_ms);
    std::string read_line(uint64_t timeout_ms);

    pid_t pid_ = -1;
    control::unique_fd to_;
    control::unique_fd from_;
    std::string buffered_;
    bool ok_ = false;
    std::string error_;
    uint64_t address_ = 0;
    uint64_t bytes_ = 0;
};

std::string to_hex(const std::vector<uint8_t>& bytes);
std::vector<uint8_t> from_hex(const std::string& text);

} // namespace nixl::test
