// Which libfabric provider the tests run on, and at which address of this machine: the environment decides, so that the
// same tests run over real verbs in the lab (./test.sh --lab).
//   NIXL_TEST_PROVIDER   a provider, e.g. verbs;ofi_rxm   [tcp;ofi_rxm]
//   NIXL_TEST_HOST       an address of this machine       [127.0.0.1]
//   NIXL_TEST_SLOWNESS   see test_slowness                [1]
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace nixl::test {

inline std::string from_environment(const char* name, const char* otherwise) {
    const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nothing changes the environment
    return value != nullptr && *value != '\0' ? value : otherwise;
}

inline std::string test_provider() {
    return from_environment("NIXL_TEST_PROVIDER", "tcp;ofi_rxm");
}
inline std::string test_host() {
    return from_environment("NIXL_TEST_HOST", "127.0.0.1");
}

// A target's own processor takes no part in writes and reads of its memory: a stopped process is written to all the
// same. Stream providers need its progress thread.
inline bool target_is_passive() {
    return test_provider().starts_with("verbs") || test_provider().starts_with("efa");
}
// Registering a region pins its pages in memory.
inline bool registration_pins() {
    return target_is_passive();
}

// How many times slower than a real machine this one is: the lab emulates its processors. For promises in milliseconds.
inline uint64_t test_slowness() {
    return std::strtoull(from_environment("NIXL_TEST_SLOWNESS", "1").c_str(), nullptr, 10);
}

} // namespace nixl::test
