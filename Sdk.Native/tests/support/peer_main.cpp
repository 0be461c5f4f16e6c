// The other process of the two-process tests: one agent, one registered buffer, commands from stdin, answers to stdout.
// See peer_process.hpp for what they do.
#include "support/pattern.hpp"
#include "support/peer_process.hpp"
#include "support/process_resources.hpp"
#include "support/test_agent.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <numeric>
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
        for (std::string word; words >> word;)
            if (!option(word, options))
                return "error: unknown option " + word;
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

    // Further options of the agent: name=value.
    static bool option(const std::string& word, agent_options& o) {
        const size_t at = word.find('=');
        if (at == std::string::npos)
            return false;
        const std::string name = word.substr(0, at);
        const std::string value = word.substr(at + 1);
        if (name == "suspect_after_ns")
            o.suspect_after_ns = std::stoull(value);
        else if (name == "quiesce_grace_ns")
            o.quiesce_grace_ns = std::stoull(value);
        else if (name == "window_operations")
            o.window_operations = static_cast<uint32_t>(std::stoul(value));
        else if (name == "listen_host")
            o.listen_host = value;
        else if (name == "fabric_provider")
            o.fabric_provider = value;
        else
            return false;
        return true;
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

    // A child that does nothing for some milliseconds, with copies of all descriptors.
    static std::string fork_child(std::istringstream& words) {
        uint64_t ms = 0;
        words >> ms;
        const pid_t child = ::fork();
        if (child == 0) {
            ::usleep(static_cast<useconds_t>(ms * 1000));
            ::_exit(0);
        }
        return child > 0 ? "ok" : "error";
    }

    // Answers once the first writes are on their way, and never returns.
    [[noreturn]] void hammer(std::istringstream& words) {
        constexpr uint64_t piece = 256 * 1024;
        uint64_t peer = 0;
        uint64_t address = 0;
        uint64_t bytes = 0;
        words >> peer >> address >> bytes;
        const auto own = strided(memory.data(), piece, piece, bytes / piece);
        auto other = own;
        other.base = address;
        std::vector<uint32_t> ids(bytes / piece);
        std::iota(ids.begin(), ids.end(), 0u);
        test_agent::post p;
        p.local = agent->list(0, {&own, 1});
        p.remote = agent->list(peer, {&other, 1});
        p.local_ids = ids;
        p.remote_ids = ids;
        std::deque<uint64_t> started;
        const char* answer = p.local != 0 && p.remote != 0 && agent->run(p) == NIXL_SUCCESS ? "ok\n" : "error\n";
        (void)!::write(STDOUT_FILENO, answer, std::strlen(answer));
        for (;;) { // until it is killed
            started.push_back(agent->start(p));
            if (started.size() < 4)
                continue;
            (void)agent->wait_quiesced(started.front());
            started.pop_front();
        }
    }

    std::string handle(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "agent")
            return make_agent(words);
        if (command == "own_network")
            return ::unshare(CLONE_NEWNET) == 0 ? "ok" : "error";
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
        if (command == "hammer")
            hammer(words);
        if (command == "exit") // without a word to anybody
            ::_exit(0);
        if (command == "fork")
            return fork_child(words);
        if (command == "resources")
            return "ok " + process_resources::now().text();
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
