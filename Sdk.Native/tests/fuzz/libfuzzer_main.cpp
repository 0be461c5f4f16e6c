// One libFuzzer program for all targets: NIXL_FUZZ_TARGET in the environment chooses (libFuzzer starts itself again
// with arguments of its own). With NIXL_FUZZ_SEEDS=FOLDER it writes the target's seeds there and ends.
#include "fuzz/targets.hpp"

#include <fstream>
#include <string>
#include <string_view>

namespace {

const nixl::fuzz::target* chosen = nullptr;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const std::string name = variable("NIXL_FUZZ_TARGET");
    for (const auto& t : nixl::fuzz::targets())
        if (name == t.name)
            chosen = &t;
    if (chosen == nullptr) {
        std::fprintf(stderr, "NIXL_FUZZ_TARGET must be one of:");
        for (const auto& t : nixl::fuzz::targets())
            std::fprintf(stderr, " %s", t.name);
        std::fprintf(stderr, "\n");
        std::exit(2);
    }
    const std::string folder = variable("NIXL_FUZZ_SEEDS");
    if (folder.empty())
        return 0;
    int number = 0;
    for (const auto& seed : chosen->seeds())
        std::ofstream(folder + "/seed-" + std::to_string(number++), std::ios::binary)
            .write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
    std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    chosen->run({data, size});
    return 0;
}
