// What is made and given up again and again leaves nothing behind, on either side.
#include "faults/two_ends.hpp"

#include "core/blob.hpp"
#include "core/failure.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <thread>

namespace nixl::test {
namespace {

class leaks : public two_ends {
  protected:
    process_resources of_the_other() {
        const std::string answer = there->command("resources");
        return process_resources::parse(answer.substr(std::min<size_t>(3, answer.size())));
    }
    // Closing goes on after the call: wait until the numbers are back, at most 5 s.
    template <class Now>
    static void expect_no_growth(const char* whose, const process_resources& before, Now&& now) {
        process_resources after = now();
        for (int i = 0; i < 250 && (after.descriptors > before.descriptors || after.threads > before.threads ||
                                    after.mappings > before.mappings + 8);
             ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            after = now();
        }
        EXPECT_LE(after.descriptors, before.descriptors) << whose;
        EXPECT_LE(after.threads, before.threads) << whose;
        EXPECT_LE(after.mappings, before.mappings + 8) << whose; // malloc may map some more
        EXPECT_LE(after.shm_files, before.shm_files) << whose;
        // A few hundred bytes a time would be a leak; malloc's own fluctuation is not.
        EXPECT_LE(after.heap_bytes, before.heap_bytes + (256 << 10)) << whose;
    }
};

TEST_P(leaks, connecting_and_disconnecting_leaves_nothing) {
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 1 << 20, .piece = 65536}));
    const auto once = [&] {
        ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer));
        ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(here->get(), remote));
        ASSERT_NO_FATAL_FAILURE(join());
        ASSERT_NO_FATAL_FAILURE(expect_ended(write(patience_ns, true)));
        ASSERT_EQ(1u, there->notifications(1).size());
        here->forget();
    };
    // The table of final peers (256) and malloc's pools fill up first.
    for (uint64_t i = 0, n = repetitions(GetParam().local() ? 260 : 5, 300); i < n; ++i)
        ASSERT_NO_FATAL_FAILURE(once());
    const auto here_before = process_resources::now();
    const auto there_before = of_the_other();
    ASSERT_NE(0u, there_before.descriptors);
    for (uint64_t i = 0, n = repetitions(GetParam().local() ? 200 : 15, 1000); i < n; ++i)
        ASSERT_NO_FATAL_FAILURE(once());
    expect_no_growth("here", here_before, [] { return process_resources::now(); });
    expect_no_growth("there", there_before, [this] { return of_the_other(); });
}

TEST_P(leaks, agents_that_come_and_go_leave_nothing) {
    const agent_options o = options_of(GetParam());
    const auto once = [&](bool use) {
        std::vector<std::byte> memory_a(65536);
        test_agent a("a", o);
        test_agent b("b", o);
        ASSERT_TRUE(a.ok() && b.ok());
        ASSERT_NE(0u, b.add_region(memory_a));
        if (use) {
            ASSERT_NE(0u, a.connect(b.metadata())) << a.connect_text;
        }
    };
    for (uint64_t i = 0; i < 3; ++i)
        ASSERT_NO_FATAL_FAILURE(once(true));
    const auto before = process_resources::now();
    for (uint64_t i = 0, n = repetitions(GetParam().local() ? 50 : 5, 200); i < n; ++i)
        ASSERT_NO_FATAL_FAILURE(once(i % 2 == 0));
    expect_no_growth("here", before, [] { return process_resources::now(); });
}

std::set<int> open_descriptors() {
    std::set<int> all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        all.insert(std::stoi(entry.path().filename().string()));
    return all;
}

// Every descriptor of ours closes on exec. (libfabric's own do not: its sockets stay open in a child that was started
// meanwhile; who is gone is then told by the control connection and the pidfd.)
TEST_P(leaks, programs_started_meanwhile_inherit_nothing) {
    const std::set<int> before = open_descriptors();
    ASSERT_NO_FATAL_FAILURE(begin());
    ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    uint64_t own = 0;
    for (const int fd : open_descriptors()) {
        const int flags = ::fcntl(fd, F_GETFD);
        if (before.contains(fd) || flags < 0)
            continue;
        std::error_code ignored;
        const auto what = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), ignored).string();
        if (GetParam().local()) {
            EXPECT_NE(0, flags & FD_CLOEXEC) << fd << " is " << what;
        }
        own += (flags & FD_CLOEXEC) != 0 ? 1 : 0;
    }
    EXPECT_GE(own, 4u); // control listener and connection, epoll, wake-up, and the test's two pipes
}

// A forked child that ends does not disturb its parent, and while one lives the parent's memory stays what peers see.
TEST_P(leaks, forked_children_disturb_nobody) {
    ASSERT_NO_FATAL_FAILURE(begin());
    ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    const uint64_t in_flight = write(patience_ns, true);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0)
        ::_exit(0);
    int ended = 0;
    ASSERT_EQ(child, ::waitpid(child, &ended, 0));
    ASSERT_NO_FATAL_FAILURE(expect_ended(in_flight));
    EXPECT_EQ(NIXL_SUCCESS, status(in_flight));
    expect_written();
    // A child that lives: pages are shared copy on write now, and what we write must be what arrives.
    const pid_t sleeper = ::fork();
    ASSERT_GE(sleeper, 0);
    if (sleeper == 0) {
        ::pause();
        ::_exit(0);
    }
    fill_pattern(memory, 2);
    ASSERT_NO_FATAL_FAILURE(expect_ended(write()));
    expect_written(2);
    ASSERT_TRUE(there->fill(3)); // and what they write must arrive here, not in the child's copy
    fill_poison(memory);
    ASSERT_NO_FATAL_FAILURE(expect_ended(read()));
    EXPECT_EQ(all_match, first_difference(memory, 3));
    ::kill(sleeper, SIGKILL);
    ASSERT_EQ(sleeper, ::waitpid(sleeper, &ended, 0));
    EXPECT_EQ(uint32_t{NIXL_PEER_CONNECTED}, here->info(peer).state);
}

INSTANTIATE_TEST_SUITE_P(, leaks, testing::ValuesIn(wires()), wire_name);

// Metadata of very many peers: each connect ends once, with its reason, and nothing remains of those that failed.
TEST(many_peers, ten_thousand_metadata_are_loaded) {
    agent_options o;
    o.transports = NIXL_TRANSPORT_LOCAL | NIXL_TRANSPORT_FABRIC;
    test_agent a("a", o);
    test_agent b("b", o);
    ASSERT_TRUE(a.ok() && b.ok());
    std::vector<std::byte> memory(1 << 16);
    ASSERT_NE(0u, b.add_region(memory));
    const auto metadata = b.metadata();
    const uint64_t peer = a.connect(metadata);
    ASSERT_NE(0u, peer) << a.connect_text;
    peer_metadata decoded;
    ASSERT_TRUE(decode_metadata(metadata, decoded).ok());
    const uint64_t count = repetitions(2'000, 10'000);
    process_resources early;
    for (uint64_t i = 0; i < count; ++i) {
        metadata_export m; // at b's address, but of another name: it refuses
        m.name = "peer-" + std::to_string(i);
        m.incarnation = i + 1;
        m.process = decoded.process;
        m.process.process_nonce ^= 1;
        m.addresses = decoded.addresses;
        m.addresses[transport_index(NIXL_TRANSPORT_FABRIC)].clear();
        for (const auto& r : decoded.regions)
            m.regions.push_back({r->id, r->base, r->length, r->device, r->kind, {}});
        std::string bytes;
        encode_metadata(m, bytes);
        ASSERT_EQ(0u, a.connect({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, 10 * second_ns));
        ASSERT_EQ(NIXL_ERR_STALE_PEER, a.connect_status) << status_name(a.connect_status) << a.connect_text;
        a.forget();
        if (i == count / 2)
            early = process_resources::now();
    }
    const auto late = process_resources::now();
    EXPECT_LE(late.descriptors, early.descriptors + 4);
    EXPECT_LE(late.threads, early.threads);
    EXPECT_LE(late.heap_bytes, early.heap_bytes + (256 << 10));
    EXPECT_EQ(uint32_t{NIXL_PEER_CONNECTED}, a.info(peer).state); // and the one that is good is as it was
    EXPECT_EQ(peer, a.connect(metadata));
}

} // namespace
} // namespace nixl::test
