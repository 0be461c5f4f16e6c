// Frames over a non-blocking stream socket: buffers both directions, carries descriptors on Unix sockets.
//
// Used by one thread, the owning transport's progress thread. Knows nothing about what the frames mean.
#pragma once

#include "control/unique_fd.hpp"
#include "control/wire.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nixl::control {

// A frame that has arrived whole. Valid only during the call that hands it over; descriptors may be moved out.
struct received_frame {
    frame_header header;
    std::span<const std::uint8_t> body;
    std::span<unique_fd> fds;
};

class channel {
  public:
    enum class result { ok, closed, failed };

    // Takes the socket, which must be non-blocking. `descriptors`: it is a Unix socket and may carry descriptors.
    channel(unique_fd socket, bool descriptors);

    int fd() const noexcept { return socket_.get(); }

    // Queues a message. Never blocks; call flush() afterwards. A peer that does not read makes the channel fail once
    // max_output_bytes wait.
    template <class Message>
    void send(const Message& m) {
        encode(out_, m);
        check_output();
    }
    template <class Message>
    void send(const Message& m, std::vector<unique_fd> fds) {
        const std::uint64_t at = out_base_ + out_.size();
        encode(out_, m, static_cast<std::uint8_t>(fds.size()));
        out_fds_.push_back({at, std::move(fds)});
        check_output();
    }

    // `closed`: the peer reads no more; what it has sent can still be received, and receive() then finds the end.
    result flush() noexcept;
    bool wants_write() const noexcept { return !write_closed_ && out_sent_ < out_.size(); }
    std::size_t output_bytes() const noexcept { return out_.size() - out_sent_; }

    // Reads at most about `budget` bytes and calls on_frame(received_frame&) -> bool for each whole frame; false stops
    // (the channel is then being closed by its owner, and `ok` is returned).
    template <class OnFrame>
    result receive(OnFrame&& on_frame, std::size_t budget = 512 * 1024);

    // Before a peer has shown its token it may not make us buffer much.
    void limit_body(std::size_t bytes) noexcept { body_limit_ = bytes; }

    int system_error() const noexcept { return system_error_; }
    const std::string& error() const noexcept { return error_; }

    static constexpr std::size_t max_output_bytes = 64u * 1024 * 1024;

  private:
    struct attached {
        std::uint64_t position; // in the stream: first byte of the frame that they belong to
        std::vector<unique_fd> fds;
    };

    result read_some(std::size_t& got) noexcept;
    result next_frame(received_frame& frame, bool& whole) noexcept;
    void take_descriptors(int fd);
    result fail(int system_error, const char* what) noexcept;
    void check_output() noexcept;
    void drop_sent() noexcept;

    unique_fd socket_;
    const bool descriptors_;
    std::size_t body_limit_ = max_body_bytes;

    std::vector<std::uint8_t> in_; // [in_begin_, in_end_) holds unread bytes
    std::size_t in_begin_ = 0;
    std::size_t in_end_ = 0;
    std::deque<unique_fd> in_fds_;
    std::vector<unique_fd> frame_fds_; // of the frame being handed over
    std::size_t frame_bytes_ = 0;

    std::vector<std::uint8_t> out_; // bytes from out_sent_ on wait
    std::size_t out_sent_ = 0;
    std::uint64_t out_base_ = 0; // stream position of out_[0]
    std::deque<attached> out_fds_;

    bool write_closed_ = false;
    int system_error_ = 0;
    std::string error_;
};

template <class OnFrame>
channel::result channel::receive(OnFrame&& on_frame, std::size_t budget) {
    for (std::size_t taken = 0; taken < budget;) {
        std::size_t got = 0;
        if (auto r = read_some(got); r != result::ok)
            return r;
        for (;;) {
            received_frame frame;
            bool whole = false;
            if (auto r = next_frame(frame, whole); r != result::ok)
                return r;
            if (!whole)
                break;
            if (!on_frame(frame))
                return result::ok;
            frame_fds_.clear(); // what the owner did not take is closed
        }
        if (got == 0)
            break;
        taken += got;
    }
    return result::ok;
}

} // namespace nixl::control
