// The messages of the control connection, as plain functions over bytes. docs/wire.md describes the format.
//
// A connection belongs to its initiator: it asks, sends notifications and pings; the target answers, grants credits and
// hands over arenas. Decoded messages are views: their strings and spans point into the bytes that were decoded.
#pragma once

#include "core/arrival_tag.hpp"
#include "nixl_sdk.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nixl::control {

inline constexpr std::uint16_t protocol_version = 1;
inline constexpr std::uint8_t frame_version = 1;
inline constexpr std::size_t frame_header_bytes = 8;
inline constexpr std::size_t max_body_bytes = 256 * 1024;
inline constexpr std::size_t max_frame_fds = 4;
inline constexpr std::size_t max_transport_bytes = 4096; // transport-specific part of HELLO, WELCOME and EXTENSION
inline constexpr std::size_t max_coverage_runs = 4096;
inline constexpr std::uint32_t max_credits = 1u << 20;
inline constexpr std::size_t max_arrival_grant = 4096;   // in one ARRIVAL_GRANT
inline constexpr std::uint32_t every_rail = 0xFFFF'FFFF; // FENCE of all that the connection can write through

using access_token = std::array<std::uint8_t, 16>;

enum class message_type : std::uint8_t {
    hello = 1,           // initiator, first message
    welcome = 2,         // target's answer
    reject = 3,          // target's other answer; it then closes
    notify = 4,          // initiator
    notify_ack = 5,      // target: the notification is in its queue
    credit = 6,          // target: so many more notifications may be sent
    ping = 7,            // either
    pong = 8,            // answer to ping
    bye = 9,             // either; the sender then closes
    fence = 10,          // initiator: close what this rail could write through
    fence_ack = 11,      // target: it is closed
    sync = 12,           // initiator: tell me what has been registered since
    sync_done = 13,      // target: everything up to this sync has been sent
    arena = 14,          // target: an arena, its descriptor rides along (local transport)
    extension = 15,      // either: bytes that only the owning transport understands
    arrival_grant = 16,  // target: slots that may be used from now on
    arrival_credit = 17, // target: so many more counted writes may be in flight on a rail
    arrival_retire = 18, // initiator: nothing more is sent under this slot; its notification is not to be shown
};

const char* message_name(message_type type) noexcept;

struct frame_header {
    message_type type{};
    std::uint8_t fds = 0; // descriptors that ride with the frame's first byte (Unix sockets only)
    std::uint32_t body_length = 0;
};

struct hello {
    std::uint16_t protocol_low = protocol_version; // the initiator speaks low … high
    std::uint16_t protocol_high = protocol_version;
    std::uint32_t transport = 0; // nixl_transport_t
    std::string_view initiator_name;
    std::uint64_t initiator_incarnation = 0;
    std::string_view target_name; // whom the initiator believes to reach
    std::uint64_t target_incarnation = 0;
    access_token token{}; // from the target's metadata
    std::string_view transport_bytes;
};

struct welcome {
    std::uint16_t protocol = protocol_version; // chosen by the target
    std::uint32_t credits = 0;                 // notifications that may be sent before the first CREDIT
    std::string_view transport_bytes;
};

struct reject {
    std::int32_t status = NIXL_ERR_NOT_ALLOWED;
    std::string_view text;
};

// What a coverage run of the initiator says: so many bytes of so many blocks of a group have been written.
struct coverage_run {
    std::uint32_t group = 0;
    std::uint32_t block = 0;
    std::uint32_t blocks = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

struct notify {
    std::uint64_t sequence = 0; // 1, 2, 3 … per connection
    nixl_request_header_t request{};
    std::uint32_t op = NIXL_OP_WRITE;
    bool with_transfer = false;
    std::uint64_t request_bytes = 0;
    std::uint64_t request_operations = 0;
    arrival_tag arrival;               // slot 0: nothing is counted
    std::uint32_t arrival_attempt = 0; // of the transport, 0 for the first; request.attempt is the application's
    std::uint32_t rails = 0;           // that completions are counted on
    std::uint32_t coverage_runs = 0;
    std::span<const std::uint8_t> expected; // rails × 8 bytes, read with decode_rail_count
    std::span<const std::uint8_t> coverage; // coverage_runs × 20 bytes, read with decode_coverage_run
    std::span<const std::uint8_t> payload;
};

struct notify_ack {
    std::uint64_t sequence = 0;
    std::int32_t status = NIXL_SUCCESS;
};

struct credit {
    std::uint32_t count = 0;
};

struct ping {
    std::uint64_t sequence = 0;
};

struct pong {
    std::uint64_t sequence = 0;
};

struct bye {
    std::int32_t status = NIXL_SUCCESS;
    std::string_view text;
};

struct fence {
    std::uint64_t id = 0;
    std::uint32_t rail = every_rail;
};

struct fence_ack {
    std::uint64_t id = 0;
    std::int32_t status = NIXL_SUCCESS;
};

struct sync {
    std::uint64_t sequence = 0;
};

struct sync_done {
    std::uint64_t sequence = 0;
};

struct arena {
    std::uint64_t arena = 0; // the target's number for it
    std::uint64_t length = 0;
    std::uint64_t page_size = 0;
    bool read_only = false;
};

struct extension {
    std::uint32_t kind = 0; // numbered by the transport
    std::string_view bytes;
};

struct arrival_grant {
    std::uint32_t count = 0;
    std::span<const std::uint8_t> immediates; // count × 4 bytes, read with decode_immediate
};

struct arrival_credit {
    std::uint32_t rail = 0;
    std::uint32_t count = 0;
};

struct arrival_retire {
    arrival_tag arrival;
    std::uint32_t attempt = 0;
    std::uint32_t rails = 0;
    std::span<const std::uint8_t> expected; // as in notify
};

// ---- encoding: each appends one whole frame; may throw std::bad_alloc ----
void encode(std::vector<std::uint8_t>& out, const hello& m);
void encode(std::vector<std::uint8_t>& out, const welcome& m, std::uint8_t fds = 0);
void encode(std::vector<std::uint8_t>& out, const reject& m);
void encode(std::vector<std::uint8_t>& out, const notify& m);
void encode(std::vector<std::uint8_t>& out, const notify_ack& m);
void encode(std::vector<std::uint8_t>& out, const credit& m);
void encode(std::vector<std::uint8_t>& out, const ping& m);
void encode(std::vector<std::uint8_t>& out, const pong& m);
void encode(std::vector<std::uint8_t>& out, const bye& m);
void encode(std::vector<std::uint8_t>& out, const fence& m);
void encode(std::vector<std::uint8_t>& out, const fence_ack& m);
void encode(std::vector<std::uint8_t>& out, const sync& m);
void encode(std::vector<std::uint8_t>& out, const sync_done& m);
void encode(std::vector<std::uint8_t>& out, const arena& m, std::uint8_t fds = 1);
void encode(std::vector<std::uint8_t>& out, const extension& m, std::uint8_t fds = 0);
void encode(std::vector<std::uint8_t>& out, const arrival_grant& m);
void encode(std::vector<std::uint8_t>& out, const arrival_credit& m);
void encode(std::vector<std::uint8_t>& out, const arrival_retire& m);
void encode_rail_count(std::vector<std::uint8_t>& out, rail_count count);
void encode_immediate(std::vector<std::uint8_t>& out, std::uint32_t immediate);
void encode_coverage_run(std::vector<std::uint8_t>& out, const coverage_run& run);

// ---- decoding: nullptr, or a static text that names the wrong field. Nothing is allocated, nothing thrown. ----
using wire_error = const char*;
wire_error decode(std::span<const std::uint8_t> header, frame_header& m) noexcept; // exactly frame_header_bytes
wire_error decode(std::span<const std::uint8_t> body, hello& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, welcome& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, reject& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, notify& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, notify_ack& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, credit& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, ping& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, pong& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, bye& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, fence& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, fence_ack& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, sync& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, sync_done& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, arena& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, extension& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, arrival_grant& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, arrival_credit& m) noexcept;
wire_error decode(std::span<const std::uint8_t> body, arrival_retire& m) noexcept;
bool decode_rail_count(std::span<const std::uint8_t> expected, std::size_t index, rail_count& count) noexcept;
bool decode_immediate(std::span<const std::uint8_t> immediates, std::size_t index, std::uint32_t& immediate) noexcept;
bool decode_coverage_run(std::span<const std::uint8_t> coverage, std::size_t index, coverage_run& run) noexcept;

} // namespace nixl::control
