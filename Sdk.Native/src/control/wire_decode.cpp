#include "control/wire.hpp"
#include "control/wire_bytes.hpp"
#include "core/blob.hpp"

#include <algorithm>
#include <iterator>

namespace nixl::control {
namespace {

constexpr std::size_t coverage_run_bytes = 20;
constexpr std::size_t rail_count_bytes = 8;
constexpr std::size_t immediate_bytes = 4;

// HELLO and WELCOME may grow at the end in later protocol versions; every other message must be exactly as long as its
// fields, because both ends have agreed on a version by then.
wire_error finished(const wire_reader& r) noexcept {
    if (!r.ok())
        return "body too short, or a length beyond its limit";
    return r.remaining() == 0 ? nullptr : "bytes left over after the last field";
}

wire_error read(const wire_reader& r) noexcept {
    return r.ok() ? nullptr : "body too short, or a length beyond its limit";
}

// What NOTIFY and RETIRE expect: each rail once, in rising order, with at least one completion.
wire_error check_expected(std::span<const std::uint8_t> expected) noexcept {
    rail_count last, next;
    for (std::size_t i = 0; decode_rail_count(expected, i, next); ++i, last = next) {
        if (next.rail >= max_rails)
            return "expected completions: no such rail";
        if (i != 0 && next.rail <= last.rail)
            return "expected completions: a rail twice, or out of order";
        if (next.count == 0)
            return "expected completions: none on a rail";
    }
    return nullptr;
}

bool is_power_of_two(std::uint64_t v) noexcept {
    return v != 0 && (v & (v - 1)) == 0;
}

} // namespace

const char* message_name(message_type type) noexcept {
    static constexpr const char* names[] = {"?",          "HELLO",         "WELCOME",        "REJECT",        "NOTIFY",
                                            "NOTIFY_ACK", "CREDIT",        "PING",           "PONG",          "BYE",
                                            "FENCE",      "FENCE_ACK",     "SYNC",           "SYNC_DONE",     "ARENA",
                                            "EXTENSION",  "ARRIVAL_GRANT", "ARRIVAL_CREDIT", "ARRIVAL_RETIRE"};
    const auto i = static_cast<std::size_t>(type);
    return i < std::size(names) ? names[i] : names[0];
}

wire_error decode(std::span<const std::uint8_t> header, frame_header& m) noexcept {
    wire_reader r(header);
    const auto magic = r.u8();
    const auto version = r.u8();
    const auto type = r.u8();
    m.fds = r.u8();
    m.body_length = r.u32();
    m.type = static_cast<message_type>(type);
    if (auto e = finished(r))
        return e;
    if (magic != 'N')
        return "frame magic: this is not a control connection";
    if (version != frame_version)
        return "frame version: not spoken here";
    if (type < static_cast<std::uint8_t>(message_type::hello) ||
        type > static_cast<std::uint8_t>(message_type::arrival_retire))
        return "frame type: unknown";
    if (m.fds > max_frame_fds)
        return "frame descriptors: too many";
    if (m.body_length > max_body_bytes)
        return "frame length: beyond the limit";
    return nullptr;
}

wire_error decode(std::span<const std::uint8_t> body, hello& m) noexcept {
    wire_reader r(body);
    m.protocol_low = r.u16();
    m.protocol_high = r.u16();
    m.transport = r.u32();
    m.initiator_name = r.text(NIXL_NAME_MAX);
    m.initiator_incarnation = r.u64();
    m.target_name = r.text(NIXL_NAME_MAX);
    m.target_incarnation = r.u64();
    const auto token = r.bytes(m.token.size());
    m.transport_bytes = r.text(max_transport_bytes);
    if (auto e = read(r))
        return e;
    std::copy(token.begin(), token.end(), m.token.begin());
    if (m.protocol_low == 0 || m.protocol_low > m.protocol_high)
        return "HELLO protocol: empty range";
    if (!valid_agent_name(m.initiator_name))
        return "HELLO initiator name: not [A-Za-z0-9._-]{1,128}";
    if (!valid_agent_name(m.target_name))
        return "HELLO target name: not [A-Za-z0-9._-]{1,128}";
    if (m.initiator_incarnation == 0 || m.target_incarnation == 0)
        return "HELLO incarnation: zero";
    return nullptr;
}

wire_error decode(std::span<const std::uint8_t> body, welcome& m) noexcept {
    wire_reader r(body);
    m.protocol = r.u16();
    (void)r.u16();
    m.credits = r.u32();
    m.transport_bytes = r.text(max_transport_bytes);
    if (auto e = read(r))
        return e;
    if (m.protocol == 0)
        return "WELCOME protocol: zero";
    if (m.credits == 0 || m.credits > max_credits)
        return "WELCOME credits: zero or beyond the limit";
    return nullptr;
}

wire_error decode(std::span<const std::uint8_t> body, reject& m) noexcept {
    wire_reader r(body);
    m.status = r.i32();
    m.text = r.text(NIXL_TEXT_MAX);
    if (auto e = finished(r))
        return e;
    return m.status < 0 ? nullptr : "REJECT status: not a failure";
}

wire_error decode(std::span<const std::uint8_t> body, notify& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    m.request.lease_token = r.u64();
    m.request.attempt = r.u32();
    m.request.reserved = r.u32();
    m.op = r.u32();
    const auto with_transfer = r.u32();
    m.request_bytes = r.u64();
    m.request_operations = r.u64();
    m.arrival = arrival_tag::from(r.u32());
    m.arrival_attempt = r.u32();
    m.rails = r.u32();
    m.coverage_runs = r.u32();
    const auto payload_length = r.u32();
    if (m.rails > max_rails)
        return "NOTIFY rails: too many";
    if (m.coverage_runs > max_coverage_runs)
        return "NOTIFY coverage: too many runs";
    if (payload_length > NIXL_NOTIFICATION_MAX)
        return "NOTIFY payload: longer than a notification may be";
    m.expected = r.bytes(m.rails * rail_count_bytes);
    m.coverage = r.bytes(m.coverage_runs * coverage_run_bytes);
    m.payload = r.bytes(payload_length);
    if (auto e = finished(r))
        return e;
    if (m.sequence == 0)
        return "NOTIFY sequence: zero";
    if (m.op != NIXL_OP_READ && m.op != NIXL_OP_WRITE)
        return "NOTIFY op: unknown";
    if (with_transfer > 1)
        return "NOTIFY with_transfer: neither 0 nor 1";
    m.with_transfer = with_transfer == 1;
    if (m.arrival.slot == 0 && (m.rails != 0 || m.arrival.generation != 0 || m.arrival_attempt != 0))
        return "NOTIFY without an arrival slot, but with completions to count";
    if (!m.with_transfer && (m.request_bytes != 0 || m.request_operations != 0 || m.arrival.slot != 0))
        return "NOTIFY free-standing, but with sizes of a transfer";
    return check_expected(m.expected);
}

wire_error decode(std::span<const std::uint8_t> body, notify_ack& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    m.status = r.i32();
    (void)r.u32();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, credit& m) noexcept {
    wire_reader r(body);
    m.count = r.u32();
    if (auto e = finished(r))
        return e;
    return m.count != 0 && m.count <= max_credits ? nullptr : "CREDIT count: zero or beyond the limit";
}

wire_error decode(std::span<const std::uint8_t> body, ping& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, pong& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, bye& m) noexcept {
    wire_reader r(body);
    m.status = r.i32();
    m.text = r.text(NIXL_TEXT_MAX);
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, fence& m) noexcept {
    wire_reader r(body);
    m.id = r.u64();
    m.rail = r.u32();
    (void)r.u32();
    if (auto e = finished(r))
        return e;
    return m.rail < max_rails || m.rail == every_rail ? nullptr : "FENCE rail: no such rail";
}

wire_error decode(std::span<const std::uint8_t> body, fence_ack& m) noexcept {
    wire_reader r(body);
    m.id = r.u64();
    m.status = r.i32();
    (void)r.u32();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, sync& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, sync_done& m) noexcept {
    wire_reader r(body);
    m.sequence = r.u64();
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, arena& m) noexcept {
    wire_reader r(body);
    m.arena = r.u64();
    m.length = r.u64();
    m.page_size = r.u64();
    const auto read_only = r.u32();
    (void)r.u32();
    if (auto e = finished(r))
        return e;
    if (m.arena == 0)
        return "ARENA number: zero";
    if (!is_power_of_two(m.page_size) || m.page_size < 4096 || m.page_size > (1ull << 30))
        return "ARENA page size: not a power of two between 4 KiB and 1 GiB";
    if (m.length == 0 || m.length % 4096 != 0 || m.length > (1ull << 47))
        return "ARENA length: not whole pages, or beyond the address space";
    if (read_only > 1)
        return "ARENA read_only: neither 0 nor 1";
    m.read_only = read_only == 1;
    return nullptr;
}

wire_error decode(std::span<const std::uint8_t> body, extension& m) noexcept {
    wire_reader r(body);
    m.kind = r.u32();
    m.bytes = r.text(max_transport_bytes);
    return finished(r);
}

wire_error decode(std::span<const std::uint8_t> body, arrival_grant& m) noexcept {
    wire_reader r(body);
    m.count = r.u32();
    if (m.count == 0 || m.count > max_arrival_grant)
        return "ARRIVAL_GRANT count: zero or beyond the limit";
    m.immediates = r.bytes(m.count * immediate_bytes);
    if (auto e = finished(r))
        return e;
    std::uint32_t immediate = 0;
    for (std::size_t i = 0; decode_immediate(m.immediates, i, immediate); ++i)
        if (arrival_tag::from(immediate).slot == 0)
            return "ARRIVAL_GRANT slot: zero";
    return nullptr;
}

wire_error decode(std::span<const std::uint8_t> body, arrival_credit& m) noexcept {
    wire_reader r(body);
    m.rail = r.u32();
    m.count = r.u32();
    if (auto e = finished(r))
        return e;
    if (m.rail >= max_rails)
        return "ARRIVAL_CREDIT rail: no such rail";
    return m.count != 0 && m.count <= max_credits ? nullptr : "ARRIVAL_CREDIT count: zero or beyond the limit";
}

wire_error decode(std::span<const std::uint8_t> body, arrival_retire& m) noexcept {
    wire_reader r(body);
    m.arrival = arrival_tag::from(r.u32());
    m.attempt = r.u32();
    m.rails = r.u32();
    (void)r.u32();
    if (m.rails > max_rails)
        return "ARRIVAL_RETIRE rails: too many";
    m.expected = r.bytes(m.rails * rail_count_bytes);
    if (auto e = finished(r))
        return e;
    return m.arrival.slot != 0 ? check_expected(m.expected) : "ARRIVAL_RETIRE slot: zero";
}

bool decode_rail_count(std::span<const std::uint8_t> expected, std::size_t index, rail_count& count) noexcept {
    if (index >= expected.size() / rail_count_bytes)
        return false;
    wire_reader r(expected.subspan(index * rail_count_bytes, rail_count_bytes));
    count.rail = r.u32();
    count.count = r.u32();
    return r.ok();
}

bool decode_immediate(std::span<const std::uint8_t> immediates, std::size_t index, std::uint32_t& immediate) noexcept {
    if (index >= immediates.size() / immediate_bytes)
        return false;
    immediate = wire_reader(immediates.subspan(index * immediate_bytes, immediate_bytes)).u32();
    return true;
}

bool decode_coverage_run(std::span<const std::uint8_t> coverage, std::size_t index, coverage_run& run) noexcept {
    if (index >= coverage.size() / coverage_run_bytes)
        return false;
    wire_reader r(coverage.subspan(index * coverage_run_bytes, coverage_run_bytes));
    run.group = r.u32();
    run.block = r.u32();
    run.blocks = r.u32();
    run.offset = r.u32();
    run.length = r.u32();
    return r.ok();
}

} // namespace nixl::control
