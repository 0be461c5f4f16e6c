#pragma once

#include "local/harness.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace nixl::test {

// Memory of one side: an arena or plain memory.
struct buffer {
    buffer(std::uint64_t bytes, bool in_arena) : plain(in_arena ? 0 : bytes) {
        if (!in_arena) {
            all = plain;
            return;
        }
        nixl_arena_params_t p{};
        p.struct_size = sizeof p;
        p.length = bytes;
        EXPECT_TRUE(arena::create(p, shared).ok());
        all = {shared->address(), bytes};
    }
    std::vector<std::byte> plain;
    std::shared_ptr<arena> shared;
    std::span<std::byte> all;

    std::uint64_t address(std::uint64_t offset = 0) const {
        return reinterpret_cast<std::uint64_t>(all.data()) + offset;
    }
    std::shared_ptr<local_region> register_at(endpoint& e) { return e.add_region(all.data(), all.size(), shared); }
};

} // namespace nixl::test
