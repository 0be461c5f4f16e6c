// A remote agent that we connected to: our connection towards it, never its towards us.
//
//   CONNECTING ──> CONNECTED <──> SUSPECT
//        │             │             │
//        └─────────────┴─────────────┴──> DISCONNECTED (its process is gone, its connection broke or never came)
//        └─────────────┴─────────────┴──> INVALIDATED  (by us)
//
// The agent's table owns peers (shared_ptr); a transport may keep its own shared_ptr (shared_from_this). Lists and
// requests hold their peer too.
#pragma once

#include "core/blob.hpp"
#include "core/deadline.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nixl {

class transport;

// What a transport keeps per peer. Touched by that transport only.
struct peer_transport_state {
    virtual ~peer_transport_state() = default;
};

// One device that a transport uses, in its own order.
struct rail_description {
    std::string device;  // as in topology: "mlx5_0", "eth0", "lo"
    std::string address; // what it sends from, where that is an IP address
};

// For nixl_agent_describe and nixl_peer_info.
struct transport_description {
    nixl_transport_t kind = NIXL_TRANSPORT_NONE;
    std::string library;  // "libfabric 1.17"; for our own transports "nixlsdk <version>"
    std::string provider; // "tcp;ofi_rxm", "memfd", "process_vm", "memcpy"
    std::vector<std::pair<std::string, uint64_t>> limits;
    // Where there was a choice; else empty.
    std::string library_file = {}; // = {}: an aggregate that others fill without these
    std::string library_reason = {};
    std::string provider_reason = {};
    std::vector<rail_description> rails = {};
};

// One rail of the connection to a peer, for nixl_peer_rails. Written by its transport, read by anyone.
struct rail_report {
    std::string device; // constant
    std::atomic<uint32_t> state{NIXL_RAIL_OPEN};
    std::atomic<uint64_t> written_bytes{0}; // acknowledged as delivered
    std::atomic<uint64_t> read_bytes{0};
    std::atomic<uint64_t> operations{0};
    std::atomic<uint64_t> repeated{0}; // operations that were given to another rail because this one died
    std::atomic<uint64_t> losses{0};   // how often it died
};

class peer : public std::enable_shared_from_this<peer> {
  public:
    peer(uint64_t id, std::shared_ptr<const peer_metadata> metadata) : id_(id), metadata_(std::move(metadata)) {
        name_ = metadata_->name;
        incarnation_ = metadata_->incarnation;
    }

    uint64_t id() const noexcept { return id_; }
    const std::string& name() const noexcept { return name_; }
    uint64_t incarnation() const noexcept { return incarnation_; }

    // [any] The newest metadata; a regions_changed replaces it, so keep the pointer while you walk the regions.
    std::shared_ptr<const peer_metadata> metadata() const {
        const std::lock_guard lock(mutex_);
        return metadata_;
    }
    void replace_metadata(std::shared_ptr<const peer_metadata> newer) {
        const std::lock_guard lock(mutex_);
        metadata_.swap(newer);
    }

    // The agent's view. Transports report changes through transport_events and do not write it.
    std::atomic<nixl_peer_state_t> state{NIXL_PEER_CONNECTING};

    // Set by the transport on its progress thread before peer_connected; reset by the agent never.
    std::shared_ptr<peer_transport_state> transport_state;

    // Set by the transport before peer_connected(success); shown in nixl_peer_info. Under text_lock().
    std::string transport_version;                   // empty: describe().library
    std::string provider;                            // empty: describe().provider
    std::vector<std::shared_ptr<rail_report>> rails; // empty: the transport has none
    std::atomic<uint64_t> process_id{0};             // of a peer on this machine, else 0
    std::unique_lock<std::mutex> text_lock() const { return std::unique_lock(mutex_); }

    // Kept by the transport: data operations and bytes handed to the hardware or being copied now.
    std::atomic<uint64_t> in_flight_operations{0};
    std::atomic<uint64_t> in_flight_bytes{0};

    // The agent's: which transport was chosen and why. `reason` under text_lock().
    std::atomic<transport*> chosen{nullptr};
    std::string reason;
    uint32_t candidates = 0; // mask of transports not tried yet
    deadline connect_until;
    std::atomic<bool> connect_canceled{false}; // transports may look at it to give up early

  private:
    const uint64_t id_;
    std::string name_;
    uint64_t incarnation_ = 0;
    mutable std::mutex mutex_;
    std::shared_ptr<const peer_metadata> metadata_;
};

} // namespace nixl
