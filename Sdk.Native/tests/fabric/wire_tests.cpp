#include "transports/fabric/wire.hpp"

#include "control/wire.hpp"
#include "core/memory.hpp"

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
    a.rails = 7;
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
    EXPECT_EQ(back.rails, 7u);
}

TEST(FabricWire, Keys_come_back_and_fit_into_the_metadata) {
    const auto back = [](std::vector<uint64_t> keys) {
        std::string bytes;
        encode(bytes, advertised_key{std::move(keys), 0x7fff12345000u});
        EXPECT_LE(bytes.size(), max_region_key);
        advertised_key k;
        EXPECT_EQ(decode(bytes, k), nullptr);
        EXPECT_EQ(k.base, 0x7fff12345000u);
        return k;
    };
    const advertised_key one = back({0xFEDCBA9876543210u});
    EXPECT_EQ(one.name(), 0xFEDCBA9876543210u);
    EXPECT_EQ(one.of_rail(5), 0xFEDCBA9876543210u) << "one for all rails";
    const advertised_key three = back({0xFEDCBA9876543210u, 1, 2});
    EXPECT_EQ(three.of_rail(2), 2u);
    EXPECT_EQ(three.of_rail(3), 0xFEDCBA9876543210u) << "rails beyond the devices begin again";
    EXPECT_EQ(back(std::vector<uint64_t>(max_rails, 0xFFFFFFFFu)).keys.size(), max_rails) << "device keys have 32 bits";
}

TEST(FabricWire, Endpoint_names_come_back) {
    const std::string raw("\0\1\2\xff", 4);
    std::string bytes;
    encode(bytes, endpoint_names{"net", {raw, "another"}});
    endpoint_names back;
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.provider, "net");
    EXPECT_EQ(back.addresses, (std::vector<std::string>{raw, "another"}));
}

TEST(FabricWire, A_welcome_names_the_page_to_warm_up_with_and_may_leave_it_out) {
    endpoint_names names{"tcp", {"0123456789abcdef"}, "a key"};
    std::string bytes;
    encode(bytes, names);
    endpoint_names back;
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.scratch, "a key");
    bytes += 'x';
    EXPECT_NE(decode(bytes, back), nullptr);
    names.scratch.clear();
    bytes.clear();
    encode(bytes, names);
    ASSERT_EQ(decode(bytes, back), nullptr);
    EXPECT_EQ(back.scratch, "");
}

TEST(FabricWire, As_many_endpoint_names_as_there_may_be_rails_fit_into_a_hello) {
    std::string bytes;
    encode(bytes, endpoint_names{std::string(200, 'p'), std::vector<std::string>(max_rails, std::string(112, 'a'))});
    EXPECT_LE(bytes.size(), control::max_transport_bytes);
    endpoint_names back;
    EXPECT_EQ(decode(bytes, back), nullptr);
    bytes.clear();
    encode(bytes, endpoint_names{"net", std::vector<std::string>(max_rails + 1, "a")});
    EXPECT_NE(decode(bytes, back), nullptr);
}

TEST(FabricWire, Every_truncation_and_every_tail_is_refused) {
    std::string address;
    std::string key;
    std::string name;
    encode(address, sample_address());
    encode(key, advertised_key{{1, 1ull << 40}, 2});
    encode(name, endpoint_names{"tcp", {"0123456789abcdef", "x"}});
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
    refuses(endpoint_names{}, name);
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
        endpoint_names n;
        advertised_key k;
        (void)decode(bytes, a);
        (void)decode(bytes, n);
        (void)decode(bytes, k);
    }
}

} // namespace
} // namespace nixl::fabric
