// The other process of the two-process tests: one agent, one registered buffer, commands from stdin, answers to stdout.
// See peer_process.hpp for what they do.
#include "support/pattern.hpp"
#include "support/peer_process.hpp"
#include "support/test_agent.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>

namespace {

using namespace nixl::test;

struct helper {
    std::unique_ptr<test_agent> agent;
    std::span<std::byte> memory;
    uint64_t region = 0;

    std::string make_agent(std::istringstream& words) {
        std::string name;
        agent_options options;
        uint64_t bytes = 0;
        int arena = 0;
        words >> name >> options.transports >> bytes >> arena >> options.max_notifications;
        agent = std::make_unique<test_agent>(name, options);
        if (!agent->ok())
            return "error creating the agent: " + agent->last_error();
        if (!(arena != 0 ? from_arena(bytes) : from_system(bytes)))
            return "error getting memory: " + agent->last_error();
        fill_poison(memory);
        region = agent->add_region(memory);
        if (region == 0)
            return "error registering: " + agent->last_error();
        return "ok " + std::to_string(reinterpret_cast<uint64_t>(memory.data())) + " " + std::to_string(memory.size());
    }

    bool from_arena(uint64_t bytes) {
        nixl_arena_params_t p{};
        p.struct_size = sizeof p;
        p.length = bytes;
        nixl_arena_info_t info{};
        if (nixl_arena_create(agent->get(), &p, &info) < 0)
            return false;
        memory = {reinterpret_cast<std::byte*>(info.address), info.length};
        return true;
    }

    bool from_system(uint64_t bytes) {
        void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memory = {static_cast<std::byte*>(at), bytes};
        return at != MAP_FAILED;
    }

    std::string arrivals(std::istringstream& words) {
        uint64_t n = 0;
        uint64_t block = 0;
        uint64_t timeout_ms = 0;
        words >> n >> block >> timeout_ms;
        uint64_t good = 0;
        for (uint64_t i = 0; i < n; ++i) {
            const auto got = agent->next_notification(timeout_ms * 1'000'000);
            uint64_t fields[2];
            if (!got || got->payload.size() != sizeof fields)
                return "error after " + std::to_string(i) + " notifications";
            std::memcpy(fields, got->payload.data(), sizeof fields);
            if (fields[0] + block <= memory.size() &&
                first_difference(memory.subspan(fields[0], block), fields[1]) == all_match)
                ++good;
        }
        return "ok " + std::to_string(good);
    }

    std::string notifications(std::istringstream& words) {
        uint64_t n = 0;
        uint64_t timeout_ms = 0;
        words >> n >> timeout_ms;
        std::string answer = "ok";
        for (uint64_t i = 0; i < n; ++i) {
            const auto got = agent->next_notification(timeout_ms * 1'000'000);
            if (!got)
                break;
            answer += " =" + to_hex(got->payload);
        }
        return answer;
    }

    std::string connect(std::istringstream& words) {
        std::string hex;
        words >> hex;
        const uint64_t peer = agent->connect(from_hex(hex));
        return peer != 0 ? "ok " + std::to_string(peer)
                         : "error " + std::to_string(agent->connect_status) + ": " + agent->connect_text;
    }

    std::string handle(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "agent")
            return make_agent(words);
        if (agent == nullptr)
            return "error: no agent";
        if (command == "export")
            return "ok " + to_hex(agent->metadata());
        if (command == "poison") {
            fill_poison(memory);
            return "ok";
        }
        if (command == "fill") {
            uint64_t seed = 0;
            words >> seed;
            fill_pattern(memory, seed);
            return "ok";
        }
        if (command == "dump")
            return "data";
        if (command == "arrivals")
            return arrivals(words);
        if (command == "notifications")
            return notifications(words);
        if (command == "deregister")
            return "ok " + std::to_string(agent->remove_region(region));
        if (command == "connect")
            return connect(words);
        if (command == "quit") {
            agent.reset();
            return "ok";
        }
        return "error: unknown command";
    }
};

bool write_all(const void* bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t n = ::write(STDOUT_FILENO, static_cast<const char*>(bytes) + done, count - done);
        if (n <= 0)
            return false;
        done += static_cast<size_t>(n);
    }
    return true;
}

} // namespace

int main() {
    helper h;
    for (std::string line; std::getline(std::cin, line);) {
        const std::string answer = h.handle(line) + "\n";
        if (!write_all(answer.data(), answer.size()))
            return 1;
        if (answer == "data\n" && !write_all(h.memory.data(), h.memory.size()))
            return 1;
        if (line == "quit")
            return 0;
    }
    return 0; // the test is gone
}
