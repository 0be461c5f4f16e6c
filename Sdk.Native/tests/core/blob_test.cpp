// The metadata's byte form: round trip, and every way of breaking it. Allocation is bounded by the blob's own size.
#include "core/blob_format.hpp"

#include <gtest/gtest.h>

#include <malloc.h>

#include <cstring>
#include <random>

namespace nixl {
namespace {

metadata_export example(unsigned regions) {
    metadata_export m;
    m.name = "decode-0.rank_3";
    m.incarnation = 0xfeed'beef;
    m.process = {"11111111-2222-3333-4444-555555555555", 1234, 0xabcdef, 0x77, 1000};
    m.access_token.fill(0x5a);
    m.addresses = {"loop", "", std::string(max_transport_address, 'f')};
    for (unsigned i = 0; i < regions; ++i)
        m.regions.push_back(
            {100 + i, (regions - i) * (1ull << 33), 1ull << 32, 0, NIXL_MEMORY_DRAM, {"k1", "", "key-3"}});
    return m;
}

std::vector<uint8_t> encoded(const metadata_export& m) {
    std::string out;
    encode_metadata(m, out);
    return {out.begin(), out.end()};
}

// Makes the length and the checksum right again, so that the checks behind them are reached.
void seal(std::vector<uint8_t>& blob) {
    const auto put = [&](std::size_t at, uint64_t value) {
        for (std::size_t i = 0; i < 8; ++i)
            blob[at + i] = static_cast<uint8_t>(value >> (8 * i));
    };
    put(8, blob.size());
    put(blob.size() - 8, blob_checksum({blob.data(), blob.size() - 8}));
}

int32_t decode_status(std::span<const uint8_t> bytes) {
    peer_metadata m;
    return decode_metadata(bytes, m).status;
}

TEST(metadata_blob, round_trip) {
    const metadata_export from = example(5);
    const auto blob = encoded(from);
    peer_metadata to;
    const failure f = decode_metadata(blob, to);
    ASSERT_TRUE(f.ok()) << f.text;
    EXPECT_EQ(to.name, from.name);
    EXPECT_EQ(to.incarnation, from.incarnation);
    EXPECT_EQ(to.process.boot_id, from.process.boot_id);
    EXPECT_EQ(to.process.process_id, from.process.process_id);
    EXPECT_EQ(to.process.process_nonce, from.process.process_nonce);
    EXPECT_EQ(to.process.pid_namespace, from.process.pid_namespace);
    EXPECT_EQ(to.process.user_id, from.process.user_id);
    EXPECT_EQ(to.access_token, from.access_token);
    EXPECT_EQ(to.addresses, from.addresses);
    ASSERT_EQ(to.regions.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) { // sorted by address: the reverse of how they were written
        EXPECT_EQ(to.regions[i]->id, from.regions[4 - i].id);
        EXPECT_EQ(to.regions[i]->base, from.regions[4 - i].base);
        EXPECT_EQ(to.regions[i]->keys, from.regions[4 - i].keys);
    }
}

TEST(metadata_blob, truncated_at_every_byte) {
    const auto blob = encoded(example(3));
    for (std::size_t n = 0; n < blob.size(); ++n) {
        // A copy of exactly that size, so that a sanitizer sees a read beyond it.
        const std::vector<uint8_t> cut(blob.begin(), blob.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_EQ(decode_status(cut), NIXL_ERR_MISMATCH) << n;
        if (n >= 24) { // with a length and a checksum that are right
            std::vector<uint8_t> sealed = cut;
            seal(sealed);
            const int32_t status = decode_status(sealed);
            EXPECT_TRUE(status == NIXL_ERR_MISMATCH || status == NIXL_SUCCESS) << n; // cut between two sections
        }
    }
}

TEST(metadata_blob, every_flipped_bit_is_noticed) {
    const auto blob = encoded(example(2));
    for (std::size_t at = 0; at < blob.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            std::vector<uint8_t> broken = blob;
            broken[at] ^= static_cast<uint8_t>(1 << bit);
            EXPECT_EQ(decode_status(broken), NIXL_ERR_MISMATCH) << at << ":" << bit;
        }
}

// Corruption that the checksum cannot see, because it was sealed again: any answer but a crash or a wild value.
TEST(metadata_blob, random_corruption_with_a_right_checksum) {
    const auto blob = encoded(example(8));
    std::mt19937 random(1);
    for (int round = 0; round < 20'000; ++round) {
        std::vector<uint8_t> broken = blob;
        for (uint64_t n = 1 + random() % 4; n > 0; --n)
            broken[16 + random() % (broken.size() - 24)] = static_cast<uint8_t>(random());
        if (random() % 4 == 0)
            broken.resize(24 + random() % (broken.size() - 24));
        seal(broken);
        peer_metadata m;
        const failure f = decode_metadata(broken, m);
        ASSERT_TRUE(f.status == NIXL_ERR_MISMATCH || f.ok()) << status_name(f.status);
        if (!f.ok())
            continue;
        EXPECT_TRUE(valid_agent_name(m.name));
        EXPECT_NE(m.incarnation, 0u);
        for (const auto& r : m.regions) {
            EXPECT_LE(r->length, UINT64_MAX - r->base);
            EXPECT_LE(r->kind, NIXL_MEMORY_FILE);
            for (const auto& key : r->keys)
                EXPECT_LE(key.size(), max_region_key);
        }
    }
}

TEST(metadata_blob, huge_counts_allocate_nothing) {
    auto blob = encoded(example(1));
    // The first section claims 4 GiB.
    std::memset(blob.data() + 16 + 4, 0xff, 4);
    seal(blob);
    const auto before = ::mallinfo2();
    EXPECT_EQ(decode_status(blob), NIXL_ERR_MISMATCH);
    const auto after = ::mallinfo2();
    EXPECT_LE(after.arena + after.hblkhd, before.arena + before.hblkhd + (1u << 20));
}

TEST(metadata_blob, memory_is_a_small_multiple_of_the_bytes) {
    metadata_export m = example(0);
    m.regions.assign(100'000, {1, 4096, 1, 0, NIXL_MEMORY_DRAM, {}}); // the smallest possible regions
    const auto blob = encoded(m);
    const auto before = ::mallinfo2();
    peer_metadata to;
    ASSERT_TRUE(decode_metadata(blob, to).ok());
    const auto after = ::mallinfo2();
    EXPECT_LE(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd, blob.size() * 8);
}

TEST(metadata_blob, sections_of_the_future_are_skipped_unless_critical) {
    for (const uint8_t flags : {uint8_t{0}, uint8_t{1}}) {
        auto blob = encoded(example(1));
        const std::vector<uint8_t> extra{0x77, 0x77, flags, 0, 3, 0, 0, 0, 'x', 'y', 'z'};
        blob.insert(blob.end() - 8, extra.begin(), extra.end());
        seal(blob);
        EXPECT_EQ(decode_status(blob), flags == 0 ? NIXL_SUCCESS : NIXL_ERR_MISMATCH);
    }
}

TEST(metadata_blob, other_versions_and_foreign_bytes) {
    auto blob = encoded(example(1));
    blob[4] = 9;
    seal(blob);
    peer_metadata m;
    const failure f = decode_metadata(blob, m);
    EXPECT_EQ(f.status, NIXL_ERR_MISMATCH);
    EXPECT_NE(std::string(f.text).find("version 9"), std::string::npos);
    EXPECT_EQ(decode_status({}), NIXL_ERR_MISMATCH);
    const std::vector<uint8_t> text(1000, 'A');
    EXPECT_EQ(decode_status(text), NIXL_ERR_MISMATCH);
}

TEST(agent_names, are_checked) {
    for (const char* good : {"a", "decode-0", "A.B_c-9"})
        EXPECT_TRUE(valid_agent_name(good));
    for (const std::string& bad : {std::string(), std::string("a/b"), std::string("a b"), std::string("ü"),
                                   std::string(129, 'x'), std::string("a\0b", 3), std::string("../x/")})
        EXPECT_FALSE(valid_agent_name(bad)) << bad;
    EXPECT_TRUE(valid_agent_name(std::string(128, 'x')));
}

} // namespace
} // namespace nixl
