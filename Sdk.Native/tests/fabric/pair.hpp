// Two agents of this process, each with one registered buffer, connected from `a` to `b`.
#pragma once

#include "fabric/scattered.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace nixl::test {

class agent_pair {
  public:
    explicit agent_pair(uint64_t a_bytes, uint64_t b_bytes, const agent_options& a_options = {},
                        const agent_options& b_options = {})
        : a_memory(a_bytes), b_memory(b_bytes), a("a", a_options), b("b", b_options) {
        fill_pattern(a_memory, 1);
        fill_poison(b_memory);
        if (!a.ok() || !b.ok())
            return;
        a_region = a.add_region(a_memory);
        b_region = b.add_region(b_memory);
        b_metadata = b.metadata();
        b_peer = a.connect(b_metadata);
    }
    bool ok() const { return a_region != 0 && b_region != 0 && b_peer != 0; }

    uint64_t local(const scattered& s) { return a.list(0, s.strided_at(reinterpret_cast<uint64_t>(a_memory.data()))); }
    uint64_t remote(const scattered& s) {
        return a.list(b_peer, s.strided_at(reinterpret_cast<uint64_t>(b_memory.data())));
    }

    std::string why() const { return a.connect_text + b.connect_text + a.last_error(); }

    std::vector<std::byte> a_memory; // before the agents: outlives them
    std::vector<std::byte> b_memory;
    test_agent a;
    test_agent b;
    uint64_t a_region = 0;
    uint64_t b_region = 0;
    uint64_t b_peer = 0; // as a knows it
    std::vector<uint8_t> b_metadata;
};

} // namespace nixl::test
