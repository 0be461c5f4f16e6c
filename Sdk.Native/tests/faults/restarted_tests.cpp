// Row "restarted under the same name" of docs/faults.md.
#include "faults/two_ends.hpp"

#include "core/failure.hpp"

namespace nixl::test {
namespace {

class restarted : public two_ends {};

TEST_P(restarted, after_a_kill_old_metadata_is_refused_and_new_metadata_connects) {
    ASSERT_NO_FATAL_FAILURE(begin());
    const auto old = there->metadata();
    const uint64_t old_peer = peer;
    uint64_t old_remote = remote;
    there->kill_now();
    ASSERT_NO_FATAL_FAILURE(start_other());
    EXPECT_EQ(0u, here->connect(old, 5 * second_ns));
    EXPECT_TRUE(here->connect_status == NIXL_ERR_REMOTE_DISCONNECT || here->connect_status == NIXL_ERR_STALE_PEER)
        << status_name(here->connect_status) << " " << here->connect_text;
    ASSERT_NO_FATAL_FAILURE(join());
    EXPECT_NE(old_peer, peer);
    std::swap(remote, old_remote);
    EXPECT_EQ(0u, write()) << "a list of the dead process was taken";
    EXPECT_TRUE(here->post_status == NIXL_ERR_REMOTE_DISCONNECT || here->post_status == NIXL_ERR_STALE_PEER)
        << status_name(here->post_status);
    std::swap(remote, old_remote);
    const uint64_t o = write(patience_ns, true);
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    EXPECT_EQ(NIXL_SUCCESS, status(o)) << status_name(status(o));
    expect_written();
    EXPECT_EQ(1u, there->notifications(1).size());
}

// The old process only hangs; its successor under the same name takes over, and what the old one was given ends as
// stale.
TEST_P(restarted, while_the_old_one_hangs_its_operations_end_as_stale) {
    ASSERT_NO_FATAL_FAILURE(begin({.bytes = 24 << 20, .quiesce_grace_ns = 300 * millisecond_ns}));
    ASSERT_NO_FATAL_FAILURE(stop());
    const uint64_t o = write(patience_ns, true);
    ASSERT_NE(0u, o);
    const auto old = std::move(there);
    const uint64_t old_peer = peer;
    ASSERT_NO_FATAL_FAILURE(start_other());
    ASSERT_NO_FATAL_FAILURE(join());
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    const int32_t expected = GetParam().local() ? NIXL_SUCCESS : NIXL_ERR_STALE_PEER; // local: nothing waits for it
    EXPECT_EQ(expected, status(o)) << status_name(status(o));
    EXPECT_EQ(uint32_t{NIXL_PEER_INVALIDATED}, here->info(old_peer).state);
    ASSERT_NO_FATAL_FAILURE(expect_free());
    fill_pattern(memory, 5); // the old one must not get this
    const uint64_t next = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(next));
    EXPECT_EQ(NIXL_SUCCESS, status(next)) << status_name(status(next));
    expect_written(5);
    // What the old process holds is what it was sent, or poison; never bytes written after it was given up.
    std::vector<std::byte> bytes(options.bytes);
    ASSERT_TRUE(read_process(old->pid(), old->address(), bytes.data(), bytes.size()));
    for (uint64_t i = 0; i < bytes.size(); ++i)
        ASSERT_TRUE(bytes[i] == poison || bytes[i] == pattern_at(1, i)) << "byte " << i;
}

INSTANTIATE_TEST_SUITE_P(, restarted, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
