// Loading libfabric and opening a provider: what is missing is said, never a crash.
#include "support/test_network.hpp"
#include "transports/fabric/domain.hpp"
#include "transports/fabric/endpoint.hpp"
#include "transports/fabric/library.hpp"
#include "transports/fabric/provider_choice.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace nixl::fabric {
namespace {

// A file with this text, until the end of the test.
class text_file {
  public:
    explicit text_file(const std::string& text) {
        std::string name = (std::filesystem::temp_directory_path() / "nixl-test-XXXXXX").string();
        ::close(::mkstemp(name.data()));
        path_ = name;
        std::ofstream(path_) << text;
    }
    ~text_file() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    text_file(const text_file&) = delete;
    text_file& operator=(const text_file&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

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

std::vector<void (*)(int)> signal_handlers() {
    std::vector<void (*)(int)> all;
    for (int s = 1; s < 32; ++s) {
        struct sigaction a {};
        (void)::sigaction(s, nullptr, &a);
        all.push_back(a.sa_handler);
    }
    return all;
}

TEST(FabricProvider, The_hosts_signal_handlers_stay_its_own) {
    const auto before = signal_handlers();
    std::string why;
    const auto l = library::load("libfabric.so.1", why);
    ASSERT_NE(l, nullptr) << why;
    (void)domain::open(l, test::test_provider(), test::test_host(), {}, why);
    EXPECT_EQ(signal_handlers(), before);
}

// Only the first load of a process runs the library's constructors: a test of its own.
TEST(FabricProvider, The_hosts_signal_handlers_stay_its_own_when_many_load_at_once) {
    const auto before = signal_handlers();
    constexpr int threads = 16;
    std::barrier start(threads);
    std::atomic<int> loaded{0};
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) {
        all.emplace_back([&, i] {
            start.arrive_and_wait();
            std::this_thread::sleep_for(std::chrono::milliseconds(i));
            std::string why;
            loaded += library::load("libfabric.so.1", why) != nullptr ? 1 : 0;
        });
    }
    for (std::thread& t : all) {
        t.join();
    }
    EXPECT_EQ(loaded, threads);
    EXPECT_EQ(signal_handlers(), before);
}

TEST(FabricProvider, A_vendors_library_comes_before_the_systems_and_a_named_one_before_both) {
    std::string why;
    const auto system = library::find("", {"/no/such/folder/libfabric.so.1", "libfabric.so.1"}, why);
    ASSERT_NE(system, nullptr) << why;
    EXPECT_EQ(system->reason(), "the system's");
    ASSERT_TRUE(system->file().starts_with("/")) << system->file();
    // The same file by its path stands for a vendor's.
    const auto vendor = library::find("", {system->file(), "libfabric.so.1"}, why);
    ASSERT_NE(vendor, nullptr) << why;
    EXPECT_NE(vendor->reason().find("vendor"), std::string::npos) << vendor->reason();
    const auto named = library::find("libfabric.so.1", {system->file()}, why);
    ASSERT_NE(named, nullptr) << why;
    EXPECT_EQ(named->reason(), "named by fabric_library");
    // A named one is not replaced by another.
    EXPECT_EQ(library::find("/no/such/folder/libfabric.so.1", {"libfabric.so.1"}, why), nullptr);
}

TEST(FabricProvider, A_vendors_library_that_cannot_be_used_is_passed_over_and_named) {
    text_file broken("not a library");
    std::string why;
    const auto l = library::find("", {broken.path(), "libfabric.so.1"}, why);
    ASSERT_NE(l, nullptr) << why;
    EXPECT_NE(l->reason().find(broken.path()), std::string::npos) << l->reason();
    EXPECT_EQ(library::find("", {broken.path()}, why), nullptr);
    EXPECT_NE(why.find(broken.path()), std::string::npos) << why;
    EXPECT_EQ(library::find("", {"/no/such/folder/libfabric.so.1"}, why), nullptr);
    EXPECT_FALSE(why.empty());
}

TEST(FabricProvider, Loading_leaves_the_environment_as_it_was) {
    // NOLINTBEGIN(concurrency-mt-unsafe): a test of one thread
    ::unsetenv("FI_UNIVERSE_SIZE");
    ::setenv("FI_MR_CACHE_MAX_COUNT", "77", 1);
    std::string why;
    ASSERT_NE(library::load("libfabric.so.1", why), nullptr) << why;
    EXPECT_EQ(::getenv("FI_UNIVERSE_SIZE"), nullptr);
    EXPECT_STREQ(::getenv("FI_MR_CACHE_MAX_COUNT"), "77");
    ::unsetenv("FI_MR_CACHE_MAX_COUNT");
    // NOLINTEND(concurrency-mt-unsafe)
}

TEST(FabricProvider, A_named_provider_is_the_only_candidate) {
    std::string left_out;
    const auto all = provider_candidates("net", "10.0.0.1", left_out);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].provider, "net");
    EXPECT_FALSE(all[0].at_host);
    EXPECT_TRUE(left_out.empty());
}

TEST(FabricProvider, Unnamed_it_is_efa_then_verbs_at_the_host_then_tcp) {
    std::string left_out;
    const auto all = provider_candidates("", "10.0.0.1", left_out);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0].provider, "efa");
    EXPECT_EQ(all[1].provider, "verbs;ofi_rxm");
    EXPECT_TRUE(all[1].at_host);
    EXPECT_EQ(all[2].provider, "tcp;ofi_rxm");
    for (const char* here : {"127.0.0.1", "127.1.2.3", "::1"}) {
        const auto own = provider_candidates("", here, left_out);
        ASSERT_EQ(own.size(), 1u) << here;
        EXPECT_EQ(own[0].provider, "tcp;ofi_rxm");
        EXPECT_NE(left_out.find(here), std::string::npos) << left_out;
    }
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

TEST_F(OpenedLibrary, What_is_chosen_works_and_says_why) {
    const chosen_domains chosen = choose_domains(library_, "", "", test::test_host());
    ASSERT_FALSE(chosen.domains.empty()) << chosen.reason;
    EXPECT_EQ(chosen.domains.front()->provider(), test::test_provider()) << chosen.reason;
    EXPECT_FALSE(chosen.reason.empty());
    const chosen_domains none = choose_domains(library_, "carrier-pigeon", "", test::test_host());
    EXPECT_TRUE(none.domains.empty());
    EXPECT_NE(none.reason.find("carrier-pigeon"), std::string::npos) << none.reason;
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
