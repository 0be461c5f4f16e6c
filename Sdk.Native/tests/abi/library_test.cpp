// The library itself: version, description, errors, params of other sizes.
#include "abi/node.hpp"

#include <cstddef>
#include <cstring>
#include <thread>

namespace nixl_test {

namespace {

std::string field(const char* name, std::size_t offset, std::size_t size) {
    return std::string("\"") + name + "\":[" + std::to_string(offset) + "," + std::to_string(size) + "]";
}

} // namespace

TEST(library, version_is_the_header_s) {
    EXPECT_EQ(nixl_abi_version(), NIXL_ABI_VERSION);
}

TEST(library, describes_its_structs_and_enums_as_this_compiler_sees_them) {
    const std::string text = nixl_abi_describe();
    const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
    EXPECT_TRUE(has("\"nixl_event\":{\"size\":" + std::to_string(sizeof(nixl_event_t)) + ",\"fields\":{" +
                    field("user_data", 0, 8)))
        << text;
    EXPECT_TRUE(has(field("settled_ns", offsetof(nixl_event_t, settled_ns), 8)));
    EXPECT_TRUE(has("\"nixl_post_params\":{\"size\":" + std::to_string(sizeof(nixl_post_params_t))));
    EXPECT_TRUE(has(field("request", offsetof(nixl_post_params_t, request), sizeof(nixl_request_header_t))));
    EXPECT_TRUE(has(field("reason", offsetof(nixl_peer_info_t, reason), NIXL_TEXT_MAX)));
    EXPECT_TRUE(has("\"NIXL_ERR_CLOSED\":-108"));
    EXPECT_TRUE(has("\"NIXL_TRANSPORT_FABRIC\":4"));
    EXPECT_TRUE(has("\"nixl_peer_info\":{"));
    int depth = 0;
    for (const char c : text)
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    EXPECT_EQ(depth, 0);
    EXPECT_EQ(nixl_abi_describe(), nixl_abi_describe()); // static storage
}

TEST(library, every_status_has_its_name) {
    EXPECT_STREQ(nixl_status_name(NIXL_SUCCESS), "NIXL_SUCCESS");
    for (int32_t s = -12; s <= 1; ++s)
        EXPECT_STRNE(nixl_status_name(s), nixl_status_name(-99)) << s;
    for (int32_t s = -108; s <= -100; ++s)
        EXPECT_STRNE(nixl_status_name(s), nixl_status_name(-99)) << s;
}

TEST(library, the_last_error_is_the_thread_s_own) {
    EXPECT_EQ(nixl_agent_create(nullptr, nullptr), NIXL_ERR_INVALID_PARAM);
    const std::string mine = last_error_text();
    EXPECT_FALSE(mine.empty());
    std::thread([] { EXPECT_EQ(last_error_text(), ""); }).join();
    EXPECT_EQ(last_error_text(), mine);
    nixl_error_t unsized{};
    EXPECT_EQ(nixl_error_last(&unsized), NIXL_ERR_ABI);
    // An older caller's shorter struct is filled as far as it goes.
    struct {
        nixl_error_t error;
        unsigned char beyond;
    } small;
    std::memset(&small, 0x7e, sizeof small);
    small.error.struct_size = offsetof(nixl_error_t, entry);
    EXPECT_EQ(nixl_error_last(&small.error), NIXL_SUCCESS);
    EXPECT_EQ(small.error.status, NIXL_ERR_INVALID_PARAM);
    EXPECT_EQ(small.error.entry, 0x7e7e'7e7e'7e7e'7e7eu);
}

TEST(library, params_of_other_versions) {
    nixl_agent_t* agent = nullptr;
    nixl_agent_params_t p = agent_params("x", NIXL_TRANSPORT_LOOPBACK);
    p.struct_size = 0;
    EXPECT_STATUS(NIXL_ERR_ABI, nixl_agent_create(&p, &agent));
    p.struct_size = 1 << 20;
    EXPECT_STATUS(NIXL_ERR_ABI, nixl_agent_create(&p, &agent));
    // Older and shorter: what is missing has its default.
    p.struct_size = offsetof(nixl_agent_params_t, listen_host);
    p.listen_host = reinterpret_cast<const char*>(1); // must not be looked at
    ASSERT_OK(nixl_agent_create(&p, &agent));
    EXPECT_OK(nixl_agent_destroy(agent, second));
    // Newer and longer: fine as long as the fields that we do not know are zero.
    struct {
        nixl_agent_params_t params;
        uint64_t newer;
    } longer{agent_params("x", NIXL_TRANSPORT_LOOPBACK), 0};
    longer.params.struct_size = sizeof longer;
    ASSERT_OK(nixl_agent_create(&longer.params, &agent));
    EXPECT_OK(nixl_agent_destroy(agent, second));
    longer.newer = 1;
    EXPECT_STATUS(NIXL_ERR_ABI, nixl_agent_create(&longer.params, &agent));
    EXPECT_EQ(agent, nullptr);
}

TEST(library, null_pointers_are_refused) {
    node n("x", NIXL_TRANSPORT_LOOPBACK);
    uint64_t out = 0;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_agent_destroy(nullptr, 0));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_agent_export(n.get(), nullptr, 0, nullptr));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_memory_register(n.get(), nullptr, &out));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_post(n.get(), nullptr, nullptr));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_event_read(n.get(), nullptr, 4, &out));
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, nixl_transfer_cancel(nullptr, 1));
}

class agent_rules : public testing::Test {
  protected:
    static int32_t create(const nixl_agent_params_t& p) {
        nixl_agent_t* agent = nullptr;
        const int32_t status = nixl_agent_create(&p, &agent);
        if (agent != nullptr)
            nixl_agent_destroy(agent, second);
        return status;
    }
    static nixl_agent_params_t params() { return agent_params("good", NIXL_TRANSPORT_LOOPBACK); }
};

TEST_F(agent_rules, names_incarnations_and_ranges) {
    nixl_agent_params_t p = params();
    EXPECT_OK(create(p));
    const std::string too_long(129, 'x');
    for (const char* bad :
         {"", "a/b", "..\\", "with space", "nul\x01", too_long.c_str(), static_cast<const char*>(nullptr)}) {
        p = params();
        p.name = bad;
        EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    }
    p = params();
    p.incarnation = 0;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    p = params();
    p.transports = 0x100;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    p = params();
    p.listen_port = 70'000;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    p = params();
    p.chunk_bytes = 1;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    p = params();
    p.max_transfers = 0xffff'ffff;
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
}

TEST_F(agent_rules, a_wildcard_address_is_not_advertised) {
    nixl_agent_params_t p = params();
    p.listen_host = "0.0.0.0";
    EXPECT_STATUS(NIXL_ERR_INVALID_PARAM, create(p));
    EXPECT_NE(last_error_text().find("advertise_host"), std::string::npos);
    p.advertise_host = "127.0.0.1";
    EXPECT_OK(create(p));
}

TEST_F(agent_rules, says_why_no_transport_can_be_had) {
    nixl_agent_params_t p = params();
    p.transports = NIXL_TRANSPORT_FABRIC;
    p.fabric_library = "/nonexistent/libfabric.so.1";
    EXPECT_STATUS(NIXL_ERR_BACKEND, create(p));
    EXPECT_NE(last_error_text().find("fabric"), std::string::npos);
}

TEST(agent, describes_its_transports) {
    node n("x", NIXL_TRANSPORT_LOOPBACK);
    uint64_t length = 0;
    EXPECT_STATUS(NIXL_ERR_BUFFER_TOO_SMALL, nixl_agent_describe(n.get(), nullptr, 0, &length));
    std::string text(length + 1, '?');
    EXPECT_STATUS(NIXL_ERR_BUFFER_TOO_SMALL, nixl_agent_describe(n.get(), text.data(), length, &length));
    ASSERT_OK(nixl_agent_describe(n.get(), text.data(), length + 1, &length));
    EXPECT_EQ(text[length], 0);
    EXPECT_NE(text.find("\"transport\":\"loopback\",\"available\":true"), std::string::npos) << text;
    EXPECT_NE(text.find("\"transport\":\"fabric\",\"available\":false,\"reason\":"), std::string::npos) << text;
}

TEST(agent, export_tells_the_size_it_needs) {
    node n("x", NIXL_TRANSPORT_LOOPBACK);
    uint64_t length = 0;
    EXPECT_STATUS(NIXL_ERR_BUFFER_TOO_SMALL, nixl_agent_export(n.get(), nullptr, 0, &length));
    std::vector<uint8_t> blob(length);
    EXPECT_STATUS(NIXL_ERR_BUFFER_TOO_SMALL, nixl_agent_export(n.get(), blob.data(), length - 1, &length));
    EXPECT_OK(nixl_agent_export(n.get(), blob.data(), length, &length));
}

TEST(agent, wait_can_be_woken) {
    node n("x", NIXL_TRANSPORT_LOOPBACK);
    EXPECT_STATUS(NIXL_ERR_TIMEOUT, nixl_agent_wait(n.get(), 1'000'000));
    std::thread waiter([&] { EXPECT_OK(nixl_agent_wait(n.get(), patience)); });
    EXPECT_OK(nixl_agent_wake(n.get()));
    waiter.join();
}

} // namespace nixl_test
