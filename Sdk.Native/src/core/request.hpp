// One operation: a transfer (with or without notification) or a free-standing notification.
//
//   submitted ──> [transport works] ──> settled ──> quiesced
//
// The agent owns requests (slots in a pool). From transport::submit until request_quiesced the transport may use the
// request; afterwards it must forget the pointer. Both reports come exactly once and in this order, from any thread but
// not from two at the same time.
//
// What a transport must do for every submitted request, whatever happens:
//  - settle it by r.until with NIXL_ERR_TIMEOUT, or soon after r.cancel_requested with NIXL_ERR_CANCELED, or with the
//    peer's fate (REMOTE_DISCONNECT; a submit to a peer that is already gone too; r.target->state tells which), else
//    with the result of the data and, where r.notify, once the peer has acknowledged the notification;
//  - quiesce it when nothing can touch its memory any more: at once if nothing was in flight, else when the last
//    operation in flight has ended; when settings.quiesce_grace_ns have passed since it was settled, by force (close
//    the endpoint);
//  - before request_settled: bytes_done, operations, started_ns and data_done_ns are final, and a failure carries
//    entry, address and length of the first piece that failed where it is known (failure::at).
// A request that failed, timed out or was cancelled sends no notification.
#pragma once

#include "core/deadline.hpp"
#include "core/failure.hpp"
#include "core/peer.hpp"
#include "core/piece_cursor.hpp"
#include "core/prepared_list.hpp"
#include "nixl_sdk.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

namespace nixl {

enum class request_kind : uint8_t { transfer, notification };

struct request {
    // ---- set by the core before submit; constant until quiesced ----
    uint64_t id = 0; // handle: unique in the agent for a very long time
    request_kind kind = request_kind::transfer;
    nixl_op_t op = NIXL_OP_WRITE;
    bool notify = false;                   // always true for kind notification
    peer* target = nullptr;                // held by `holds_peer`
    uint64_t total_bytes = 0;              // 0 for kind notification
    std::span<const uint8_t> notification; // payload; may be empty
    nixl_request_header_t header{};
    deadline until;
    uint64_t posted_ns = 0;

    // ---- the data still to be moved; the transport's from submit on ----
    piece_cursor cursor;

    // ---- [any] ----
    std::atomic<bool> cancel_requested{false};

    // ---- the transport's own, zeroed before submit ----
    request* next = nullptr; // intrusive hooks, e.g. for the peer's list
    request* previous = nullptr;
    request* queue_next = nullptr; // e.g. for the hand-over queue from submit
    void* context = nullptr;
    std::shared_ptr<void> holds; // anything that must live until quiesced
    uint32_t stage = 0;          // the transport's state machine
    bool settled = false;        // set it when you report, to keep "exactly once"
    bool failed = false;
    bool packed = false; // small pieces go through staging memory (fabric)
    uint64_t outstanding_operations = 0;
    uint64_t outstanding_bytes = 0;
    uint64_t run_left = 0;   // of the contiguous run that is being split,
    uint64_t run_share = 0;  // into parts of this size
    uint64_t bytes_done = 0; // reported as moved: counted by the transport when an operation has completed
    uint64_t operations = 0; // given to the transport, after merging
    uint64_t notification_sequence = 0;
    uint64_t started_ns = 0;   // first operation given
    uint64_t data_done_ns = 0; // last data completion
    uint64_t settled_ns = 0;
    failure first_failure; // the one to settle with, once known

    // ---- the core's: what keeps the above alive ----
    std::shared_ptr<peer> holds_peer;
    std::shared_ptr<const prepared_list> local_list;
    std::shared_ptr<const prepared_list> remote_list;

    request() = default;
    request(const request&) = delete;
    request& operator=(const request&) = delete;
};

} // namespace nixl
