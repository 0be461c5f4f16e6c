// One thread's plain memcpy of the pieces, from one shared mapping into another that is already there.
#include "memory.h"
#include "references.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

struct copy {
    struct pieces what;
    char* source;
    char* target;
};

static uint64_t copy_round(void* context) {
    const struct copy* c = context;
    const uint64_t start = now_ns();
    for (uint64_t i = 0; i < c->what.count; ++i)
        memcpy(c->target + c->what.to[i] * c->what.length, c->source + c->what.from[i] * c->what.length,
               c->what.length);
    return now_ns() - start;
}

void run_memcpy(int count, char** arguments) {
    if (count != 4)
        usage("memcpy SOURCE_PAGE TARGET_PAGE PIECE_BYTES IDS_FILE");
    uint64_t source_page = number(arguments[0]);
    uint64_t target_page = number(arguments[1]);
    struct copy c = {.what = load_pieces(arguments[3], number(arguments[2])), .source = NULL, .target = NULL};
    c.source = map_shared(bytes_of(&c.what), &source_page);
    c.target = map_shared(bytes_of(&c.what), &target_page);
    fill(c.source, bytes_of(&c.what));
    copy_round(&c);
    char pages[64];
    snprintf(pages, sizeof pages, "%llu %llu", (unsigned long long)source_page, (unsigned long long)target_page);
    serve(pages, copy_round, &c);
}
