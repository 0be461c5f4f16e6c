// Handshake, credits, liveness and goodbye between two sessions in one thread, with a clock that the test moves.
#include "control/session.hpp"
#include "control/sockets.hpp"
#include "pair.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstring>
#include <functional>
#include <optional>
#include <thread>

namespace nixl::control {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

// Records everything that one end hears.
struct recorder : session_events {
    std::function<void(session&, const hello&)> answer;
    std::vector<std::string> log;
    std::vector<std::uint64_t> acknowledged;
    std::vector<std::string> payloads;
    std::optional<failure> closed;
    std::string welcome_bytes;
    std::size_t welcome_fds = 0;
    std::size_t credits_heard = 0;
    bool silent = false;

    void on_hello(session& s, const hello& m) override { answer(s, m); }
    void on_welcome(session&, const welcome& m, std::span<unique_fd> fds) override {
        welcome_bytes = m.transport_bytes;
        welcome_fds = fds.size();
        log.push_back("welcome");
    }
    void on_notify(session& s, const notify& m) override {
        payloads.emplace_back(m.payload.begin(), m.payload.end());
        s.acknowledge(m.sequence, NIXL_SUCCESS);
    }
    void on_notify_ack(session&, const notify_ack& m) override { acknowledged.push_back(m.sequence); }
    void on_credit(session&) override { ++credits_heard; }
    bool on_message(session&, received_frame& f) override {
        log.push_back(message_name(f.header.type));
        return f.header.type != message_type::fence; // fences are not understood here
    }
    void on_silence(session&, bool s) override { silent = s; }
    void on_closed(session&, const failure& why) override {
        EXPECT_FALSE(closed.has_value()) << "closed twice";
        closed = why;
    }
};

access_token token_of(std::uint8_t seed) {
    access_token t{};
    t.fill(seed);
    return t;
}

class session_pair : public ::testing::Test {
  protected:
    static constexpr std::uint32_t granted = 3;

    hello greeting() const { return {1, 1, NIXL_TRANSPORT_LOCAL, "a", 10, "b", 20, token_of(9), "from a"}; }
    target_identity identity() const { return {"b", 20, token_of(9), NIXL_TRANSPORT_LOCAL}; }

    void start(const hello& m) {
        auto [x, y] = socket_pair();
        settings.descriptors = true;
        target_events.answer = [this](session& s, const hello& h) {
            if (const failure f = check_hello(h, identity()); !f.ok())
                return s.refuse(f);
            s.accept(granted, "from b");
        };
        target = session::receive(std::move(y), settings, target_events, now);
        initiator = session::initiate(std::move(x), true, m, settings, initiator_events, now);
        pump();
    }

    static void drive(session& s, std::uint64_t now) {
        if (s.current() == session::state::closed)
            return;
        pollfd p{s.fd(), POLLIN | POLLRDHUP, 0};
        if ((s.wanted_events() & POLLOUT) != 0)
            p.events |= POLLOUT;
        (void)::poll(&p, 1, 0);
        s.ready(static_cast<std::uint32_t>(p.revents), now);
        s.tick(now);
        s.flush();
    }
    void pump(int turns = 6) {
        for (int i = 0; i < turns; ++i) {
            if (initiator)
                drive(*initiator, now);
            if (target)
                drive(*target, now);
        }
    }

    std::uint64_t now = 1000 * second;
    session_settings settings;
    recorder initiator_events;
    recorder target_events;
    std::unique_ptr<session> initiator;
    std::unique_ptr<session> target;
};

TEST_F(session_pair, handshake_opens_both_ends) {
    start(greeting());
    EXPECT_EQ(session::state::open, initiator->current());
    EXPECT_EQ(session::state::open, target->current());
    EXPECT_EQ("from b", initiator_events.welcome_bytes);
    EXPECT_EQ(granted, initiator->credits());
}

TEST_F(session_pair, wrong_token_name_incarnation_or_transport_is_refused_with_its_reason) {
    const auto refused = [this](const hello& m) {
        initiator_events = {};
        target_events = {};
        start(m);
        EXPECT_EQ(session::state::closed, target->current());
        EXPECT_EQ(session::state::closed, initiator->current());
        if (!initiator_events.closed.has_value())
            return 0;
        EXPECT_NE(nullptr, std::strstr(initiator_events.closed->text, "refuses")) << initiator_events.closed->text;
        return initiator_events.closed->status;
    };
    hello m = greeting();
    m.token = token_of(8);
    EXPECT_EQ(NIXL_ERR_PERMISSION, refused(m));
    m = greeting();
    m.token[15] ^= 1;
    EXPECT_EQ(NIXL_ERR_PERMISSION, refused(m));
    m = greeting();
    m.target_incarnation = 21;
    EXPECT_EQ(NIXL_ERR_STALE_PEER, refused(m));
    m = greeting();
    m.target_name = "c";
    EXPECT_EQ(NIXL_ERR_STALE_PEER, refused(m));
    m = greeting();
    m.transport = NIXL_TRANSPORT_FABRIC;
    EXPECT_EQ(NIXL_ERR_MISMATCH, refused(m));
    m = greeting();
    m.protocol_low = m.protocol_high = 9;
    EXPECT_EQ(NIXL_ERR_MISMATCH, refused(m));
}

TEST_F(session_pair, notifications_stop_at_the_granted_credits_and_go_on_with_new_ones) {
    start(greeting());
    const auto send = [this](const std::string& text) {
        notify m;
        m.payload = {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
        return initiator->notify(m);
    };
    EXPECT_EQ(1u, send("one"));
    EXPECT_EQ(2u, send(""));
    EXPECT_EQ(3u, send("three"));
    EXPECT_EQ(0u, initiator->credits());
    EXPECT_EQ(0u, send("refused here"));
    pump();
    EXPECT_EQ((std::vector<std::string>{"one", "", "three"}), target_events.payloads);
    EXPECT_EQ((std::vector<std::uint64_t>{1, 2, 3}), initiator_events.acknowledged);
    target->grant(2);
    pump();
    EXPECT_EQ(2u, initiator->credits());
    EXPECT_EQ(1u, initiator_events.credits_heard);
    EXPECT_EQ(4u, send("four"));
    pump();
    EXPECT_EQ("four", target_events.payloads.back());
}

TEST_F(session_pair, more_notifications_than_granted_end_the_connection) {
    start(greeting());
    for (std::uint64_t i = 1; i <= granted + 1; ++i) {
        notify m;
        m.sequence = i;
        initiator->send(m); // around the credits
    }
    pump();
    ASSERT_TRUE(target_events.closed.has_value());
    EXPECT_EQ(granted, target_events.payloads.size());
    EXPECT_EQ(NIXL_ERR_BACKEND, target_events.closed->status);
    target.reset();
    pump();
    EXPECT_TRUE(initiator_events.closed.has_value());
}

TEST_F(session_pair, messages_out_of_place_end_the_connection) {
    start(greeting());
    initiator->send(welcome{1, 5, {}});
    pump();
    ASSERT_TRUE(target_events.closed.has_value());

    initiator_events = {};
    target_events = {};
    start(greeting());
    initiator->send(fence{1}); // the recorder answers "not understood"
    pump();
    ASSERT_TRUE(target_events.closed.has_value());

    initiator_events = {};
    target_events = {};
    start(greeting());
    initiator->send(extension{7, "hello"});
    pump();
    EXPECT_EQ((std::vector<std::string>{"EXTENSION"}), target_events.log);
    target->send(notify_ack{1, 0}); // of a notification that was never sent
    pump();
    EXPECT_TRUE(initiator_events.closed.has_value());
}

TEST_F(session_pair, a_silent_peer_becomes_suspect_and_comes_back) {
    start(greeting());
    for (std::uint64_t i = 0; i < 60; ++i) { // both alive: pings keep them happy
        now += second / 2;
        pump(2);
    }
    EXPECT_FALSE(initiator_events.silent);
    for (std::uint64_t i = 0; i < 9; ++i) { // the target stops
        now += second / 2;
        drive(*initiator, now);
    }
    EXPECT_FALSE(initiator_events.silent);
    for (std::uint64_t i = 0; i < 4; ++i) {
        now += second / 2;
        drive(*initiator, now);
    }
    EXPECT_TRUE(initiator_events.silent);
    pump();
    EXPECT_FALSE(initiator_events.silent);
    EXPECT_FALSE(initiator_events.closed.has_value());
}

TEST_F(session_pair, a_process_that_was_stopped_itself_does_not_suspect_its_peer) {
    start(greeting());
    now += 100 * second;
    initiator->tick(now);
    EXPECT_FALSE(initiator_events.silent);
}

TEST_F(session_pair, no_answer_to_hello_ends_in_time) {
    auto [x, y] = socket_pair();
    initiator = session::initiate(std::move(x), true, greeting(), settings, initiator_events, now);
    EXPECT_EQ(now + settings.handshake_ns, initiator->next_tick());
    now += settings.handshake_ns;
    drive(*initiator, now);
    ASSERT_TRUE(initiator_events.closed.has_value());
    EXPECT_EQ(NIXL_ERR_TIMEOUT, initiator_events.closed->status);
}

TEST_F(session_pair, goodbye_and_sudden_end_are_told_apart) {
    start(greeting());
    target->close(fail(NIXL_ERR_CLOSED, "maintenance"));
    target.reset();
    pump();
    ASSERT_TRUE(initiator_events.closed.has_value());
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, initiator_events.closed->status);
    EXPECT_NE(nullptr, std::strstr(initiator_events.closed->text, "maintenance"));

    initiator_events = {};
    target_events = {};
    start(greeting());
    target.reset();
    pump();
    ASSERT_TRUE(initiator_events.closed.has_value());
    EXPECT_EQ(NIXL_ERR_REMOTE_DISCONNECT, initiator_events.closed->status);
    EXPECT_NE(nullptr, std::strstr(initiator_events.closed->text, "without a goodbye"));
}

TEST_F(session_pair, a_stranger_cannot_make_the_target_buffer_much) {
    auto [x, y] = socket_pair();
    target = session::receive(std::move(y), settings, target_events, now);
    std::vector<std::uint8_t> frame;
    notify m;
    m.sequence = 1;
    const std::vector<std::uint8_t> payload(60000);
    m.payload = payload;
    encode(frame, m);
    ASSERT_GT(::send(x.get(), frame.data(), frame.size(), 0), 0);
    pump();
    ASSERT_TRUE(target_events.closed.has_value());
    EXPECT_EQ(NIXL_ERR_BACKEND, target_events.closed->status);
}

TEST_F(session_pair, works_over_tcp_and_over_an_abstract_unix_socket) {
    for (const bool tcp : {true, false}) {
        initiator_events = {};
        target_events = {};
        settings.descriptors = !tcp;
        failure why;
        const std::string name = "nixl-sdk-test-" + std::to_string(::getpid());
        auto l = tcp ? listener::tcp("127.0.0.1", 0, why) : listener::local(name, why);
        ASSERT_TRUE(l) << why.text;
        bool connected = false;
        auto socket = tcp ? connect_tcp("127.0.0.1", l.port(), connected, why) : connect_local(name, connected, why);
        ASSERT_TRUE(socket) << why.text;
        target_events.answer = [](session& s, const hello&) { s.accept(1, ""); };
        initiator = session::initiate(std::move(socket), connected, greeting(), settings, initiator_events, now);
        unique_fd accepted;
        for (int i = 0; i < 1000 && !accepted; ++i) {
            bool exhausted = false;
            accepted = l.accept(exhausted);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        ASSERT_TRUE(accepted);
        if (!tcp) {
            peer_process who;
            ASSERT_TRUE(peer_process_of(accepted.get(), who, why)) << why.text;
            EXPECT_EQ(::getpid(), who.pid);
            EXPECT_EQ(::getuid(), who.uid);
            EXPECT_TRUE(who.pidfd);
            EXPECT_FALSE(has_exited(who.pidfd.get()));
        }
        target = session::receive(std::move(accepted), settings, target_events, now);
        for (int i = 0; i < 1000 && initiator->current() != session::state::open; ++i) {
            pump(1);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        EXPECT_EQ(session::state::open, initiator->current());
    }
}

TEST(sockets, a_refused_connect_says_so) {
    failure why;
    bool connected = false;
    EXPECT_FALSE(connect_local("nixl-sdk-nobody-listens-here", connected, why));
    EXPECT_FALSE(why.ok());
    EXPECT_FALSE(connect_tcp("not an address", 1, connected, why));
    EXPECT_EQ(NIXL_ERR_INVALID_PARAM, why.status);
    EXPECT_TRUE(is_wildcard("0.0.0.0"));
    EXPECT_TRUE(is_wildcard("::"));
    EXPECT_FALSE(is_wildcard("127.0.0.1"));
    std::string text;
    EXPECT_EQ("127.0.0.1", resolve_host("127.0.0.1", text));
    EXPECT_FALSE(listener::tcp("127.0.0.1", 1, why) && ::getuid() != 0);
}

} // namespace
} // namespace nixl::control
