// One endpoint with its own completion queue and address vector: the data path of one peer connection. Closing it
// fences exactly that peer. Owned and used by the progress thread alone.
#pragma once

#include "core/deadline.hpp"
#include "transports/fabric/domain.hpp"

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>

namespace nixl::fabric {

enum class direction : uint8_t { read, write };

// One remote read or write: one local piece, one remote piece.
struct rma_operation {
    direction way = direction::write;
    void* local = nullptr;
    void* descriptor = nullptr; // of the local registration, where the provider wants one
    uint64_t remote = 0;        // as the provider addresses it
    uint64_t key = 0;
    uint64_t length = 0;
    void* context = nullptr; // at least 64 bytes that belong to the provider until the completion
};

struct completion {
    void* context = nullptr;
    int error = 0;    // 0, or a positive fi_errno
    std::string text; // failures: the provider's own words
};

class endpoint {
  public:
    // `local`: address to bind if none was given when the domain was opened; may be null. Room for `operations`
    // completions.
    static std::unique_ptr<endpoint> open(std::shared_ptr<const domain> d, const ::sockaddr* local, uint64_t operations,
                                          std::string& why);
    ~endpoint();
    endpoint(const endpoint&) = delete;
    endpoint& operator=(const endpoint&) = delete;

    const std::string& address() const noexcept { return address_; } // raw bytes, for the peer's address vector
    bool insert_peer(const std::string& address, std::string& why);

    // 0, -FI_EAGAIN (poll, then try again) or another negative code.
    int64_t post(const rma_operation& op) noexcept;

    // Up to `capacity` completions; also drives the provider, which is why the passive side calls it too. Negative: the
    // queue itself failed, with a sentence in `why`.
    int64_t poll(completion* out, uint64_t capacity, std::string& why);

    // Before closing: lets the provider report what a broken connection has ended, and waits for it, not longer than
    // `until`, while anything is in flight. Where closing with a read in flight is not safe (ends_reads_twice), the
    // connection is cut first.
    void drain(deadline until) noexcept;

    int wait_fd() const noexcept { return wait_fd_; } // -1: the provider has no wait object, poll on a timer
    // True if sleeping on wait_fd() cannot miss an event. Must be asked before every sleep.
    bool may_sleep() noexcept;

  private:
    explicit endpoint(std::shared_ptr<const domain> d) : domain_(std::move(d)) {}
    int enable(::fi_info& info, const char*& step); // 0 or a libfabric error at `step`
    int64_t read_error(completion& out);
    void collect(deadline until) noexcept;
    void ended(const void* context) noexcept; // a completion was read; null: of no operation

    const std::shared_ptr<const domain> domain_; // first: outlives the handles below
    queue_handle queue_;
    address_vector_handle addresses_;
    endpoint_handle endpoint_; // declared last: closed before what it is bound to
    ::fi_addr_t peer_ = FI_ADDR_UNSPEC;
    std::string address_;
    std::string peer_address_; // raw bytes, as inserted
    int wait_fd_ = -1;
    uint64_t outstanding_ = 0; // operations posted whose completions have not been read
};

} // namespace nixl::fabric
