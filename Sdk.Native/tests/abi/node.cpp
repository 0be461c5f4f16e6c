#include "abi/node.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace nixl_test {

namespace {

uint64_t now() {
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

} // namespace

nixl_error_t last_error() {
    nixl_error_t e{};
    e.struct_size = sizeof e;
    nixl_error_last(&e);
    return e;
}

std::string last_error_text() {
    return last_error().text;
}

testing::AssertionResult succeeded(int32_t status) {
    if (status >= 0)
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << nixl_status_name(status) << ": " << last_error_text();
}

nixl_agent_params_t agent_params(const char* name, uint32_t transports) {
    static std::atomic<uint64_t> incarnation{1};
    nixl_agent_params_t p{};
    p.struct_size = sizeof p;
    p.transports = transports;
    p.name = name;
    p.incarnation = now() ^ incarnation.fetch_add(1) << 48;
    return p;
}

node::node(const nixl_agent_params_t& params) {
    EXPECT_OK(nixl_agent_create(&params, &agent_));
}

node::~node() {
    destroy();
}

void node::destroy() {
    if (agent_ == nullptr)
        return;
    EXPECT_OK(nixl_agent_destroy(agent_, 10 * second));
    agent_ = nullptr;
}

std::vector<uint8_t> node::metadata() const {
    uint64_t length = 0;
    nixl_agent_export(agent_, nullptr, 0, &length);
    std::vector<uint8_t> blob(length);
    EXPECT_OK(nixl_agent_export(agent_, blob.data(), blob.size(), &length));
    blob.resize(length);
    return blob;
}

uint64_t node::add(const void* address, uint64_t length) {
    nixl_region_params_t p{};
    p.struct_size = sizeof p;
    p.address = reinterpret_cast<uint64_t>(address);
    p.length = length;
    uint64_t id = 0;
    EXPECT_OK(nixl_memory_register(agent_, &p, &id));
    return id;
}

uint64_t node::connect(const node& to, uint32_t transports) {
    return connect(to.metadata(), transports);
}

uint64_t node::connect(const std::vector<uint8_t>& blob, uint32_t transports, int32_t expected) {
    static std::atomic<uint64_t> next{0xC0'0000'0000};
    nixl_peer_params_t p{};
    p.struct_size = sizeof p;
    p.transports = transports;
    p.metadata = blob.data();
    p.metadata_length = blob.size();
    p.timeout_ns = patience;
    p.user_data = next.fetch_add(1);
    uint64_t id = 0;
    EXPECT_OK(nixl_peer_connect(agent_, &p, &id));
    if (id == 0)
        return 0;
    const nixl_event_t e = wait_event(
        [&](const nixl_event_t& x) { return x.kind == NIXL_EVENT_PEER_CONNECTED && x.user_data == p.user_data; });
    EXPECT_STREQ(nixl_status_name(expected), nixl_status_name(e.status)) << peer(id).reason;
    EXPECT_EQ(e.peer, id);
    return id;
}

nixl_peer_info_t node::peer(uint64_t id) const {
    nixl_peer_info_t info{};
    EXPECT_OK(nixl_peer_info(agent_, id, &info));
    return info;
}

uint64_t node::list(uint64_t peer_id, const std::vector<nixl_strided_region_t>& regions, nixl_list_mode_t mode) {
    nixl_list_params_t p{};
    p.struct_size = sizeof p;
    p.mode = mode;
    p.peer = peer_id;
    p.regions = regions.data();
    p.region_count = regions.size();
    uint64_t id = 0;
    EXPECT_OK(nixl_list_prepare(agent_, &p, &id));
    return id;
}

void node::pump(uint64_t timeout) {
    nixl_agent_wait(agent_, timeout);
    nixl_event_t batch[16];
    uint64_t count = 0;
    do {
        EXPECT_OK(nixl_event_read(agent_, batch, 16, &count));
        events.insert(events.end(), batch, batch + count);
    } while (count == 16);
}

nixl_event_t node::wait_event(const std::function<bool(const nixl_event_t&)>& wanted, uint64_t timeout) {
    const uint64_t until = now() + timeout;
    for (;;) {
        for (auto at = events.begin(); at != events.end(); ++at) {
            if (wanted(*at)) {
                const nixl_event_t found = *at;
                events.erase(at);
                return found;
            }
        }
        if (now() >= until) {
            ADD_FAILURE() << "the event did not come in time";
            nixl_event_t none{};
            none.status = NIXL_ERR_UNKNOWN;
            return none;
        }
        pump(10'000'000); // short: a notification that nobody reads makes the wait return at once
    }
}

ended node::wait_end(uint64_t user_data, uint64_t timeout) {
    const auto end = [&](uint32_t flag) {
        return wait_event(
            [&](const nixl_event_t& e) {
                return e.kind <= NIXL_EVENT_NOTIFICATION_SENT && e.user_data == user_data && (e.flags & flag) != 0;
            },
            timeout);
    };
    ended result;
    result.outcome = end(NIXL_EVENT_OUTCOME);
    result.one_event = (result.outcome.flags & NIXL_EVENT_QUIESCED) != 0;
    result.quiesced = result.one_event ? result.outcome : end(NIXL_EVENT_QUIESCED);
    return result;
}

message node::wait_message(uint64_t timeout) {
    const uint64_t until = now() + timeout;
    message m;
    m.payload.resize(NIXL_NOTIFICATION_MAX);
    while (nixl_notification_read(agent_, &m.header, m.payload.data(), m.payload.size()) != NIXL_SUCCESS) {
        if (now() >= until) {
            ADD_FAILURE() << "no notification came in time";
            break;
        }
        pump(10'000'000);
    }
    m.payload.resize(m.header.payload_length);
    return m;
}

bool node::has_message() {
    nixl_notification_t header{};
    return nixl_notification_read(agent_, &header, nullptr, 0) != NIXL_ERR_NOT_FOUND;
}

nixl_transport_counters_t node::counters(nixl_transport_t kind) const {
    nixl_transport_counters_t all[8]{};
    uint64_t count = 0;
    EXPECT_OK(nixl_agent_counters(agent_, all, 8, &count));
    for (uint64_t i = 0; i < count; ++i)
        if (all[i].transport == static_cast<uint32_t>(kind))
            return all[i];
    ADD_FAILURE() << "no counters of that transport";
    return {};
}

nixl_strided_region_t region(const void* base, uint64_t length, uint64_t count, uint64_t stride) {
    nixl_strided_region_t r{};
    r.base = reinterpret_cast<uint64_t>(base);
    r.length = length;
    r.count = count;
    r.stride = stride != 0 ? stride : length;
    return r;
}

int32_t post::operator()(const node& by, uint64_t* id) const {
    nixl_post_params_t p{};
    p.struct_size = sizeof p;
    p.op = op;
    p.local_list = local_list;
    p.remote_list = remote_list;
    p.local_ids = local_ids.data();
    p.remote_ids = remote_ids.data();
    p.id_count = local_ids.size();
    if (notification) {
        p.notification = reinterpret_cast<const uint8_t*>(notification->data());
        p.notification_length = static_cast<uint32_t>(notification->size());
        p.flags = NIXL_POST_NOTIFY;
    }
    p.timeout_ns = timeout_ns;
    p.user_data = user_data;
    p.request = request;
    uint64_t ignored = 0;
    return nixl_transfer_post(by.get(), &p, id != nullptr ? id : &ignored);
}

int32_t notify(const node& by, uint64_t peer, const std::string& payload, uint64_t user_data, uint64_t timeout_ns,
               uint64_t* id) {
    nixl_notification_params_t p{};
    p.struct_size = sizeof p;
    p.payload = reinterpret_cast<const uint8_t*>(payload.data());
    p.payload_length = static_cast<uint32_t>(payload.size());
    p.peer = peer;
    p.timeout_ns = timeout_ns;
    p.user_data = user_data;
    uint64_t ignored = 0;
    return nixl_notification_send(by.get(), &p, id != nullptr ? id : &ignored);
}

uint8_t pattern(uint64_t seed, uint64_t position) {
    const uint64_t x = (position + seed * 0x9E37'79B9u) * 0xBF58'476D'1CE4'E5B9u;
    return static_cast<uint8_t>(x >> 56);
}

void poison(std::span<uint8_t> memory, uint8_t value) {
    std::memset(memory.data(), value, memory.size());
}

void fill(std::span<uint8_t> memory, uint64_t seed) {
    for (uint64_t i = 0; i < memory.size(); ++i)
        memory[i] = pattern(seed, i);
}

buffer::buffer(uint64_t bytes) : size_(bytes) {
    void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        std::abort();
    data_ = static_cast<uint8_t*>(p);
}

buffer::~buffer() {
    ::munmap(data_, size_);
}

} // namespace nixl_test
