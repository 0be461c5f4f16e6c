// What arenas promise: zeroed, shared, sealed, in the pages they say.
#include "core/arena.hpp"
#include "transports/local/mapping.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace nixl {
namespace {

std::shared_ptr<arena> make(std::uint64_t length, std::uint32_t huge, failure* out = nullptr) {
    nixl_arena_params_t p{};
    p.struct_size = sizeof p;
    p.length = length;
    p.huge_pages = huge;
    std::shared_ptr<arena> a;
    const failure f = arena::create(p, a);
    if (out != nullptr)
        *out = f;
    return a;
}

TEST(arena, is_zeroed_and_writable_to_its_end) {
    for (const std::uint64_t length : {1ull, 4096ull, 5000ull, 2ull << 20, (5ull << 20) + 1}) {
        auto a = make(length, 0);
        ASSERT_NE(nullptr, a);
        EXPECT_GE(a->length(), length);
        EXPECT_EQ(0u, a->length() % (length >= 2u << 20 ? 2u << 20 : 4096u));
        EXPECT_TRUE(
            std::all_of(a->address(), a->address() + a->length(), [](std::byte b) { return b == std::byte{}; }));
        std::fill_n(a->address(), a->length(), std::byte{0x77});
        EXPECT_NE(0u, a->key());
    }
}

TEST(arena, says_which_pages_it_got) {
    auto a = make(8u << 20, 0);
    ASSERT_NE(nullptr, a);
    RecordProperty("page_size", static_cast<int>(a->page_size()));
    EXPECT_TRUE(a->page_size() == 4096 || a->page_size() == 2u << 20);
    EXPECT_EQ(0u, reinterpret_cast<std::uint64_t>(a->address()) % (2u << 20));
    auto small = make(8u << 20, 2);
    ASSERT_NE(nullptr, small);
    EXPECT_EQ(4096u, small->page_size());
    failure f;
    auto demanded = make(4096, 1, &f);
    if (demanded != nullptr) {
        EXPECT_EQ(2u << 20, demanded->page_size());
        EXPECT_EQ(2u << 20, demanded->length());
    } else {
        EXPECT_EQ(NIXL_ERR_NOT_SUPPORTED, f.status);
    }
}

// What the kernel says about the mapping that begins at `at`: bytes in use, and bytes of them mapped as huge pages.
struct mapped_pages {
    std::uint64_t kib = 0;
    std::uint64_t huge_kib = 0;
};
mapped_pages pages_of(const std::byte* at) {
    std::ifstream smaps("/proc/self/smaps");
    char head[32];
    std::snprintf(head, sizeof head, "%lx-", reinterpret_cast<unsigned long>(at));
    mapped_pages out;
    bool here = false;
    for (std::string line; std::getline(smaps, line);) {
        unsigned long long begin = 0;
        unsigned long long value = 0;
        char key[64] = {};
        if (std::sscanf(line.c_str(), "%llx-%*x ", &begin) == 1 && line.find(':') > line.find(' '))
            here = line.rfind(head, 0) == 0;
        else if (here && std::sscanf(line.c_str(), "%63[^:]: %llu kB", key, &value) == 2) {
            const std::string_view k = key;
            if (k == "Rss" || k == "Shared_Hugetlb" || k == "Private_Hugetlb")
                out.kib += value;
            if (k == "ShmemPmdMapped" || k == "Shared_Hugetlb" || k == "Private_Hugetlb")
                out.huge_kib += value;
        }
    }
    return out;
}

TEST(arena, the_pages_it_names_are_the_pages_it_has_on_both_sides) {
    for (const std::uint32_t wish : {0u, 2u}) {
        auto a = make(16u << 20, wish);
        ASSERT_NE(nullptr, a);
        const auto own = pages_of(a->address());
        EXPECT_EQ(16u << 10, own.kib); // all there before anybody touches it
        EXPECT_EQ(a->page_size() == 4096 ? 0u : 16u << 10, own.huge_kib);

        a->address()[(3u << 20) + 5] = std::byte{42};
        local::mapping m;
        ASSERT_TRUE(local::mapping::map(a->fd(), a->length(), false, m).ok());
        EXPECT_EQ(0u, pages_of(m.address()).kib);
        if (a->page_size() != 4096) {
            EXPECT_TRUE(m.collapse(0, m.length()));
        }
        m.prefault(0, m.length());
        const auto others = pages_of(m.address());
        EXPECT_EQ(16u << 10, others.kib);
        EXPECT_EQ(a->page_size() == 4096 ? 0u : 16u << 10, others.huge_kib);
        EXPECT_EQ(std::byte{42}, m.address()[(3u << 20) + 5]);
        EXPECT_EQ(1,
                  std::count_if(m.address(), m.address() + m.length(), [](std::byte b) { return b != std::byte{}; }));
    }
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) // their shadow memory has faults of its own
// No page is left to be made by the first one who writes or reads.
TEST(arena, first_touches_cost_no_fault) {
    for (const std::uint32_t wish : {0u, 2u}) {
        auto a = make(16u << 20, wish);
        ASSERT_NE(nullptr, a);
        local::mapping m;
        ASSERT_TRUE(local::mapping::map(a->fd(), a->length(), false, m).ok());
        if (a->page_size() != 4096)
            (void)m.collapse(0, m.length());
        for (std::uint64_t at = 0; at < m.length(); at += 3u << 20)
            m.prefault(at, 3u << 20);
        rusage before{};
        rusage after{};
        ::getrusage(RUSAGE_THREAD, &before);
        for (std::uint64_t at = 0; at < m.length(); at += 4096) {
            reinterpret_cast<volatile char*>(m.address())[at] = 1;
            reinterpret_cast<volatile char*>(a->address())[at + 1] = 1;
        }
        ::getrusage(RUSAGE_THREAD, &after);
        EXPECT_LE(after.ru_minflt - before.ru_minflt, 4) << (wish == 0 ? "huge" : "small");
    }
}
#endif

TEST(arena, cannot_shrink_or_grow) {
    auto a = make(1u << 20, 2);
    ASSERT_NE(nullptr, a);
    EXPECT_NE(0, ::ftruncate(a->fd(), 4096));
    EXPECT_NE(0, ::ftruncate(a->fd(), 2 << 20));
    EXPECT_EQ(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
              ::fcntl(a->fd(), F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    EXPECT_TRUE(local::check_sealed(a->fd(), a->length()).ok());
    EXPECT_FALSE(local::check_sealed(a->fd(), a->length() + 1).ok());
}

TEST(arena, an_unsealed_file_is_refused) {
    const int fd = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(0, ::ftruncate(fd, 4096));
    EXPECT_FALSE(local::check_sealed(fd, 4096).ok());
    ::close(fd);
}

TEST(arena, a_second_mapping_sees_the_same_bytes) {
    auto a = make(3u << 20, 0);
    ASSERT_NE(nullptr, a);
    local::mapping m;
    ASSERT_TRUE(local::mapping::map(a->fd(), a->length(), false, m).ok());
    EXPECT_EQ(0u, reinterpret_cast<std::uint64_t>(m.address()) % (2u << 20));
    m.prefault(0, m.length());
    a->address()[(2u << 20) + 17] = std::byte{42};
    EXPECT_EQ(std::byte{42}, m.address()[(2u << 20) + 17]);
    m.address()[5] = std::byte{43};
    EXPECT_EQ(std::byte{43}, a->address()[5]);
}

TEST(arena, impossible_wishes_are_refused_with_a_reason) {
    failure f;
    EXPECT_EQ(nullptr, make(0, 0, &f));
    EXPECT_EQ(NIXL_ERR_INVALID_PARAM, f.status);
    EXPECT_EQ(nullptr, make(1ull << 60, 0, &f));
    EXPECT_EQ(NIXL_ERR_INVALID_PARAM, f.status);
    EXPECT_EQ(nullptr, make(4096, 3, &f));
    EXPECT_EQ(NIXL_ERR_INVALID_PARAM, f.status);
    EXPECT_EQ(nullptr, make(1ull << 45, 0, &f)); // 32 TiB
    EXPECT_EQ(NIXL_ERR_OUT_OF_MEMORY, f.status);
    nixl_arena_params_t p{};
    p.length = 4096;
    p.numa_node_plus_one = 900;
    std::shared_ptr<arena> a;
    EXPECT_EQ(NIXL_ERR_INVALID_PARAM, arena::create(p, a).status);
}

} // namespace
} // namespace nixl
