// The decoders of the control connection: what was encoded comes back, and nothing else is accepted.
#include "control/wire.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace nixl::control {
namespace {

using bytes = std::vector<std::uint8_t>;

// A message of every type, as its frame and as a function that decodes a body of that type.
struct sample {
    std::string name;
    bytes frame;
    std::function<wire_error(std::span<const std::uint8_t>)> decode;
    bool may_grow = false;
};

template <class Message>
sample make(const Message& m, std::string name, bool may_grow = false) {
    sample s;
    s.name = std::move(name);
    encode(s.frame, m);
    s.decode = [](std::span<const std::uint8_t> body) {
        Message out;
        return control::decode(body, out);
    };
    s.may_grow = may_grow;
    return s;
}

access_token token() {
    access_token t;
    for (std::size_t i = 0; i < t.size(); ++i)
        t[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return t;
}

const std::string payload_text(1000, 'p');

bytes sample_expected() {
    bytes expected;
    encode_rail_count(expected, {1, 9});
    encode_rail_count(expected, {31, 0xFFFF'FFFF});
    return expected;
}

notify sample_notify(const bytes& coverage, const bytes& expected) {
    notify m;
    m.sequence = 77;
    m.request.lease_token = 0x1122334455667788;
    m.request.attempt = 3;
    m.op = NIXL_OP_WRITE;
    m.with_transfer = true;
    m.request_bytes = 1ull << 40;
    m.request_operations = 12;
    m.arrival = {max_arrival_slot, 255};
    m.arrival_attempt = 2;
    m.rails = static_cast<std::uint32_t>(expected.size() / 8);
    m.expected = expected;
    m.coverage_runs = static_cast<std::uint32_t>(coverage.size() / 20);
    m.coverage = coverage;
    m.payload = {reinterpret_cast<const std::uint8_t*>(payload_text.data()), payload_text.size()};
    return m;
}

bytes sample_coverage() {
    bytes coverage;
    encode_coverage_run(coverage, {1, 2, 3, 4, 5});
    encode_coverage_run(coverage, {6, 7, 8, 9, 10});
    return coverage;
}

std::vector<sample> samples() {
    std::vector<sample> all;
    all.push_back(
        make(hello{1, 2, NIXL_TRANSPORT_LOCAL, "prefill-0", 11, "decode.1", 22, token(), "extra"}, "HELLO", true));
    all.push_back(make(welcome{1, 256, "welcome bytes"}, "WELCOME", true));
    all.push_back(make(reject{NIXL_ERR_STALE_PEER, "restarted"}, "REJECT"));
    all.push_back(make(sample_notify(sample_coverage(), sample_expected()), "NOTIFY"));
    all.push_back(make(notify_ack{77, NIXL_SUCCESS}, "NOTIFY_ACK"));
    all.push_back(make(credit{12}, "CREDIT"));
    all.push_back(make(ping{5}, "PING"));
    all.push_back(make(pong{5}, "PONG"));
    all.push_back(make(bye{NIXL_ERR_CLOSED, "closing"}, "BYE"));
    all.push_back(make(fence{1, 2}, "FENCE"));
    all.push_back(make(fence_ack{1, NIXL_SUCCESS}, "FENCE_ACK"));
    all.push_back(make(sync{3}, "SYNC"));
    all.push_back(make(sync_done{3}, "SYNC_DONE"));
    all.push_back(make(arena{99, 1u << 21, 1u << 21, true}, "ARENA"));
    all.push_back(make(extension{4, "opaque"}, "EXTENSION"));
    bytes immediates;
    encode_immediate(immediates, arrival_tag{1, 0}.immediate());
    encode_immediate(immediates, arrival_tag{max_arrival_slot, 255}.immediate());
    all.push_back(make(arrival_grant{2, immediates}, "ARRIVAL_GRANT"));
    all.push_back(make(arrival_credit{31, 12}, "ARRIVAL_CREDIT"));
    all.push_back(make(arrival_retire{{7, 3}, 1, 2, sample_expected()}, "ARRIVAL_RETIRE"));
    return all;
}

std::span<const std::uint8_t> body_of(const bytes& frame) {
    return std::span<const std::uint8_t>(frame).subspan(frame_header_bytes);
}

TEST(wire, every_message_type_has_a_sample_and_its_name_in_the_header) {
    std::uint8_t expected = 1;
    for (const sample& s : samples()) {
        frame_header h;
        ASSERT_EQ(nullptr, decode(std::span<const std::uint8_t>(s.frame).first(frame_header_bytes), h)) << s.name;
        EXPECT_EQ(expected++, static_cast<std::uint8_t>(h.type));
        EXPECT_EQ(s.name, message_name(h.type));
        EXPECT_EQ(s.frame.size() - frame_header_bytes, h.body_length);
        EXPECT_EQ(nullptr, s.decode(body_of(s.frame))) << s.name;
    }
    EXPECT_EQ(static_cast<std::uint8_t>(message_type::arrival_retire) + 1, expected);
}

TEST(wire, a_body_cut_at_any_byte_is_refused) {
    for (const sample& s : samples()) {
        const auto body = body_of(s.frame);
        for (std::size_t n = 0; n < body.size(); ++n) {
            const bytes cut(body.begin(), body.begin() + static_cast<std::ptrdiff_t>(n)); // exact heap block for ASan
            EXPECT_NE(nullptr, s.decode(cut)) << s.name << " cut to " << n;
        }
    }
}

TEST(wire, bytes_after_the_last_field_are_refused_where_the_version_is_agreed) {
    for (const sample& s : samples()) {
        bytes longer(body_of(s.frame).begin(), body_of(s.frame).end());
        longer.push_back(0);
        EXPECT_EQ(s.may_grow, s.decode(longer) == nullptr) << s.name;
    }
}

TEST(wire, hello_comes_back_field_by_field) {
    bytes frame;
    encode(frame, hello{1, 2, NIXL_TRANSPORT_FABRIC, "a", 11, "b", 22, token(), "xyz"});
    hello m;
    ASSERT_EQ(nullptr, decode(body_of(frame), m));
    EXPECT_EQ(1, m.protocol_low);
    EXPECT_EQ(2, m.protocol_high);
    EXPECT_EQ(static_cast<std::uint32_t>(NIXL_TRANSPORT_FABRIC), m.transport);
    EXPECT_EQ("a", m.initiator_name);
    EXPECT_EQ(11u, m.initiator_incarnation);
    EXPECT_EQ("b", m.target_name);
    EXPECT_EQ(22u, m.target_incarnation);
    EXPECT_EQ(token(), m.token);
    EXPECT_EQ("xyz", m.transport_bytes);
}

TEST(wire, notify_comes_back_field_by_field) {
    const bytes coverage = sample_coverage();
    bytes frame;
    encode(frame, sample_notify(coverage, sample_expected()));
    notify m;
    ASSERT_EQ(nullptr, decode(body_of(frame), m));
    EXPECT_EQ(77u, m.sequence);
    EXPECT_EQ(0x1122334455667788u, m.request.lease_token);
    EXPECT_EQ(3u, m.request.attempt);
    EXPECT_EQ(static_cast<std::uint32_t>(NIXL_OP_WRITE), m.op);
    EXPECT_TRUE(m.with_transfer);
    EXPECT_EQ(1ull << 40, m.request_bytes);
    EXPECT_EQ(12u, m.request_operations);
    EXPECT_EQ((arrival_tag{max_arrival_slot, 255}), m.arrival);
    EXPECT_EQ(2u, m.arrival_attempt);
    ASSERT_EQ(2u, m.rails);
    rail_count count;
    ASSERT_TRUE(decode_rail_count(m.expected, 1, count));
    EXPECT_EQ((rail_count{31, 0xFFFF'FFFF}), count);
    EXPECT_FALSE(decode_rail_count(m.expected, 2, count));
    ASSERT_EQ(2u, m.coverage_runs);
    coverage_run run;
    ASSERT_TRUE(decode_coverage_run(m.coverage, 1, run));
    EXPECT_EQ(6u, run.group);
    EXPECT_EQ(7u, run.block);
    EXPECT_EQ(8u, run.blocks);
    EXPECT_EQ(9u, run.offset);
    EXPECT_EQ(10u, run.length);
    EXPECT_FALSE(decode_coverage_run(m.coverage, 2, run));
    EXPECT_EQ(payload_text, std::string(m.payload.begin(), m.payload.end()));
}

TEST(wire, sizes_beyond_the_limits_are_refused) {
    const auto refuse = [](auto m, const char* what) {
        bytes frame;
        encode(frame, m);
        decltype(m) out;
        EXPECT_NE(nullptr, decode(body_of(frame), out)) << what;
    };
    const bytes big(NIXL_NOTIFICATION_MAX + 1, 1);
    notify n = sample_notify({}, {});
    n.payload = big;
    refuse(n, "payload");
    n = sample_notify({}, {});
    n.coverage_runs = max_coverage_runs + 1;
    refuse(n, "coverage runs");
    n = sample_notify({}, {});
    n.rails = max_rails + 1;
    refuse(n, "rails");
    const bytes expected = sample_expected();
    n = sample_notify({}, expected);
    n.arrival = {};
    refuse(n, "completions without a slot");
    const auto expecting = [](std::initializer_list<rail_count> counts) {
        bytes b;
        for (const rail_count c : counts)
            encode_rail_count(b, c);
        return b;
    };
    for (const bytes& wrong :
         {expecting({{1, 1}, {1, 1}}), expecting({{2, 1}, {1, 1}}), expecting({{max_rails, 1}}), expecting({{0, 0}})}) {
        refuse(sample_notify({}, wrong), "expected");
        refuse(arrival_retire{{7, 3}, 0, static_cast<std::uint32_t>(wrong.size() / 8), wrong}, "expected");
    }
    n = sample_notify({}, {});
    n.op = 2;
    refuse(n, "op");
    n = sample_notify({}, {});
    n.with_transfer = false;
    refuse(n, "free-standing with sizes");
    n = sample_notify({}, {});
    n.sequence = 0;
    refuse(n, "sequence");
    const std::string long_name(NIXL_NAME_MAX + 1, 'a');
    const std::string long_bytes(max_transport_bytes + 1, 'a');
    refuse(hello{1, 1, 2, long_name, 1, "b", 1, {}, {}}, "name");
    refuse(hello{1, 1, 2, "a b", 1, "b", 1, {}, {}}, "name with a space");
    refuse(hello{1, 1, 2, "", 1, "b", 1, {}, {}}, "empty name");
    refuse(hello{2, 1, 2, "a", 1, "b", 1, {}, {}}, "protocol range");
    refuse(hello{1, 1, 2, "a", 0, "b", 1, {}, {}}, "incarnation");
    refuse(hello{1, 1, 2, "a", 1, "b", 1, {}, long_bytes}, "transport bytes");
    refuse(welcome{1, 0, {}}, "no credits");
    refuse(welcome{1, max_credits + 1, {}}, "credits");
    refuse(credit{0}, "credit 0");
    refuse(reject{0, "fine"}, "reject with success");
    refuse(arena{0, 4096, 4096, false}, "arena 0");
    refuse(arena{1, 4097, 4096, false}, "arena length");
    refuse(arena{1, 1ull << 50, 4096, false}, "arena too long");
    refuse(arena{1, 4096, 12288, false}, "page size");
    refuse(extension{1, long_bytes}, "extension");
    refuse(fence{1, max_rails}, "rail");
    refuse(arrival_grant{0, {}}, "no slots");
    refuse(arrival_grant{1, bytes(4)}, "slot 0");
    refuse(arrival_grant{max_arrival_grant + 1, bytes(4 * (max_arrival_grant + 1), 1)}, "slots");
    refuse(arrival_credit{0, 0}, "no credit");
    refuse(arrival_credit{max_rails, 1}, "credit of a rail");
    refuse(arrival_retire{{0, 0}, 0, 0, {}}, "retire slot 0");
}

TEST(wire, headers_are_checked) {
    bytes good;
    encode(good, ping{1});
    const auto with = [&](std::size_t at, std::uint8_t value) {
        bytes h(good.begin(), good.begin() + frame_header_bytes);
        h[at] = value;
        frame_header out;
        return decode(h, out);
    };
    EXPECT_EQ(nullptr, with(0, 'N'));
    EXPECT_NE(nullptr, with(0, 'X'));
    EXPECT_NE(nullptr, with(1, 9));
    EXPECT_NE(nullptr, with(2, 0));
    EXPECT_NE(nullptr, with(2, 19));
    EXPECT_NE(nullptr, with(3, max_frame_fds + 1));
    EXPECT_NE(nullptr, with(7, 1)); // 16 MiB
    frame_header out;
    EXPECT_NE(nullptr, decode(std::span<const std::uint8_t>(good).first(frame_header_bytes - 1), out));
}

TEST(wire, random_bytes_and_flipped_bits_never_read_outside) {
    std::mt19937 random(20240607);
    const auto all = samples();
    for (int round = 0; round < 20000; ++round) {
        bytes noise(random() % 300);
        for (auto& b : noise)
            b = static_cast<std::uint8_t>(random());
        for (const sample& s : all)
            (void)s.decode(noise);
        if (noise.size() >= frame_header_bytes) {
            frame_header h;
            (void)decode(std::span<const std::uint8_t>(noise).first(frame_header_bytes), h);
        }
    }
    for (const sample& s : all) {
        const bytes body(body_of(s.frame).begin(), body_of(s.frame).end());
        for (int round = 0; round < 2000 && !body.empty(); ++round) {
            bytes bent = body;
            for (auto flips = 1 + random() % 3; flips > 0; --flips)
                bent[random() % bent.size()] ^= static_cast<std::uint8_t>(1u << (random() % 8));
            (void)s.decode(bent);
        }
    }
}

} // namespace
} // namespace nixl::control
