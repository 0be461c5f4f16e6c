#include "support/peer_process.hpp"

#include "core/deadline.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

extern char** environ;

namespace nixl::test {

peer_process::peer_process(const peer_options& o) {
    ::signal(SIGPIPE, SIG_IGN); // a peer that was killed must not end the test
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
        error_ = std::strerror(errno);
        return;
    }
    control::unique_fd child_in(in[0]);
    control::unique_fd child_out(out[1]);
    to_.reset(in[1]);
    from_.reset(out[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, child_in.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, child_out.get(), STDOUT_FILENO);
    std::string path = NIXL_TEST_PEER;
    char* arguments[] = {path.data(), nullptr};
    const int rc = ::posix_spawn(&pid_, path.c_str(), &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        pid_ = -1;
        error_ = std::string("cannot start ") + path + ": " + std::strerror(rc);
        return;
    }
    if (o.own_network && command("own_network") != "ok") {
        error_ = "no network name space of its own";
        return;
    }
    if (o.own_network && o.configure && !o.configure(pid_)) {
        error_ = "its network name space could not be set up";
        return;
    }
    std::ostringstream line;
    line << "agent " << o.name << ' ' << o.transports << ' ' << o.bytes << ' ' << (o.arena ? 1 : 0) << ' '
         << o.max_notifications << ' ' << o.more;
    const std::string answer = command(line.str());
    std::istringstream words(answer);
    std::string word;
    words >> word >> address_ >> bytes_;
    ok_ = word == "ok" && address_ != 0;
    if (!ok_)
        error_ = answer.empty() ? "the other process did not answer" : answer;
}

peer_process::~peer_process() {
    kill_now();
}

void peer_process::signal(int number) {
    if (pid_ <= 0)
        return;
    ::kill(pid_, number);
    // Its threads go on until each has taken the signal; the last of them makes the process a stopped one.
    if (number == SIGSTOP) {
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED);
    }
}

void peer_process::kill_now() {
    if (pid_ <= 0)
        return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

bool peer_process::read_bytes(std::byte* to, size_t count, uint64_t timeout_ms) {
    const deadline until = deadline::after(timeout_ms * 1'000'000);
    size_t have = std::min(count, buffered_.size());
    std::memcpy(to, buffered_.data(), have);
    buffered_.erase(0, have);
    while (have < count) {
        pollfd p{from_.get(), POLLIN, 0};
        if (::poll(&p, 1, until.poll_ms(now_ns())) <= 0)
            return false;
        const ssize_t n = ::read(from_.get(), to + have, count - have);
        if (n <= 0)
            return false;
        have += static_cast<size_t>(n);
    }
    return true;
}

std::string peer_process::read_line(uint64_t timeout_ms) {
    const deadline until = deadline::after(timeout_ms * 1'000'000);
    for (;;) {
        if (const size_t end = buffered_.find('\n'); end != std::string::npos) {
            std::string line = buffered_.substr(0, end);
            buffered_.erase(0, end + 1);
            return line;
        }
        pollfd p{from_.get(), POLLIN, 0};
        char bytes[65536];
        if (::poll(&p, 1, until.poll_ms(now_ns())) <= 0)
            return {};
        const ssize_t n = ::read(from_.get(), bytes, sizeof bytes);
        if (n <= 0)
            return {};
        buffered_.append(bytes, static_cast<size_t>(n));
    }
}

std::string peer_process::command(const std::string& line, uint64_t timeout_ms) {
    const std::string text = line + "\n";
    for (size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::write(to_.get(), text.data() + sent, text.size() - sent);
        if (n <= 0)
            return {};
        sent += static_cast<size_t>(n);
    }
    return read_line(timeout_ms);
}

std::vector<uint8_t> peer_process::metadata() {
    const std::string answer = command("export");
    return answer.starts_with("ok ") ? from_hex(answer.substr(3)) : std::vector<uint8_t>{};
}

bool peer_process::poison() {
    return command("poison") == "ok";
}

bool peer_process::fill(uint64_t seed) {
    return command("fill " + std::to_string(seed)) == "ok";
}

std::vector<std::byte> peer_process::dump() {
    if (!command("dump").starts_with("data"))
        return {};
    std::vector<std::byte> bytes(bytes_);
    return read_bytes(bytes.data(), bytes.size(), 60'000) ? bytes : std::vector<std::byte>{};
}

uint64_t peer_process::verify_arrivals(uint64_t n, uint64_t block, uint64_t timeout_ms) {
    std::ostringstream line;
    line << "arrivals " << n << ' ' << block << ' ' << timeout_ms;
    const std::string answer = command(line.str(), timeout_ms + 10'000);
    return answer.starts_with("ok ") ? std::stoull(answer.substr(3)) : UINT64_MAX;
}

std::vector<std::vector<uint8_t>> peer_process::notifications(uint64_t n, uint64_t timeout_ms) {
    std::ostringstream line;
    line << "notifications " << n << ' ' << timeout_ms;
    std::istringstream words(command(line.str(), timeout_ms + 10'000));
    std::string word;
    words >> word;
    std::vector<std::vector<uint8_t>> all;
    while (words >> word)
        all.push_back(from_hex(word.substr(1))); // "=" before each, so that an empty one is a word
    return all;
}

int32_t peer_process::deregister() {
    const std::string answer = command("deregister");
    return answer.starts_with("ok ") ? std::stoi(answer.substr(3)) : NIXL_ERR_UNKNOWN;
}

uint64_t peer_process::connect(const std::vector<uint8_t>& metadata) {
    const std::string answer = command("connect " + to_hex(metadata));
    if (!answer.starts_with("ok "))
        error_ = answer;
    return answer.starts_with("ok ") ? std::stoull(answer.substr(3)) : 0;
}

bool peer_process::hammer(uint64_t peer, uint64_t address, uint64_t bytes) {
    std::ostringstream line;
    line << "hammer " << peer << ' ' << address << ' ' << bytes;
    return command(line.str()) == "ok";
}

bool peer_process::quit() {
    const bool said = command("quit") == "ok";
    int status = 0;
    const deadline until = deadline::after(20'000'000'000u);
    while (pid_ > 0 && !until.passed()) {
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return said && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        }
        ::usleep(5'000);
    }
    return false;
}

} // namespace nixl::test
