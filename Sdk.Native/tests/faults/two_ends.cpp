#include "faults/two_ends.hpp"

#include "core/deadline.hpp"
#include "core/failure.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <thread>

namespace nixl::test {

std::vector<wire> wires() {
    const char* provider = std::getenv("NIXL_TEST_PROVIDER"); // NOLINT(concurrency-mt-unsafe): nobody sets it
    if (provider != nullptr && std::string_view(provider).starts_with("verbs"))
        return {{"verbs", NIXL_TRANSPORT_FABRIC, false}};
    if (provider != nullptr && *provider != 0 && std::string_view(provider) != "tcp;ofi_rxm")
        return {{"named_provider", NIXL_TRANSPORT_FABRIC, false}};
    return {{"arena", NIXL_TRANSPORT_LOCAL, true},
            {"foreign", NIXL_TRANSPORT_LOCAL, false},
            {"packed", NIXL_TRANSPORT_FABRIC, false, NIXL_PACKING_ALWAYS},
            {"tcp", NIXL_TRANSPORT_FABRIC, false, NIXL_PACKING_NEVER}};
}

agent_options options_of(const wire& w) {
    agent_options o;
    o.transports = w.transport;
    o.packing = w.packing;
    if (w.packed())
        o.packing_piece_bytes = packed_piece_bytes;
    return o;
}

void two_ends::start_other() {
    peer_options o;
    o.name = options.name;
    o.transports = GetParam().transport;
    o.bytes = options.bytes;
    o.arena = GetParam().arena;
    o.max_notifications = options.max_notifications;
    o.own_network = options.own_network;
    o.configure = options.configure;
    if (!options.there_host.empty())
        o.more = "listen_host=" + options.there_host;
    there = std::make_unique<peer_process>(o);
    ASSERT_TRUE(there->ok()) << there->error();
}

void two_ends::join() {
    peer = here->connect(there->metadata());
    ASSERT_NE(0u, peer) << here->connect_status << " " << here->connect_text;
    const auto info = here->info(peer);
    ASSERT_EQ(GetParam().transport, info.transport) << info.reason;
    if (GetParam().local()) {
        ASSERT_EQ(0u, std::string_view(info.provider).find(GetParam().arena ? "memfd" : "process_vm")) << info.provider;
    }
    const auto other =
        strided(reinterpret_cast<void*>(there->address()), options.piece, options.piece, options.bytes / options.piece);
    remote = here->list(peer, {&other, 1});
    ASSERT_NE(0u, remote) << here->last_error();
}

void two_ends::begin(const column_options& o) {
    options = o;
    if (GetParam().packed() && options.piece >= packed_piece_bytes)
        options.piece = packed_piece_bytes / 2;
    ASSERT_NO_FATAL_FAILURE(start_other());
    agent_options own = options_of(GetParam());
    own.suspect_after_ns = o.suspect_after_ns;
    own.quiesce_grace_ns = o.quiesce_grace_ns;
    own.window_operations = o.window_operations;
    own.chunk_bytes = o.chunk_bytes;
    own.listen_host = o.here_host;
    here = std::make_unique<test_agent>("here", own);
    ASSERT_TRUE(here->ok()) << here->last_error();
    memory.resize(o.bytes);
    fill_pattern(memory, 1);
    region = here->add_region(memory);
    ASSERT_NE(0u, region) << here->last_error();
    const auto pieces = static_cast<uint32_t>(options.bytes / options.piece);
    const auto own_pieces = strided(memory.data(), options.piece, options.piece, pieces);
    local = here->list(0, {&own_pieces, 1});
    ASSERT_NE(0u, local) << here->last_error();
    ids.resize(pieces);
    std::iota(ids.begin(), ids.end(), 0u);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(7));
    ASSERT_NO_FATAL_FAILURE(join());
}

uint64_t two_ends::move(nixl_op_t op, std::span<const uint32_t> from, std::span<const uint32_t> to, uint64_t timeout_ns,
                        bool notify) {
    test_agent::post p;
    p.op = op;
    p.local = local;
    p.remote = remote;
    p.local_ids = from;
    p.remote_ids = to;
    p.timeout_ns = timeout_ns;
    if (notify)
        p.notification = text("written");
    return here->start(p);
}

uint64_t two_ends::write(uint64_t timeout_ns, bool notify) {
    return move(NIXL_OP_WRITE, ids, ids, timeout_ns, notify);
}

uint64_t two_ends::read(uint64_t timeout_ns) {
    return move(NIXL_OP_READ, ids, ids, timeout_ns);
}

void two_ends::expect_ended(uint64_t operation, uint64_t timeout_ns) {
    ASSERT_NE(0u, operation) << here->post_status;
    ASSERT_TRUE(here->wait_settled(operation, timeout_ns + 10 * second_ns)) << "no outcome";
    ASSERT_TRUE(here->wait_quiesced(operation, 20 * second_ns)) << "not quiesced";
    here->drain();
    const outcome& o = here->result(operation);
    EXPECT_EQ(1u, o.settled_count);
    EXPECT_EQ(1u, o.quiesced_count);
    EXPECT_LE(o.event.settled_ns - o.event.posted_ns, timeout_ns + 2 * second_ns) << status_name(o.event.status);
}

void two_ends::expect_locked() {
    EXPECT_EQ(NIXL_ERR_BUSY, here->remove_region(region, 0)) << "the memory is in use, but its registration went";
}

void two_ends::expect_free() {
    // The list holds the registration too.
    ASSERT_EQ(NIXL_SUCCESS, nixl_list_release(here->get(), local));
    EXPECT_EQ(NIXL_SUCCESS, here->remove_region(region, second_ns)) << here->last_error();
    region = here->add_region(memory);
    const auto own = strided(memory.data(), options.piece, options.piece, ids.size());
    local = here->list(0, {&own, 1});
    ASSERT_NE(0u, local) << here->last_error();
}

std::vector<std::byte> two_ends::peek() {
    std::vector<std::byte> bytes(options.bytes);
    EXPECT_TRUE(read_process(there->pid(), there->address(), bytes.data(), bytes.size()));
    return bytes;
}

void two_ends::expect_written(uint64_t seed) {
    EXPECT_EQ(all_match, first_difference(peek(), seed));
}

void two_ends::stop() {
    there->signal(SIGSTOP);
    const deadline until = deadline::after(5 * second_ns);
    for (std::string line; !until.passed();) { // pid (name) state …; every thread of it has stopped by then
        std::ifstream stat("/proc/" + std::to_string(there->pid()) + "/stat");
        std::getline(stat, line);
        const size_t name_end = line.rfind(") ");
        if (name_end != std::string::npos && line[name_end + 2] == 'T')
            return;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "process " << there->pid() << " does not stop";
}

void two_ends::resume() {
    there->signal(SIGCONT);
}

} // namespace nixl::test
