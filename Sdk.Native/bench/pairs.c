// The least that expanding ids can be: check both against the bound, compute both addresses, merge neighbours, write
// the pair. Processor time of the whole list.
#include "references.h"
#include "support.h"

#include <stdlib.h>

enum { repetitions = 50 };

struct pair {
    uint64_t local;
    uint64_t remote;
    uint64_t length;
};

struct expansion {
    struct pieces what;
    uint64_t entries;
    struct pair* out;
};

// Returns the number of pairs; 0: an id is out of bounds.
static __attribute__((noinline)) uint64_t expand(const struct expansion* e, uint64_t local_base, uint64_t remote_base) {
    const uint64_t length = e->what.length;
    uint64_t n = 0;
    uint64_t local_end = 0;
    uint64_t remote_end = 0;
    for (uint64_t i = 0; i < e->what.count; ++i) {
        const uint32_t from = e->what.from[i];
        const uint32_t to = e->what.to[i];
        if (from >= e->entries || to >= e->entries)
            return 0;
        const uint64_t local = local_base + from * length;
        const uint64_t remote = remote_base + to * length;
        if (n > 0 && local == local_end && remote == remote_end)
            e->out[n - 1].length += length;
        else
            e->out[n++] = (struct pair){local, remote, length};
        local_end = local + length;
        remote_end = remote + length;
    }
    return n;
}

static uint64_t pairs_round(void* context) {
    const struct expansion* e = context;
    const uint64_t start = processor_ns();
    for (unsigned i = 0; i < repetitions; ++i) {
        if (expand(e, 0x7f0000000000u, 0x7e0000000000u) == 0)
            exit(2);
        __asm__ volatile("" ::"r"(e->out) : "memory");
    }
    return (processor_ns() - start) / repetitions;
}

void run_pairs(int count, char** arguments) {
    if (count != 3)
        usage("pairs PIECE_BYTES ENTRIES IDS_FILE");
    struct expansion e = {
        .what = load_pieces(arguments[2], number(arguments[0])), .entries = number(arguments[1]), .out = NULL};
    e.out = calloc(e.what.count, sizeof *e.out);
    if (e.out == NULL)
        die("pairs");
    pairs_round(&e);
    serve("", pairs_round, &e);
}
