// Two agents, a and b, with one buffer each, a connected to b over one transport.
#pragma once

#include "abi/node.hpp"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace nixl_test {

// Parameterised over the transports. A transport that this build has must work; one that it has not is reported as
// skipped with the library's reason.
class transport_test : public testing::TestWithParam<nixl_transport_t> {
  protected:
    void SetUp() override;
};
inline const auto every_transport =
    testing::Values(NIXL_TRANSPORT_LOOPBACK, NIXL_TRANSPORT_LOCAL, NIXL_TRANSPORT_FABRIC);
inline std::string transport_name(const testing::TestParamInfo<nixl_transport_t>& info) {
    return info.param == NIXL_TRANSPORT_LOOPBACK ? "loopback" : info.param == NIXL_TRANSPORT_LOCAL ? "local" : "fabric";
}

// The whole suite can run over loopback with EFA's rules: NIXL_LOOPBACK_FAULTS=efa,rails=2,seed=7
inline bool under_efa_rules(nixl_transport_t kind) {
    return kind == NIXL_TRANSPORT_LOOPBACK && std::getenv("NIXL_LOOPBACK_FAULTS") != nullptr;
}

struct pair_options {
    uint32_t max_notifications = 0;
    uint32_t max_transfers = 0;
    uint64_t quiesce_grace_ns = 0;
};

class connected_pair {
  public:
    connected_pair(nixl_transport_t kind, uint64_t bytes, pair_options options = {});

    bool ok() const { return peer != 0; }

    struct lists {
        uint64_t local = 0;
        uint64_t remote = 0;
        uint64_t tensors = 0;
        uint64_t blocks = 0;
        uint64_t piece = 0;
    };
    // `tensors` regions of `blocks` pieces, one behind the other, on both sides.
    lists block_lists(uint64_t tensors, uint64_t blocks, uint64_t piece);
    // Every byte: blocks moved[i].first → moved[i].second carry the pattern, all else is still poison.
    void expect_remote(const lists& l, const std::vector<std::pair<uint32_t, uint32_t>>& moved, uint64_t seed) const;

    uint64_t a_incarnation = 0;
    buffer local;
    buffer remote;
    node a;
    node b;
    uint64_t local_region = 0;
    uint64_t remote_region = 0;
    uint64_t peer = 0; // b, as a knows it

  private:
    nixl_agent_params_t params(const char* name, nixl_transport_t kind, const pair_options& o);
};

} // namespace nixl_test
