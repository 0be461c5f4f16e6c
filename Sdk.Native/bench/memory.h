// Memory of the same kind as the benchmark's.
#ifndef NIXL_BENCH_MEMORY_H
#define NIXL_BENCH_MEMORY_H

#include <stdint.h>

// A memfd, mapped shared, every page there, in pages of at least *page bytes if they can be had; *page is what was got.
void* map_shared(uint64_t bytes, uint64_t* page);

// Plain memory of the allocator, every page there.
void* allocate(uint64_t bytes);

#endif
