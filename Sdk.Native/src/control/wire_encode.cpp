#include "control/wire.hpp"
#include "control/wire_bytes.hpp"

namespace nixl::control {
namespace {

// One frame being written: leaves room for the header and fills it in when the body is complete.
class frame {
  public:
    frame(std::vector<std::uint8_t>& out, message_type type, std::uint8_t fds = 0)
        : body(out), out_(out), start_(out.size()), type_(type), fds_(fds) {
        out_.resize(start_ + frame_header_bytes);
    }
    frame(const frame&) = delete;
    frame& operator=(const frame&) = delete;

    ~frame() {
        const auto length = static_cast<std::uint32_t>(out_.size() - start_ - frame_header_bytes);
        std::uint8_t* h = out_.data() + start_;
        h[0] = 'N';
        h[1] = frame_version;
        h[2] = static_cast<std::uint8_t>(type_);
        h[3] = fds_;
        for (int i = 0; i < 4; ++i)
            h[4 + i] = static_cast<std::uint8_t>(length >> (8 * i));
    }

    wire_writer body;

  private:
    std::vector<std::uint8_t>& out_;
    std::size_t start_;
    message_type type_;
    std::uint8_t fds_;
};

std::string_view clipped(std::string_view text) {
    return text.substr(0, NIXL_TEXT_MAX - 1);
}

} // namespace

void encode(std::vector<std::uint8_t>& out, const hello& m) {
    frame f(out, message_type::hello);
    f.body.u16(m.protocol_low);
    f.body.u16(m.protocol_high);
    f.body.u32(m.transport);
    f.body.text(m.initiator_name);
    f.body.u64(m.initiator_incarnation);
    f.body.text(m.target_name);
    f.body.u64(m.target_incarnation);
    f.body.bytes(m.token);
    f.body.text(m.transport_bytes);
}

void encode(std::vector<std::uint8_t>& out, const welcome& m, std::uint8_t fds) {
    frame f(out, message_type::welcome, fds);
    f.body.u16(m.protocol);
    f.body.u16(0);
    f.body.u32(m.credits);
    f.body.text(m.transport_bytes);
}

void encode(std::vector<std::uint8_t>& out, const reject& m) {
    frame f(out, message_type::reject);
    f.body.i32(m.status);
    f.body.text(clipped(m.text));
}

void encode(std::vector<std::uint8_t>& out, const notify& m) {
    frame f(out, message_type::notify);
    f.body.u64(m.sequence);
    f.body.u64(m.request.lease_token);
    f.body.u32(m.request.attempt);
    f.body.u32(m.request.reserved);
    f.body.u32(m.op);
    f.body.u32(m.with_transfer ? 1 : 0);
    f.body.u64(m.request_bytes);
    f.body.u64(m.request_operations);
    f.body.u32(m.arrival.immediate());
    f.body.u32(m.arrival_attempt);
    f.body.u32(m.rails);
    f.body.u32(m.coverage_runs);
    f.body.u32(static_cast<std::uint32_t>(m.payload.size()));
    f.body.bytes(m.expected);
    f.body.bytes(m.coverage);
    f.body.bytes(m.payload);
}

void encode(std::vector<std::uint8_t>& out, const notify_ack& m) {
    frame f(out, message_type::notify_ack);
    f.body.u64(m.sequence);
    f.body.i32(m.status);
    f.body.u32(0);
}

void encode(std::vector<std::uint8_t>& out, const credit& m) {
    frame f(out, message_type::credit);
    f.body.u32(m.count);
}

void encode(std::vector<std::uint8_t>& out, const ping& m) {
    frame f(out, message_type::ping);
    f.body.u64(m.sequence);
}

void encode(std::vector<std::uint8_t>& out, const pong& m) {
    frame f(out, message_type::pong);
    f.body.u64(m.sequence);
}

void encode(std::vector<std::uint8_t>& out, const bye& m) {
    frame f(out, message_type::bye);
    f.body.i32(m.status);
    f.body.text(clipped(m.text));
}

void encode(std::vector<std::uint8_t>& out, const fence& m) {
    frame f(out, message_type::fence);
    f.body.u64(m.id);
    f.body.u32(m.rail);
    f.body.u32(0);
}

void encode(std::vector<std::uint8_t>& out, const fence_ack& m) {
    frame f(out, message_type::fence_ack);
    f.body.u64(m.id);
    f.body.i32(m.status);
    f.body.u32(0);
}

void encode(std::vector<std::uint8_t>& out, const sync& m) {
    frame f(out, message_type::sync);
    f.body.u64(m.sequence);
}

void encode(std::vector<std::uint8_t>& out, const sync_done& m) {
    frame f(out, message_type::sync_done);
    f.body.u64(m.sequence);
}

void encode(std::vector<std::uint8_t>& out, const arena& m, std::uint8_t fds) {
    frame f(out, message_type::arena, fds);
    f.body.u64(m.arena);
    f.body.u64(m.length);
    f.body.u64(m.page_size);
    f.body.u32(m.read_only ? 1 : 0);
    f.body.u32(0);
}

void encode(std::vector<std::uint8_t>& out, const extension& m, std::uint8_t fds) {
    frame f(out, message_type::extension, fds);
    f.body.u32(m.kind);
    f.body.text(m.bytes);
}

void encode(std::vector<std::uint8_t>& out, const arrival_grant& m) {
    frame f(out, message_type::arrival_grant);
    f.body.u32(m.count);
    f.body.bytes(m.immediates);
}

void encode(std::vector<std::uint8_t>& out, const arrival_credit& m) {
    frame f(out, message_type::arrival_credit);
    f.body.u32(m.rail);
    f.body.u32(m.count);
}

void encode(std::vector<std::uint8_t>& out, const arrival_retire& m) {
    frame f(out, message_type::arrival_retire);
    f.body.u32(m.arrival.immediate());
    f.body.u32(m.attempt);
    f.body.u32(m.rails);
    f.body.u32(0);
    f.body.bytes(m.expected);
}

void encode_rail_count(std::vector<std::uint8_t>& out, rail_count count) {
    wire_writer w(out);
    w.u32(count.rail);
    w.u32(count.count);
}

void encode_immediate(std::vector<std::uint8_t>& out, std::uint32_t immediate) {
    wire_writer(out).u32(immediate);
}

void encode_coverage_run(std::vector<std::uint8_t>& out, const coverage_run& run) {
    wire_writer w(out);
    w.u32(run.group);
    w.u32(run.block);
    w.u32(run.blocks);
    w.u32(run.offset);
    w.u32(run.length);
}

} // namespace nixl::control
