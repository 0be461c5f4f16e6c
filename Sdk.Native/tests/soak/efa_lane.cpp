#include "soak/efa_lane.hpp"

#include "core/failure.hpp"
#include "fabric/scattered.hpp"
#include "support/pattern.hpp"

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace nixl::soak {

using namespace nixl::test;

bool efa_lane::round(std::mt19937_64& random, uint64_t number) {
    step("getting ready");
    const bool write = pick(random, 3) != 0;
    const scattered layout({{1 + pick(random, 9'000), pick(random, 70)}, {1 + pick(random, 700), 3}}, 64);
    std::vector<std::byte> here_memory(layout.bytes()); // before the agents: outlive them
    std::vector<std::byte> there_memory(layout.bytes());
    fill_pattern(write ? here_memory : there_memory, number);
    fill_poison(write ? there_memory : here_memory);
    std::vector<std::byte> expected = write ? there_memory : here_memory;
    agent_options o;
    o.transports = NIXL_TRANSPORT_LOOPBACK;
    test_agent here("here-efa", o);
    test_agent there("there-efa", o);
    if (!here.ok() || !there.ok() || here.add_region(here_memory) == 0 || there.add_region(there_memory) == 0)
        return wrong("no agent: " + here.last_error());
    nixl_loopback_faults_t rules{};
    rules.struct_size = sizeof rules;
    rules.delay_ns = pick(random, 150'000);
    rules.seed = 1 + random() % 1'000'000;
    rules.rails = static_cast<uint32_t>(2 + pick(random, 7));
    rules.operation_bytes = static_cast<uint32_t>(400 + pick(random, 4'000));
    rules.kill_after = pick(random, 3) == 0 ? 0 : static_cast<uint32_t>(15 + pick(random, 150));
    if (nixl_loopback_set_faults(here.get(), &rules) != NIXL_SUCCESS)
        return wrong("the rules are refused");
    if (rules.kill_after != 0)
        count_fault("rails die");
    const uint64_t peer = here.connect(there.metadata());
    if (peer == 0)
        return wrong("connecting: " + here.connect_text);

    step("moving");
    const auto here_ids = shuffled_ids(layout.blocks(), layout.blocks(), random());
    const auto there_ids = shuffled_ids(layout.blocks(), layout.blocks(), random());
    test_agent::post post;
    post.op = write ? NIXL_OP_WRITE : NIXL_OP_READ;
    post.local = here.list(0, layout.strided_at(reinterpret_cast<uint64_t>(here_memory.data())));
    post.remote = here.list(peer, layout.strided_at(reinterpret_cast<uint64_t>(there_memory.data())));
    std::vector<uint64_t> operations;
    std::vector<uint32_t> told; // of each operation: 1 = a notification is awaited
    for (size_t at = 0; at < here_ids.size();) {
        const size_t n = std::min<size_t>(here_ids.size() - at, 1 + pick(random, 12));
        post.local_ids = std::span(here_ids).subspan(at, n);
        post.remote_ids = std::span(there_ids).subspan(at, n);
        const auto index = static_cast<uint32_t>(operations.size());
        told.push_back(pick(random, 3) != 0 ? 1 : 0);
        post.notification.reset();
        if (told.back() != 0)
            post.notification = std::span(reinterpret_cast<const uint8_t*>(&index), sizeof index);
        operations.push_back(here.start(post));
        if (operations.back() == 0)
            return wrong(std::string("a post is refused: ") + status_name(here.post_status));
        if (write)
            move_naively(layout, here_memory, layout, expected, post.local_ids, post.remote_ids);
        else
            move_naively(layout, there_memory, layout, expected, post.remote_ids, post.local_ids);
        at += n;
    }
    for (const uint64_t operation : operations) {
        if (!here.wait_quiesced(operation))
            return wrong("an operation hangs");
        const outcome& end = here.result(operation);
        count_outcome(end.event.status, end.event.bytes);
        if (end.event.status != NIXL_SUCCESS || end.settled_count != 1)
            return wrong(std::string("unexpected outcome ") + status_name(end.event.status));
    }

    step("comparing");
    std::vector<std::byte>& got = write ? there_memory : here_memory;
    if (const uint64_t at = first_mismatch(got, expected); at != all_match)
        return wrong("byte " + std::to_string(at) + (write ? " is wrong (write)" : " is wrong (read)"));
    fill_poison(got); // ours alone from here on: what dead rails still hold arrives now and changes nothing
    for (size_t left = static_cast<size_t>(std::count(told.begin(), told.end(), 1u)); left > 0; --left) {
        const auto message = there.next_notification();
        uint32_t index = UINT32_MAX;
        if (message && message->payload.size() == sizeof index)
            std::memcpy(&index, message->payload.data(), sizeof index);
        if (index >= told.size() || told[index] != 1)
            return wrong(message ? "a notification came twice, or nobody sent it" : "a notification is missing");
        told[index] = 2;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 5)));
    if (there.next_notification(0))
        return wrong("a notification too many");
    const uint64_t late = first_not_poison(got);
    return late == all_match || wrong("byte " + std::to_string(late) + " changed after the request had ended");
}

} // namespace nixl::soak
