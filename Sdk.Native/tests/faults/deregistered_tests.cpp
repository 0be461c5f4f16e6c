// Row "deregistered" of docs/faults.md, and keys that were never right.
#include "faults/two_ends.hpp"

#include "core/blob.hpp"
#include "core/failure.hpp"
#include "transports/fabric/wire.hpp"
#include "transports/local/address.hpp"

namespace nixl::test {
namespace {

class deregistered : public two_ends {
  protected:
    static bool forge_local(std::string& bytes) {
        local::region_key k;
        if (!local::decode(bytes, k))
            return false;
        k.generation ^= 0x40;
        bytes = local::encode(k);
        return true;
    }
    static bool forge_fabric(std::string& bytes) {
        fabric::advertised_key k;
        if (fabric::decode(bytes, k) != nullptr)
            return false;
        for (uint64_t& key : k.keys)
            key ^= 0x40;
        bytes.clear();
        fabric::encode(bytes, k);
        return true;
    }

    // SUCCESS (it was faster), or NOT_FOUND with the piece named.
    void expect_done_or_refused(uint64_t operation) {
        ASSERT_NO_FATAL_FAILURE(expect_ended(operation));
        const nixl_event_t& e = here->result(operation).event;
        if (e.status == NIXL_SUCCESS)
            return;
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, e.status) << status_name(e.status);
        EXPECT_LT(e.entry, ids.size());
        EXPECT_GE(e.address, there->address());
        EXPECT_LE(e.address + e.length, there->address() + options.bytes);
        EXPECT_GT(e.length, 0u);
    }
};

TEST_P(deregistered, during_writes_nothing_changes_afterwards_and_the_connection_lives) {
    ASSERT_NO_FATAL_FAILURE(begin({.piece = 65536}));
    std::vector<uint64_t> started;
    for (int i = 0; i < 20; ++i)
        started.push_back(write());
    EXPECT_EQ(NIXL_SUCCESS, there->deregister());
    ASSERT_TRUE(there->poison()); // theirs alone from here on
    for (const uint64_t o : started)
        ASSERT_NO_FATAL_FAILURE(expect_done_or_refused(o));
    EXPECT_EQ(all_match, first_not_poison(peek()));
    if (const uint64_t more = write(); more != 0) { // refused at once, where the initiator knows already
        ASSERT_NO_FATAL_FAILURE(expect_ended(more));
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, status(more)) << status_name(status(more));
    } else {
        EXPECT_EQ(NIXL_ERR_NOT_FOUND, here->post_status) << status_name(here->post_status);
    }
    EXPECT_EQ(all_match, first_not_poison(peek()));
    ASSERT_NO_FATAL_FAILURE(expect_free());
    const uint64_t note = here->notify(peer, text("still there"));
    ASSERT_NO_FATAL_FAILURE(expect_ended(note));
    EXPECT_EQ(NIXL_SUCCESS, status(note));
    EXPECT_EQ(1u, there->notifications(1).size());
}

TEST_P(deregistered, before_connecting_nothing_moves) {
    ASSERT_NO_FATAL_FAILURE(begin());
    const auto old = there->metadata();
    ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer));
    ASSERT_EQ(NIXL_SUCCESS, there->deregister());
    ASSERT_TRUE(there->poison());
    peer = here->connect(old);
    ASSERT_NE(0u, peer) << here->connect_text; // the peer is there, only that memory is not
    const auto other = strided(reinterpret_cast<void*>(there->address()), options.piece, options.piece, ids.size());
    remote = here->list(peer, {&other, 1});
    ASSERT_NE(0u, remote);
    const uint64_t o = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    EXPECT_LT(status(o), 0);
    EXPECT_NE(UINT64_MAX, here->result(o).event.entry) << "the failure names no piece";
    EXPECT_EQ(all_match, first_not_poison(peek()));
    ASSERT_NO_FATAL_FAILURE(expect_free());
}

// Metadata whose keys were altered on the way: refused where it is used, and the target's memory is untouched.
TEST_P(deregistered, wrong_keys_move_nothing) {
    ASSERT_NO_FATAL_FAILURE(begin());
    ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer));
    ASSERT_TRUE(there->poison());
    const auto good = there->metadata();
    peer_metadata decoded;
    ASSERT_TRUE(decode_metadata(good, decoded).ok());
    metadata_export forged;
    forged.name = decoded.name;
    forged.incarnation = decoded.incarnation;
    forged.process = decoded.process;
    forged.access_token = decoded.access_token;
    forged.addresses = decoded.addresses;
    for (const auto& r : decoded.regions) {
        region_export& e = forged.regions.emplace_back();
        e.id = r->id;
        e.base = r->base;
        e.length = r->length;
        e.device = r->device;
        e.kind = r->kind;
        for (uint32_t i = 0; i < transport_count; ++i)
            e.keys[i] = r->key(static_cast<nixl_transport_t>(1u << i));
        auto& key = e.keys[transport_index(static_cast<nixl_transport_t>(GetParam().transport))];
        ASSERT_TRUE(GetParam().local() ? forge_local(key) : forge_fabric(key));
    }
    std::string bytes;
    encode_metadata(forged, bytes);
    peer = here->connect({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    if (peer == 0) // refused as early as that
        return;
    const auto other = strided(reinterpret_cast<void*>(there->address()), options.piece, options.piece, ids.size());
    remote = here->list(peer, {&other, 1});
    ASSERT_NE(0u, remote);
    const uint64_t o = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(o));
    EXPECT_LT(status(o), 0);
    EXPECT_NE(UINT64_MAX, here->result(o).event.entry) << "the failure names no piece";
    EXPECT_EQ(all_match, first_not_poison(peek()));
    ASSERT_NO_FATAL_FAILURE(expect_free());
    // The right ones work, after a new connection if the provider dropped this one.
    ASSERT_EQ(NIXL_SUCCESS, nixl_peer_invalidate(here->get(), peer));
    ASSERT_NO_FATAL_FAILURE(join());
    const uint64_t again = write();
    ASSERT_NO_FATAL_FAILURE(expect_ended(again));
    EXPECT_EQ(NIXL_SUCCESS, status(again)) << status_name(status(again));
    expect_written();
}

INSTANTIATE_TEST_SUITE_P(, deregistered, testing::ValuesIn(wires()), wire_name);

} // namespace
} // namespace nixl::test
