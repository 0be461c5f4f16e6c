// The progress thread of one local transport: owns its listener and its connections and runs everything they do.
#pragma once

#include "transports/local/context.hpp"
#include "transports/local/inbound.hpp"
#include "transports/local/outbound.hpp"

#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

namespace nixl::local {

class worker {
  public:
    explicit worker(context& c) noexcept : context_(c), accept_handler_(*this) {}
    ~worker();
    failure start(control::listener listener) noexcept;
    // After a close command has been pushed.
    void join() noexcept;

  private:
    struct acceptor final : fd_handler {
        explicit acceptor(worker& w) noexcept : owner(w) {}
        void on_fd(std::uint32_t, std::uint64_t now) noexcept override { owner.accept_waiting(now); }
        worker& owner;
    };

    void run() noexcept;
    bool turn() noexcept; // false: the end
    void take_mail(std::uint64_t now) noexcept;
    void obey(command& c, std::uint64_t now) noexcept;
    void connect(command& c, std::uint64_t now) noexcept;
    void submit(request& r, std::uint64_t now) noexcept;
    void accept_waiting(std::uint64_t now) noexcept;
    void check_all(std::uint64_t now) noexcept;
    deadline next_check() const noexcept;
    void bury() noexcept;
    void begin_closing(deadline until) noexcept;
    bool closed(std::uint64_t now) noexcept;
    outbound* find(const nixl::peer& p) noexcept;

    context& context_;
    acceptor accept_handler_;
    control::listener listener_;
    bool accepting_ = false;
    std::uint64_t accept_again_ = 0; // descriptors were exhausted

    std::unordered_map<const nixl::peer*, std::unique_ptr<outbound>> outbound_;
    std::unordered_map<std::uint64_t, std::unique_ptr<inbound>> inbound_;
    std::uint64_t last_inbound_ = 0;
    std::uint64_t next_check_ = 0;
    bool lingering_ = false;
    std::optional<deadline> closing_;
    inbox::contents mail_;
    std::thread thread_;
};

} // namespace nixl::local
