#include "control/wire.hpp"
#include "fuzz/targets.hpp"

#include <algorithm>
#include <string>

namespace nixl::fuzz {

namespace {

using namespace nixl::control;

// Decodes a body; what was accepted is encoded and must then decode, and encode to the same bytes again. (HELLO and
// WELCOME may be followed by fields of later versions, so the first bytes may be longer than the second.)
template <class Message>
void body(input data) {
    Message m;
    if (decode(data, m) != nullptr)
        return;
    bytes first;
    encode(first, m);
    require(first.size() >= frame_header_bytes, "a frame has a header");
    frame_header header;
    require(decode(input(first).first(frame_header_bytes), header) == nullptr, "an encoded header decodes");
    require(header.body_length + frame_header_bytes == first.size(), "the header tells the body's length");
    Message second;
    require(decode(input(first).subspan(frame_header_bytes), second) == nullptr, "an encoded body decodes");
    bytes third;
    encode(third, second);
    require(first == third, "encoding is stable");
}

void notify_body(input data) {
    body<control::notify>(data);
    control::notify m;
    if (decode(data, m) != nullptr)
        return;
    require(m.payload.size() <= NIXL_NOTIFICATION_MAX, "the payload's limit");
    require(m.coverage.size() == m.coverage_runs * size_t{20}, "coverage is as long as its runs");
    for (size_t i = 0; i <= m.coverage_runs; ++i) {
        coverage_run run;
        require(decode_coverage_run(m.coverage, i, run) == (i < m.coverage_runs), "runs are counted");
    }
}

void grant_body(input data) {
    body<arrival_grant>(data);
    arrival_grant m;
    if (decode(data, m) != nullptr)
        return;
    require(m.count <= max_arrival_grant, "a grant's limit");
    for (size_t i = 0; i <= m.count; ++i) {
        uint32_t immediate = 0;
        require(decode_immediate(m.immediates, i, immediate) == (i < m.count), "immediates are counted");
    }
}

void retire_body(input data) {
    body<arrival_retire>(data);
    arrival_retire m;
    if (decode(data, m) != nullptr)
        return;
    for (size_t i = 0; i <= m.rails; ++i) {
        rail_count count;
        require(decode_rail_count(m.expected, i, count) == (i < m.rails), "rails are counted");
    }
}

void header_bytes(input data) {
    frame_header h;
    if (data.size() < frame_header_bytes || decode(data.first(frame_header_bytes), h) != nullptr)
        return;
    require(h.body_length <= max_body_bytes && h.fds <= max_frame_fds, "an accepted header is within its limits");
    require(message_name(h.type) != nullptr, "an accepted type has a name");
}

constexpr void (*kinds[])(input) = {
    header_bytes,     body<hello>,     body<welcome>,        body<reject>,    notify_body,
    body<notify_ack>, body<credit>,    body<ping>,           body<pong>,      body<bye>,
    body<fence>,      body<fence_ack>, body<sync>,           body<sync_done>, body<arena>,
    body<extension>,  grant_body,      body<arrival_credit>, retire_body};

template <class Message>
void add(std::vector<bytes>& all, uint8_t kind, const Message& m) {
    bytes frame;
    encode(frame, m);
    all.emplace_back(frame)[frame_header_bytes - 1] = kind; // kind, then the body
    all.back().erase(all.back().begin(), all.back().begin() + frame_header_bytes - 1);
    bytes& header = all.emplace_back(1, uint8_t{0});
    header.insert(header.end(), frame.begin(), frame.begin() + frame_header_bytes);
}

} // namespace

// The first byte chooses the message.
void control_wire(input data) {
    if (!data.empty())
        kinds[data[0] % std::size(kinds)](data.subspan(1));
}

std::vector<bytes> control_seeds() {
    std::vector<bytes> all;
    hello h;
    h.transport = NIXL_TRANSPORT_LOCAL;
    h.initiator_name = "prefill-0";
    h.initiator_incarnation = 7;
    h.target_name = "decode-0";
    h.target_incarnation = 8;
    h.transport_bytes = "bytes of the transport";
    add(all, 1, h);
    welcome w;
    w.credits = 256;
    w.transport_bytes = "more of them";
    add(all, 2, w);
    add(all, 3, reject{NIXL_ERR_PERMISSION, "wrong token"});
    bytes coverage;
    encode_coverage_run(coverage, {1, 2, 3, 4, 5});
    encode_coverage_run(coverage, {6, 7, 8, 9, 10});
    const std::string payload = "a payload";
    control::notify n;
    n.sequence = 1;
    n.with_transfer = true;
    n.request_bytes = 4096;
    n.coverage_runs = 2;
    n.coverage = coverage;
    n.payload = {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()};
    add(all, 4, n);
    add(all, 5, notify_ack{3, NIXL_SUCCESS});
    add(all, 6, credit{5});
    add(all, 7, ping{6});
    add(all, 8, pong{7});
    add(all, 9, bye{NIXL_ERR_CLOSED, "closing"});
    add(all, 10, fence{1, 2});
    add(all, 11, fence_ack{1, NIXL_SUCCESS});
    add(all, 12, sync{1});
    add(all, 13, sync_done{1});
    add(all, 14, control::arena{1, 4096, 4096, true});
    add(all, 15, extension{1, "12345678"});
    bytes immediates;
    encode_immediate(immediates, 0x01000001);
    encode_immediate(immediates, 0x02000002);
    add(all, 16, arrival_grant{2, immediates});
    add(all, 17, arrival_credit{1, 64});
    bytes expected;
    encode_rail_count(expected, {0, 7});
    arrival_retire retire;
    retire.arrival = n.arrival;
    retire.rails = 1;
    retire.expected = expected;
    add(all, 18, retire);
    return all;
}

} // namespace nixl::fuzz
