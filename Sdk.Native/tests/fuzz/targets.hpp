// The decoders of bytes that come from other processes, each as a function over any bytes. It aborts on what must never
// be: a read out of bounds (the sanitizers see it), a result that contradicts the bytes, an allocation that they do not
// justify. libFuzzer drives them in ./test.sh --soak; replay_tests.cpp runs the kept corpus in every test run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

namespace nixl::fuzz {

using input = std::span<const uint8_t>;
using bytes = std::vector<uint8_t>;

void metadata(input data);     // core/blob
void control_wire(input data); // control/wire: header and every message
void local_wire(input data);   // local: address, region key, welcome
void fabric_wire(input data);  // fabric: address, region key, endpoint names, key
void packing_wire(input data); // fabric/packing: slot tables and messages

struct target {
    const char* name; // of its folder in corpus/
    void (*run)(input data);
    std::vector<bytes> (*seeds)(); // valid inputs of every kind
};
std::span<const target> targets();

// Like assert, in every build.
inline void require(bool holds, const char* what) {
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

} // namespace nixl::fuzz
