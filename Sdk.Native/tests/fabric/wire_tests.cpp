#include "transports/fabric/wire.hpp"

#include <gtest/gtest.h>

#include <random>

namespace nixl::fabric {
namespace {

advertised_address sample_address() {
    advertised_address a;
    a.provider = "tcp;ofi_rxm";
    a.host = "192.168.7.9";
    a.port = 4711;
    a.virtual_addresses = true;
    return a;
}

TEST(FabricWire, An_address_comes_back_as_it_was) {
    std::string bytes;
    encode(bytes, sample_address());
    advertised_address back;
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.provider, "tcp;ofi_rxm");
    EXPECT_EQ(back.host, "192.168.7.9");
    EXPECT_EQ(back.port, 4711);
    EXPECT_TRUE(back.virtual_addresses);
}

TEST(FabricWire, A_key_comes_back_and_fits_into_the_metadata) {
    std::string bytes;
    encode(bytes, advertised_key{0xFEDCBA9876543210u, 0x7fff12345000u});
    EXPECT_LE(bytes.size(), 64u);
    advertised_key back;
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.key, 0xFEDCBA9876543210u);
    EXPECT_EQ(back.base, 0x7fff12345000u);
}

TEST(FabricWire, An_endpoint_name_comes_back) {
    const std::string raw("\0\1\2\xff", 4);
    std::string bytes;
    encode(bytes, endpoint_name{"net", raw});
    endpoint_name back;
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.provider, "net");
    EXPECT_EQ(back.address, raw);
}

TEST(FabricWire, Every_truncation_and_every_tail_is_refused) {
    std::string address;
    std::string key;
    std::string name;
    encode(address, sample_address());
    encode(key, advertised_key{1, 2});
    encode(name, endpoint_name{"tcp", "0123456789abcdef"});
    const auto refuses = [](auto message, const std::string& bytes) {
        for (size_t n = 0; n < bytes.size(); ++n)
            EXPECT_NE(decode(std::string_view(bytes).substr(0, n), message), nullptr) << n;
        EXPECT_NE(decode(bytes + "x", message), nullptr);
        std::string other = bytes;
        other[0] = 9; // version
        EXPECT_NE(decode(other, message), nullptr);
    };
    refuses(advertised_address{}, address);
    refuses(advertised_key{}, key);
    refuses(endpoint_name{}, name);
    uint64_t number = 0;
    EXPECT_NE(decode_key("1234567", number), nullptr);
    EXPECT_NE(decode_key("123456789", number), nullptr);
}

TEST(FabricWire, An_address_without_port_host_or_provider_is_refused) {
    for (int field = 0; field < 3; ++field) {
        advertised_address a = sample_address();
        if (field == 0)
            a.port = 0;
        if (field == 1)
            a.host.clear();
        if (field == 2)
            a.provider.clear();
        std::string bytes;
        encode(bytes, a);
        EXPECT_NE(decode(bytes, a), nullptr) << field;
    }
}

TEST(FabricWire, Random_bytes_never_crash_the_decoders) {
    std::mt19937_64 random(20261122);
    std::string base;
    encode(base, sample_address());
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = base;
        for (int k = 0; k < 3; ++k)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        bytes.resize(random() % (bytes.size() + 1));
        advertised_address a;
        endpoint_name n;
        advertised_key k;
        (void)decode(bytes, a);
        (void)decode(bytes, n);
        (void)decode(bytes, k);
    }
}

} // namespace
} // namespace nixl::fabric
