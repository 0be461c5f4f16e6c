// The fabric's control port, spoken to by hand: who is let in, and what a fence does.
#include "control/session.hpp"
#include "control/sockets.hpp"
#include "core/blob.hpp"
#include "core/deadline.hpp"
#include "fabric/pair.hpp"
#include "support/test_network.hpp"
#include "transports/fabric/endpoint.hpp"
#include "transports/fabric/packing/messages.hpp"
#include "transports/fabric/wire.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstring>

namespace nixl::test {
namespace {

// An initiator without an endpoint behind it.
class stranger final : public control::session_events {
  public:
    explicit stranger(const test_agent& target) {
        const auto bytes = target.metadata();
        EXPECT_TRUE(decode_metadata(bytes, metadata).ok());
        EXPECT_EQ(fabric::decode(metadata.address(NIXL_TRANSPORT_FABRIC), address), nullptr);
        hello.transport = NIXL_TRANSPORT_FABRIC;
        hello.initiator_name = "stranger";
        hello.initiator_incarnation = 7;
        hello.target_name = metadata.name;
        hello.target_incarnation = metadata.incarnation;
        hello.token = metadata.access_token;
        endpoint = {address.provider, {std::string(16, '\1')}};
    }

    // Says HELLO and waits for the answer.
    void greet() {
        std::string bytes;
        encode(bytes, endpoint);
        hello.transport_bytes = bytes;
        bool connected = false;
        failure why;
        auto socket = control::connect_tcp(address.host, address.port, connected, why);
        ASSERT_TRUE(static_cast<bool>(socket)) << why.text;
        session = control::session::initiate(std::move(socket), connected, hello, {}, *this, now_ns());
        drive([this] { return welcomed || ended; });
    }

    template <typename Done>
    bool drive(Done&& done, uint64_t timeout_ns = 15 * second_ns) {
        const deadline until = deadline::after(timeout_ns);
        while (!done() && !until.passed() && !ended) {
            const uint32_t wanted = session->wanted_events();
            pollfd p{session->fd(), static_cast<short>(wanted & (POLLIN | POLLOUT)), 0};
            (void)::poll(&p, 1, 20);
            if (p.revents != 0)
                session->ready(static_cast<uint32_t>(p.revents), now_ns());
            session->tick(now_ns());
        }
        return done();
    }

    void on_hello(control::session&, const control::hello&) override {}
    void on_welcome(control::session&, const control::welcome&, std::span<control::unique_fd>) override {
        welcomed = true;
    }
    void on_notify(control::session&, const control::notify&) override {}
    void on_notify_ack(control::session&, const control::notify_ack&) override { ++acknowledged; }
    void on_credit(control::session&) override {}
    bool on_message(control::session&, control::received_frame& frame) override {
        if (control::extension e; frame.header.type == control::message_type::extension)
            return control::decode(frame.body, e) == nullptr && fabric::packing::decode(e.bytes, ring);
        control::fence_ack m;
        if (frame.header.type != control::message_type::fence_ack || control::decode(frame.body, m) != nullptr)
            return false;
        fenced = m.id;
        return true;
    }
    void on_silence(control::session&, bool) override {}
    void on_closed(control::session&, const failure& why) override {
        ended = true;
        reason = why;
    }

    peer_metadata metadata;
    fabric::advertised_address address;
    fabric::endpoint_names endpoint;
    control::hello hello;
    std::unique_ptr<control::session> session;
    bool welcomed = false;
    bool ended = false;
    failure reason;
    fabric::packing::ring ring; // its key is gone
    uint64_t fenced = 0;
    uint64_t acknowledged = 0;
};

class FabricHandshake : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(target.ok()) << target.last_error(); }
    test_agent target{"target"};
};

TEST_F(FabricHandshake, Without_the_token_nobody_is_let_in) {
    stranger s(target);
    s.hello.token[3] = static_cast<uint8_t>(s.hello.token[3] ^ 1);
    ASSERT_NO_FATAL_FAILURE(s.greet());
    EXPECT_FALSE(s.welcomed);
    EXPECT_EQ(s.reason.status, NIXL_ERR_PERMISSION) << s.reason.text;
}

TEST_F(FabricHandshake, Another_incarnation_is_stale) {
    stranger s(target);
    s.hello.target_incarnation += 1;
    ASSERT_NO_FATAL_FAILURE(s.greet());
    EXPECT_FALSE(s.welcomed);
    EXPECT_EQ(s.reason.status, NIXL_ERR_STALE_PEER) << s.reason.text;
}

TEST_F(FabricHandshake, Another_provider_is_refused_by_name) {
    stranger s(target);
    s.endpoint.provider = "carrier-pigeon";
    ASSERT_NO_FATAL_FAILURE(s.greet());
    EXPECT_FALSE(s.welcomed);
    EXPECT_EQ(s.reason.status, NIXL_ERR_MISMATCH);
    EXPECT_NE(std::string(s.reason.text).find("carrier-pigeon"), std::string::npos) << s.reason.text;
}

TEST_F(FabricHandshake, An_endpoint_address_that_the_provider_does_not_know_is_refused) {
    stranger s(target);
    s.endpoint.addresses.front() = "not an address";
    ASSERT_NO_FATAL_FAILURE(s.greet());
    EXPECT_FALSE(s.welcomed);
    EXPECT_EQ(s.reason.status, NIXL_ERR_BACKEND) << s.reason.text;
}

TEST_F(FabricHandshake, An_endpoint_address_of_another_family_is_refused) {
    stranger s(target);
    // As long as the target's own, but its family says that it is longer.
    const ::sa_family_t family = AF_INET6;
    std::memcpy(s.endpoint.addresses.front().data(), &family, sizeof family);
    ASSERT_NO_FATAL_FAILURE(s.greet());
    EXPECT_FALSE(s.welcomed);
    EXPECT_EQ(s.reason.status, NIXL_ERR_BACKEND) << s.reason.text;
    EXPECT_NE(std::string(s.reason.text).find("address family"), std::string::npos) << s.reason.text;
}

TEST_F(FabricHandshake, A_fence_is_answered_once_the_endpoint_is_closed_and_notifications_go_on) {
    stranger s(target);
    std::string why;
    const auto library = fabric::library::load("libfabric.so.1", why);
    const std::shared_ptr<const fabric::domain> d =
        fabric::domain::open(library, test_provider(), test_host(), {}, why);
    ASSERT_NE(d, nullptr) << why;
    const auto own = fabric::endpoint::open(d, nullptr, 64, why);
    ASSERT_NE(own, nullptr) << why;
    s.endpoint.addresses.front() = own->address();
    ASSERT_NO_FATAL_FAILURE(s.greet());
    ASSERT_TRUE(s.welcomed) << s.reason.text;
    s.session->send(control::fence{41, 0});
    s.session->flush();
    EXPECT_TRUE(s.drive([&] { return s.fenced == 41; })) << s.reason.text;
    EXPECT_NE(s.session->notify({}), 0u);
    s.session->flush();
    EXPECT_TRUE(s.drive([&] { return s.acknowledged == 1; })) << s.reason.text;
    EXPECT_TRUE(target.next_notification().has_value());
}

TEST_F(FabricHandshake, One_peer_does_not_get_the_staging_memory_of_all) {
    using fabric::packing::message_kind;
    stranger s(target);
    std::string why;
    const auto library = fabric::library::load("libfabric.so.1", why);
    const std::shared_ptr<const fabric::domain> d =
        fabric::domain::open(library, test_provider(), test_host(), {}, why);
    ASSERT_NE(d, nullptr) << why;
    const auto own = fabric::endpoint::open(d, nullptr, 64, why);
    ASSERT_NE(own, nullptr) << why;
    s.endpoint.addresses.front() = own->address();
    ASSERT_NO_FATAL_FAILURE(s.greet());
    ASSERT_TRUE(s.welcomed) << s.reason.text;
    const auto wanted = fabric::packing::encode(fabric::packing::ring_wanted{64, 2u << 20}); // the whole limit
    s.session->send(control::extension{static_cast<uint32_t>(message_kind::ring_wanted), wanted.view()});
    s.session->flush();
    ASSERT_TRUE(s.drive([&] { return s.ring.slots != 0; })) << s.reason.text;
    EXPECT_LE(uint64_t{s.ring.slots} * s.ring.slot_bytes, 4u << 20);
    // It is asked for once.
    s.session->send(control::extension{static_cast<uint32_t>(message_kind::ring_wanted), wanted.view()});
    s.session->flush();
    EXPECT_TRUE(s.drive([&] { return s.ended; }));
}

// What was written through the first connection may be on its way still.
TEST_F(FabricHandshake, An_initiator_that_connects_again_has_its_older_connection_closed_first) {
    std::string why;
    const auto library = fabric::library::load("libfabric.so.1", why);
    const std::shared_ptr<const fabric::domain> d =
        fabric::domain::open(library, test_provider(), test_host(), {}, why);
    ASSERT_NE(d, nullptr) << why;
    std::vector<std::unique_ptr<fabric::endpoint>> own;
    const auto endpoint_of = [&](stranger& s) {
        own.push_back(fabric::endpoint::open(d, nullptr, 64, why));
        ASSERT_NE(own.back(), nullptr) << why;
        s.endpoint.addresses.front() = own.back()->address();
    };
    stranger first(target);
    stranger again(target);
    stranger other(target);
    other.hello.initiator_incarnation = 8;
    for (stranger* s : {&first, &other, &again}) {
        ASSERT_NO_FATAL_FAILURE(endpoint_of(*s));
        ASSERT_NO_FATAL_FAILURE(s->greet());
        ASSERT_TRUE(s->welcomed) << s->reason.text;
    }
    EXPECT_TRUE(first.drive([&] { return first.ended; }, second_ns));
    EXPECT_EQ(first.reason.status, NIXL_ERR_REMOTE_DISCONNECT) << first.reason.text;
    for (stranger* s : {&other, &again}) {
        EXPECT_NE(s->session->notify({}), 0u);
        s->session->flush();
        EXPECT_TRUE(s->drive([&] { return s->acknowledged == 1; })) << s->reason.text;
    }
}

TEST_F(FabricHandshake, Noise_on_the_port_harms_nobody) {
    stranger s(target);
    for (int i = 0; i < 5; ++i) {
        bool connected = false;
        failure why;
        auto socket = control::connect_tcp(s.address.host, s.address.port, connected, why);
        ASSERT_TRUE(static_cast<bool>(socket)) << why.text;
        pollfd p{socket.get(), POLLOUT, 0};
        (void)::poll(&p, 1, 5'000);
        const std::string noise(300, static_cast<char>(i * 37));
        (void)!::write(socket.get(), noise.data(), noise.size());
    }
    test_agent other("other");
    ASSERT_TRUE(other.ok());
    EXPECT_NE(other.connect(target.metadata()), 0u) << other.connect_text;
}

} // namespace
} // namespace nixl::test
