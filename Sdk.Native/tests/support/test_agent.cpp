#include "support/test_agent.hpp"

#include "core/deadline.hpp"
#include "support/test_network.hpp"

#include <algorithm>
#include <random>

namespace nixl::test {

namespace {

uint64_t random_incarnation() {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32 | device()) | 1;
}

const char* or_null(const std::string& s) {
    return s.empty() ? nullptr : s.c_str();
}

} // namespace

test_agent::test_agent(const std::string& name, const agent_options& options) {
    const std::string provider = options.fabric_provider.empty() ? test_provider() : options.fabric_provider;
    const std::string host = options.listen_host.empty() ? test_host() : options.listen_host;
    nixl_agent_params_t p{};
    p.struct_size = sizeof p;
    p.name = name.c_str();
    p.transports = options.transports;
    p.incarnation = options.incarnation != 0 ? options.incarnation : random_incarnation();
    p.max_notifications = options.max_notifications;
    p.window_operations = options.window_operations;
    p.window_bytes = options.window_bytes;
    p.packing = options.packing;
    p.packing_piece_bytes = options.packing_piece_bytes;
    p.staging_bytes = options.staging_bytes;
    p.chunk_bytes = options.chunk_bytes;
    // The library's defaults, unless the machine is slower than those are meant for.
    const auto scaled = [](uint64_t given, uint64_t otherwise) {
        return given != 0 || test_slowness() == 1 ? given : otherwise * test_slowness();
    };
    p.suspect_after_ns = scaled(options.suspect_after_ns, 5 * second_ns);
    p.quiesce_grace_ns = scaled(options.quiesce_grace_ns, second_ns);
    p.fabric_library = or_null(options.fabric_library);
    p.fabric_provider = provider.c_str();
    p.listen_host = host.c_str();
    p.advertise_host = or_null(options.advertise_host);
    p.fabric_rails = or_null(options.fabric_rails);
    create_status_ = nixl_agent_create(&p, &agent_);
    if (create_status_ < 0)
        agent_ = nullptr;
}

test_agent::~test_agent() {
    (void)destroy();
}

int32_t test_agent::destroy(uint64_t timeout_ns) {
    if (agent_ == nullptr)
        return NIXL_SUCCESS;
    const int32_t status = nixl_agent_destroy(agent_, timeout_ns);
    agent_ = nullptr;
    return status;
}

std::vector<uint8_t> test_agent::metadata() const {
    uint64_t length = 0;
    (void)nixl_agent_export(agent_, nullptr, 0, &length);
    std::vector<uint8_t> bytes(length);
    if (nixl_agent_export(agent_, bytes.data(), bytes.size(), &length) < 0)
        bytes.clear();
    return bytes;
}

uint64_t test_agent::add_region(std::span<std::byte> memory) {
    nixl_region_params_t p{};
    p.struct_size = sizeof p;
    p.kind = NIXL_MEMORY_DRAM;
    p.address = reinterpret_cast<uint64_t>(memory.data());
    p.length = memory.size();
    uint64_t region = 0;
    return nixl_memory_register(agent_, &p, &region) < 0 ? 0 : region;
}

int32_t test_agent::remove_region(uint64_t region, uint64_t timeout_ns) {
    return nixl_memory_deregister(agent_, region, timeout_ns);
}

void test_agent::drain() {
    std::array<nixl_event_t, 64> events{};
    uint64_t count = 0;
    do {
        if (nixl_event_read(agent_, events.data(), events.size(), &count) < 0)
            return;
        for (uint64_t i = 0; i < count; ++i) {
            const nixl_event_t& e = events[i];
            if (e.kind == NIXL_EVENT_PEER_STATE)
                continue;
            outcome& o = outcomes_[e.user_data];
            if (e.kind == NIXL_EVENT_PEER_CONNECTED || (e.flags & NIXL_EVENT_OUTCOME) != 0) {
                o.event = e;
                o.settled = true;
                ++o.settled_count;
            }
            if ((e.flags & NIXL_EVENT_QUIESCED) != 0) {
                o.quiesced = true;
                ++o.quiesced_count;
            }
        }
    } while (count == events.size());
}

void test_agent::forget() {
    drain();
    outcomes_.clear();
    handles_.clear();
}

template <typename Done>
bool test_agent::wait_for(uint64_t timeout_ns, Done&& done) {
    const deadline until = deadline::after(timeout_ns);
    for (;;) {
        drain();
        if (done())
            return true;
        const uint64_t left = until.remaining_ns(now_ns());
        if (left == 0)
            return false;
        // Short: what is waited for may not be announced by an event.
        (void)nixl_agent_wait(agent_, std::min<uint64_t>(left, 1'000'000));
    }
}

bool test_agent::wait_until(const std::function<bool()>& done, uint64_t timeout_ns) {
    return wait_for(timeout_ns, done);
}

uint64_t test_agent::connect(std::span<const uint8_t> metadata, uint64_t timeout_ns) {
    nixl_peer_params_t p{};
    p.struct_size = sizeof p;
    p.metadata = metadata.data();
    p.metadata_length = metadata.size();
    p.timeout_ns = timeout_ns;
    p.user_data = next_++;
    uint64_t peer = 0;
    connect_status = nixl_peer_connect(agent_, &p, &peer);
    if (connect_status < 0) {
        connect_text = last_error();
        return 0;
    }
    if (!wait_for(timeout_ns + 5 * second_ns, [&] { return outcomes_[p.user_data].settled; })) {
        connect_status = NIXL_ERR_TIMEOUT;
        return 0;
    }
    connect_status = outcomes_[p.user_data].event.status;
    connect_text = info(peer).reason;
    return connect_status < 0 ? 0 : peer;
}

nixl_peer_info_t test_agent::info(uint64_t peer) const {
    nixl_peer_info_t i{};
    (void)nixl_peer_info(agent_, peer, &i);
    return i;
}

std::vector<nixl_rail_info_t> test_agent::rails(uint64_t peer) const {
    std::vector<nixl_rail_info_t> all(64);
    uint64_t count = 0;
    if (nixl_peer_rails(agent_, peer, all.data(), all.size(), &count) < 0)
        count = 0;
    all.resize(count);
    return all;
}

bool test_agent::wait_state(uint64_t peer, nixl_peer_state_t state, uint64_t timeout_ns) {
    return wait_for(timeout_ns, [&] { return info(peer).state == static_cast<uint32_t>(state); });
}

uint64_t test_agent::list(uint64_t peer, std::span<const nixl_strided_region_t> regions, nixl_list_mode_t mode) {
    nixl_list_params_t p{};
    p.struct_size = sizeof p;
    p.mode = mode;
    p.peer = peer;
    p.regions = regions.data();
    p.region_count = regions.size();
    uint64_t list = 0;
    return nixl_list_prepare(agent_, &p, &list) < 0 ? 0 : list;
}

uint64_t test_agent::start(const post& what) {
    nixl_post_params_t p{};
    p.struct_size = sizeof p;
    p.op = what.op;
    p.local_list = what.local;
    p.remote_list = what.remote;
    p.local_ids = what.local_ids.data();
    p.remote_ids = what.remote_ids.data();
    p.id_count = what.local_ids.size();
    if (what.notification) {
        p.flags = NIXL_POST_NOTIFY;
        p.notification = what.notification->data();
        p.notification_length = static_cast<uint32_t>(what.notification->size());
    }
    p.timeout_ns = what.timeout_ns;
    p.user_data = next_++;
    outcomes_[p.user_data]; // before the event can come
    uint64_t handle = 0;
    post_status = nixl_transfer_post(agent_, &p, &handle);
    if (post_status < 0)
        return 0;
    handles_[p.user_data] = handle;
    return p.user_data;
}

uint64_t test_agent::notify(uint64_t peer, std::span<const uint8_t> payload, uint64_t timeout_ns) {
    nixl_notification_params_t p{};
    p.struct_size = sizeof p;
    p.payload_length = static_cast<uint32_t>(payload.size());
    p.peer = peer;
    p.payload = payload.data();
    p.timeout_ns = timeout_ns;
    p.user_data = next_++;
    outcomes_[p.user_data];
    uint64_t handle = 0;
    post_status = nixl_notification_send(agent_, &p, &handle);
    if (post_status < 0)
        return 0;
    handles_[p.user_data] = handle;
    return p.user_data;
}

bool test_agent::wait_settled(uint64_t operation, uint64_t timeout_ns) {
    return wait_for(timeout_ns, [&] { return outcomes_[operation].settled; });
}

bool test_agent::wait_quiesced(uint64_t operation, uint64_t timeout_ns) {
    return wait_for(timeout_ns, [&] { return outcomes_[operation].quiesced; });
}

int32_t test_agent::run(const post& p) {
    const uint64_t operation = start(p);
    if (operation == 0)
        return post_status;
    const uint64_t limit = p.timeout_ns + 10 * second_ns;
    if (!wait_settled(operation, limit) || !wait_quiesced(operation, limit))
        return NIXL_IN_PROGRESS; // hung: no test expects it
    return result(operation).event.status;
}

std::optional<received_notification> test_agent::next_notification(uint64_t timeout_ns) {
    received_notification n;
    n.payload.resize(NIXL_NOTIFICATION_MAX);
    const bool got = wait_for(timeout_ns, [&] {
        return nixl_notification_read(agent_, &n.header, n.payload.data(), n.payload.size()) == NIXL_SUCCESS;
    });
    if (!got)
        return std::nullopt;
    n.payload.resize(n.header.payload_length);
    return n;
}

nixl_transport_counters_t test_agent::counters(nixl_transport_t transport) const {
    std::array<nixl_transport_counters_t, 8> all{};
    uint64_t count = 0;
    (void)nixl_agent_counters(agent_, all.data(), all.size(), &count);
    for (uint64_t i = 0; i < count; ++i)
        if (all[i].transport == static_cast<uint32_t>(transport))
            return all[i];
    return {};
}

std::string test_agent::describe() const {
    std::string text(65536, '\0');
    uint64_t length = 0;
    text.resize(nixl_agent_describe(agent_, text.data(), text.size(), &length) < 0 ? 0 : length);
    return text;
}

std::string test_agent::last_error() const {
    nixl_error_t e{};
    e.struct_size = sizeof e;
    (void)nixl_error_last(&e);
    return e.text;
}

} // namespace nixl::test
