// The kept corpus, the seeds, and small seeded changes of both, through every decoder: no libFuzzer needed.
#include "fuzz/targets.hpp"
#include "support/process_resources.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace nixl::fuzz {
namespace {

class corpus : public testing::TestWithParam<target> {};

std::vector<bytes> inputs(const target& t) {
    std::vector<bytes> all = t.seeds();
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(NIXL_FUZZ_CORPUS) / t.name)) {
        std::ifstream file(entry.path(), std::ios::binary);
        all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return all;
}

bytes changed(bytes b, std::mt19937_64& random) {
    for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        const size_t at = b.empty() ? 0 : random() % b.size();
        switch (random() % 5) {
        case 0:
            if (!b.empty())
                b[at] ^= static_cast<uint8_t>(1u << random() % 8);
            break;
        case 1:
            if (!b.empty())
                b[at] = static_cast<uint8_t>(random());
            break;
        case 2:
            b.resize(at);
            break;
        case 3:
            b.insert(b.begin() + static_cast<std::ptrdiff_t>(at), 1 + random() % 9, static_cast<uint8_t>(random()));
            break;
        default: // a length or count of 32 bits that is far too big
            for (size_t i = at; i < std::min(b.size(), at + 4); ++i)
                b[i] = 0xff;
        }
    }
    return b;
}

TEST_P(corpus, is_kept_and_passes) {
    const auto all = inputs(GetParam());
    EXPECT_GT(all.size(), GetParam().seeds().size()) << "no corpus in " << NIXL_FUZZ_CORPUS;
    for (const bytes& b : all)
        GetParam().run(b);
}

TEST_P(corpus, changed_at_random_passes) {
    const auto all = inputs(GetParam());
    std::mt19937_64 random(4);
    for (uint64_t i = 0, n = test::repetitions(20'000, 500'000); i < n; ++i)
        GetParam().run(changed(all[random() % all.size()], random));
}

INSTANTIATE_TEST_SUITE_P(, corpus, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const auto& test) { return test.param.name; });

} // namespace
} // namespace nixl::fuzz
