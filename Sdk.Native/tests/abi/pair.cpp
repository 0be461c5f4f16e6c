#include "abi/pair.hpp"

#include <algorithm>
#include <cstring>

namespace nixl_test {

void transport_test::SetUp() {
    const nixl_agent_params_t params = agent_params("probe", GetParam());
    nixl_agent_t* agent = nullptr;
    const int32_t status = nixl_agent_create(&params, &agent);
    const std::string why = last_error_text();
    if (agent != nullptr)
        nixl_agent_destroy(agent, second);
    else if (why.find("is not part of this build") != std::string::npos)
        GTEST_SKIP() << why;
    else
        FAIL() << nixl_status_name(status) << ": " << why;
}

nixl_agent_params_t connected_pair::params(const char* name, nixl_transport_t kind, const pair_options& o) {
    nixl_agent_params_t p = agent_params(name, kind);
    p.max_notifications = o.max_notifications;
    p.max_transfers = o.max_transfers;
    p.quiesce_grace_ns = o.quiesce_grace_ns;
    if (*name == 'a')
        a_incarnation = p.incarnation;
    return p;
}

connected_pair::connected_pair(nixl_transport_t kind, uint64_t bytes, pair_options options)
    : local(bytes), remote(bytes), a(params("a", kind, options)), b(params("b", kind, options)) {
    if (!a.usable() || !b.usable())
        return;
    local_region = a.add(local.data(), local.size());
    remote_region = b.add(remote.data(), remote.size());
    peer = a.connect(b);
    EXPECT_EQ(a.peer(peer).transport, static_cast<uint32_t>(kind));
    EXPECT_EQ(a.peer(peer).state, static_cast<uint32_t>(NIXL_PEER_CONNECTED));
}

connected_pair::lists connected_pair::block_lists(uint64_t tensors, uint64_t blocks, uint64_t piece) {
    std::vector<nixl_strided_region_t> here, there;
    for (uint64_t t = 0; t < tensors; ++t) {
        here.push_back(region(local.data() + t * blocks * piece, piece, blocks));
        there.push_back(region(remote.data() + t * blocks * piece, piece, blocks));
    }
    return {a.list(0, here), a.list(peer, there), tensors, blocks, piece};
}

void connected_pair::expect_remote(const lists& l, const std::vector<std::pair<uint32_t, uint32_t>>& moved,
                                   uint64_t seed) const {
    std::vector<uint8_t> expected(remote.size(), 0xA5);
    for (uint64_t t = 0; t < l.tensors; ++t)
        for (const auto& [from, to] : moved)
            for (uint64_t i = 0; i < l.piece; ++i)
                expected[(t * l.blocks + to) * l.piece + i] = pattern(seed, (t * l.blocks + from) * l.piece + i);
    if (std::memcmp(expected.data(), remote.data(), remote.size()) == 0)
        return;
    const auto at = std::mismatch(expected.begin(), expected.end(), remote.data());
    ADD_FAILURE() << "byte " << (at.first - expected.begin()) << " of the target is " << int{*at.second}
                  << ", expected " << int{*at.first};
}

} // namespace nixl_test
