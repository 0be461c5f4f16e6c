// Framing and descriptor passing.
#include "control/channel.hpp"
#include "pair.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <random>

namespace nixl::control {
namespace {

unique_fd memory_file(std::uint64_t length) {
    unique_fd fd(::memfd_create("test", MFD_CLOEXEC));
    EXPECT_EQ(0, ::ftruncate(fd.get(), static_cast<off_t>(length)));
    return fd;
}

std::uint64_t size_of(int fd) {
    struct stat s {};
    EXPECT_EQ(0, ::fstat(fd, &s));
    return static_cast<std::uint64_t>(s.st_size);
}

TEST(channel, a_stream_that_arrives_byte_by_byte_gives_whole_frames) {
    auto [near, far] = socket_pair();
    channel c(std::move(near), true);
    std::vector<std::uint8_t> stream;
    for (std::uint64_t i = 1; i <= 5; ++i)
        encode(stream, ping{i});
    std::vector<std::uint64_t> seen;
    for (const std::uint8_t b : stream) {
        ASSERT_EQ(1, ::send(far.get(), &b, 1, 0));
        ASSERT_EQ(channel::result::ok, c.receive([&](received_frame& f) {
            ping m;
            EXPECT_EQ(nullptr, decode(f.body, m));
            seen.push_back(m.sequence);
            return true;
        }));
    }
    EXPECT_EQ((std::vector<std::uint64_t>{1, 2, 3, 4, 5}), seen);
}

TEST(channel, descriptors_arrive_with_the_message_they_were_sent_with) {
    auto [a, b] = socket_pair();
    channel out(std::move(a), true);
    channel in(std::move(b), true);
    std::mt19937 random(5);
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t i = 1; i <= 40; ++i) {
        out.send(ping{i});
        if (random() % 2 == 0) {
            std::vector<unique_fd> fds;
            fds.push_back(memory_file(4096 * i));
            if (random() % 2 == 0)
                fds.push_back(memory_file(4096 * i));
            out.send(arena{i, 4096 * i, 4096, false}, std::move(fds));
            sizes.push_back(4096 * i);
        }
    }
    std::size_t seen = 0;
    while (out.wants_write()) {
        ASSERT_EQ(channel::result::ok, out.flush());
        ASSERT_EQ(channel::result::ok, in.receive([&](received_frame& f) {
            if (f.header.type != message_type::arena) {
                EXPECT_EQ(0u, f.fds.size());
                return true;
            }
            arena m;
            EXPECT_EQ(nullptr, decode(f.body, m));
            EXPECT_EQ(f.header.fds, f.fds.size());
            for (auto& fd : f.fds)
                EXPECT_EQ(m.length, size_of(fd.get()));
            EXPECT_EQ(sizes[seen++], m.length);
            return true;
        }));
    }
    EXPECT_EQ(sizes.size(), seen);
}

TEST(channel, large_messages_pass_through_a_small_socket_buffer) {
    auto [a, b] = socket_pair();
    const int small = 4096;
    ASSERT_EQ(0, ::setsockopt(a.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
    channel out(std::move(a), false);
    channel in(std::move(b), false);
    std::vector<std::uint8_t> payload(NIXL_NOTIFICATION_MAX);
    for (std::size_t i = 0; i < payload.size(); ++i)
        payload[i] = static_cast<std::uint8_t>(i * 131);
    for (std::uint64_t i = 1; i <= 10; ++i) {
        notify m;
        m.sequence = i;
        m.payload = payload;
        out.send(m);
    }
    std::uint64_t seen = 0;
    for (int turn = 0; seen < 10 && turn < 100000; ++turn) {
        ASSERT_EQ(channel::result::ok, out.flush());
        ASSERT_EQ(channel::result::ok, in.receive([&](received_frame& f) {
            notify m;
            EXPECT_EQ(nullptr, decode(f.body, m));
            EXPECT_EQ(++seen, m.sequence);
            EXPECT_TRUE(std::equal(payload.begin(), payload.end(), m.payload.begin(), m.payload.end()));
            return true;
        }));
    }
    EXPECT_EQ(10u, seen);
}

TEST(channel, garbage_missing_descriptors_and_a_cut_message_are_failures) {
    const auto feed = [](const std::vector<std::uint8_t>& stream, bool close_after) {
        auto [near, far] = socket_pair();
        channel c(std::move(near), true);
        EXPECT_EQ(static_cast<ssize_t>(stream.size()), ::send(far.get(), stream.data(), stream.size(), 0));
        if (close_after)
            far.reset();
        const auto r = c.receive([](received_frame&) { return true; });
        return std::pair(r, c.error());
    };
    EXPECT_EQ(channel::result::failed, feed(std::vector<std::uint8_t>(64, 'x'), false).first);
    std::vector<std::uint8_t> lacks;
    encode(lacks, arena{1, 4096, 4096, false}, 1);
    EXPECT_EQ(channel::result::failed, feed(lacks, false).first);
    std::vector<std::uint8_t> cut;
    encode(cut, ping{1});
    cut.pop_back();
    const auto [result, text] = feed(cut, true);
    EXPECT_EQ(channel::result::closed, result);
    EXPECT_NE(std::string::npos, text.find("middle of a message"));
    std::vector<std::uint8_t> whole;
    encode(whole, ping{1});
    EXPECT_EQ(channel::result::closed, feed(whole, true).first);
}

TEST(channel, a_peer_that_never_reads_is_given_up_instead_of_filling_memory) {
    auto [near, far] = socket_pair();
    channel c(std::move(near), false);
    std::vector<std::uint8_t> payload(NIXL_NOTIFICATION_MAX);
    notify m;
    m.sequence = 1;
    m.payload = payload;
    channel::result r = channel::result::ok;
    for (int i = 0; i < 2000 && r == channel::result::ok; ++i) {
        c.send(m);
        r = c.flush();
    }
    EXPECT_EQ(channel::result::failed, r);
    EXPECT_LT(c.output_bytes(), channel::max_output_bytes + max_body_bytes);
}

} // namespace
} // namespace nixl::control
