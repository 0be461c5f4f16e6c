// Two agents of this process with several rails between them, one address of this machine each, and the means to cut
// one. The control connection lies on an address that is no rail's. The lab gives the addresses of its devices
// (NIXL_TEST_RAILS, with commas); cutting needs sockets.
#pragma once

#include "fabric/pair.hpp"
#include "support/test_network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace nixl::test {

inline std::vector<std::string> rail_address_list() {
    std::vector<std::string> all;
    std::istringstream given(from_environment("NIXL_TEST_RAILS", "127.0.0.11,127.0.0.12,127.0.0.13,127.0.0.14"));
    for (std::string address; std::getline(given, address, ',');)
        all.push_back(address);
    return all;
}

// What every test of this file's users begins with.
inline void need_rails() {
    if (target_is_passive() && from_environment("NIXL_TEST_RAILS", "").empty())
        GTEST_SKIP() << "several rails over " << test_provider()
                     << " need several devices: name them in NIXL_TEST_RAILS";
}
// Different numbers of rails: some begin at one address and end at another. Soft-RoCE ports of one machine reach only
// themselves.
inline bool rails_cross() {
    return !target_is_passive();
}
inline void need_rails_to_cut() {
    if (target_is_passive())
        GTEST_SKIP() << "a rail is cut by its sockets, which " << test_provider() << " has not";
}

inline std::string rail_address(size_t rail) {
    return rail_address_list().at(rail);
}
inline std::string rail_addresses(size_t count) {
    std::string all;
    for (size_t i = 0; i < count; ++i)
        all += (i == 0 ? "" : ",") + rail_address(i);
    return all;
}
inline agent_options with_rails(size_t count, agent_options options = {}) {
    options.fabric_rails = rail_addresses(count);
    return options;
}

inline uint64_t rail_bytes(const nixl_rail_info_t& r) {
    return r.written_bytes + r.read_bytes;
}
inline uint64_t rail_bytes(const std::vector<nixl_rail_info_t>& rails) {
    return std::accumulate(rails.begin(), rails.end(), uint64_t{0},
                           [](uint64_t sum, const nixl_rail_info_t& r) { return sum + rail_bytes(r); });
}

// Providers connect a rail when it is first used, and what comes meanwhile goes over the others: until each has carried
// something, nobody knows which carries what. Then b's memory is poisoned again.
inline bool warm_up(agent_pair& p) {
    const scattered whole({{p.b_memory.size(), 0}}, 1);
    const uint32_t zero = 0;
    test_agent::post post{
        .local = p.local(whole), .remote = p.remote(whole), .local_ids = {&zero, 1}, .remote_ids = {&zero, 1}};
    const auto all_used = [&] {
        const auto rails = p.a.rails(p.b_peer);
        return std::all_of(rails.begin(), rails.end(), [](const auto& r) { return rail_bytes(r) != 0; });
    };
    for (int i = 0; i < 10'000 && !all_used(); ++i)
        if (p.a.run(post) != NIXL_SUCCESS)
            return false;
    fill_poison(p.b_memory);
    return all_used();
}

enum class cut_end { both, initiator };

// Shuts the connections of this process that touch the address; on the initiator's end only, what has been sent still
// arrives. Returns how many ends.
inline size_t cut_rail(size_t rail, cut_end end = cut_end::both) {
    ::in_addr wanted{};
    (void)::inet_pton(AF_INET, rail_address(rail).c_str(), &wanted);
    const auto name = [](int fd, bool peer, ::sockaddr_in& at) {
        ::socklen_t length = sizeof at;
        auto* generic = reinterpret_cast<::sockaddr*>(&at);
        return (peer ? ::getpeername(fd, generic, &length) : ::getsockname(fd, generic, &length)) == 0 &&
               at.sin_family == AF_INET;
    };
    constexpr int most = 4096;
    std::vector<uint16_t> listening;
    for (int fd = 3; fd < most; ++fd) {
        int accepts = 0;
        ::socklen_t length = sizeof accepts;
        ::sockaddr_in own{};
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 && accepts != 0 && name(fd, false, own))
            listening.push_back(own.sin_port);
    }
    size_t cut = 0;
    for (int fd = 3; fd < most; ++fd) {
        ::sockaddr_in own{};
        ::sockaddr_in peer{};
        if (!name(fd, false, own) || !name(fd, true, peer) ||
            (own.sin_addr.s_addr != wanted.s_addr && peer.sin_addr.s_addr != wanted.s_addr))
            continue;
        const bool accepted = std::find(listening.begin(), listening.end(), own.sin_port) != listening.end();
        if (end == cut_end::initiator && accepted)
            continue;
        cut += ::shutdown(fd, SHUT_RDWR) == 0 ? 1 : 0;
    }
    return cut;
}

} // namespace nixl::test
