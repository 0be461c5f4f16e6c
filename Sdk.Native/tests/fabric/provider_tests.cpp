// Loading libfabric and opening a provider: what is missing is said, never a crash.
#include "support/test_network.hpp"
#include "transports/fabric/domain.hpp"
#include "transports/fabric/endpoint.hpp"
#include "transports/fabric/library.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <vector>

namespace nixl::fabric {
namespace {

TEST(FabricProvider, A_missing_library_is_named) {
    std::string why;
    EXPECT_EQ(library::load("libfabric-that-is-not-there.so.9", why), nullptr);
    EXPECT_NE(why.find("libfabric-that-is-not-there.so.9"), std::string::npos) << why;
}

TEST(FabricProvider, A_library_that_is_not_libfabric_is_refused) {
    std::string why;
    EXPECT_EQ(library::load("libm.so.6", why), nullptr);
    EXPECT_NE(why.find("not libfabric"), std::string::npos) << why;
}

TEST(FabricProvider, The_hosts_signal_handlers_stay_its_own) {
    const auto handlers = [] {
        std::vector<void (*)(int)> all;
        for (int s = 1; s < 32; ++s) {
            struct sigaction a {};
            (void)::sigaction(s, nullptr, &a);
            all.push_back(a.sa_handler);
        }
        return all;
    };
    const auto before = handlers();
    std::string why;
    const auto l = library::load("libfabric.so.1", why);
    ASSERT_NE(l, nullptr) << why;
    (void)domain::open(l, test::test_provider(), test::test_host(), {}, why);
    EXPECT_EQ(handlers(), before);
}

class OpenedLibrary : public testing::Test {
  protected:
    void SetUp() override {
        std::string why;
        library_ = library::load("libfabric.so.1", why);
        ASSERT_NE(library_, nullptr) << why;
    }
    std::shared_ptr<const library> library_;
};

TEST_F(OpenedLibrary, Asks_for_no_newer_interface_than_the_library_has) {
    EXPECT_LE(library_->api_version(), library_->version());
    EXPECT_TRUE(library_->version_text().starts_with("libfabric ")) << library_->version_text();
}

TEST_F(OpenedLibrary, An_unknown_provider_is_named) {
    std::string why;
    EXPECT_EQ(domain::open(library_, "carrier-pigeon", "127.0.0.1", {}, why), nullptr);
    EXPECT_NE(why.find("carrier-pigeon"), std::string::npos) << why;
}

TEST_F(OpenedLibrary, The_provider_has_limits_that_can_be_worked_with) {
    std::string why;
    const auto d = domain::open(library_, test::test_provider(), test::test_host(), {}, why);
    ASSERT_NE(d, nullptr) << why;
    EXPECT_EQ(d->provider(), test::test_provider());
    EXPECT_GT(d->limits().max_message, 1u << 20);
    EXPECT_GT(d->limits().operations, 0u);
    EXPECT_LE(d->limits().key_bytes, 8u);
    EXPECT_NE(d->describe().find("max message"), std::string::npos);
}

TEST_F(OpenedLibrary, An_endpoint_has_an_address_and_refuses_one_of_another_kind) {
    std::string why;
    const std::shared_ptr<const domain> d = domain::open(library_, test::test_provider(), test::test_host(), {}, why);
    ASSERT_NE(d, nullptr) << why;
    const auto a = endpoint::open(d, nullptr, 64, why);
    const auto b = endpoint::open(d, nullptr, 64, why);
    ASSERT_TRUE(a != nullptr && b != nullptr) << why;
    EXPECT_FALSE(a->address().empty());
    EXPECT_NE(a->address(), b->address());
    EXPECT_TRUE(a->insert_peer(b->address(), why)) << why;
    EXPECT_FALSE(b->insert_peer("short", why));
    EXPECT_FALSE(why.empty());
}

} // namespace
} // namespace nixl::fabric
