#include "memory.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 4u
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21u << 26)
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static const uint64_t small_page = 4096;
static const uint64_t huge_page = 2u << 20;

// Every huge page gets one small page first: the kernel collapses no hole. 0: some of it stays in small pages.
static int make_huge(int fd, char* memory, uint64_t bytes) {
    for (uint64_t at = 0; at < bytes; at += huge_page) {
        if (fallocate(fd, 0, (off_t)at, (off_t)small_page) != 0)
            return 0;
        int tries = 10;
        while (madvise(memory + at, huge_page, MADV_COLLAPSE) != 0) {
            if (errno != EAGAIN || --tries == 0)
                return 0;
        }
    }
    return 1;
}

// NULL: this kind of page cannot be had.
static void* try_map(uint64_t bytes, unsigned flags, int collapse) {
    const int fd = memfd_create("nixl-bench", MFD_CLOEXEC | flags);
    if (fd < 0)
        return NULL;
    void* memory = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) {
        // Aligned to a huge page, so that one may stand behind it.
        char* reserved = mmap(NULL, bytes + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (reserved == MAP_FAILED)
            die("mmap");
        char* aligned = reserved + (huge_page - (uintptr_t)reserved % huge_page) % huge_page;
        memory = mmap(aligned, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    }
    if (memory == MAP_FAILED || (collapse && !make_huge(fd, memory, bytes)) ||
        (flags == 0 && fallocate(fd, 0, 0, (off_t)bytes) != 0)) {
        close(fd);
        return NULL;
    }
    close(fd);
    memset(memory, 1, bytes);
    return memory;
}

void* map_shared(uint64_t bytes, uint64_t* page) {
    const uint64_t whole = (bytes + huge_page - 1) / huge_page * huge_page;
    void* memory = NULL;
    if (*page > small_page) {
        memory = try_map(whole, MFD_HUGETLB | MFD_HUGE_2MB, 0);
        if (memory == NULL)
            memory = try_map(whole, 0, 1);
    }
    *page = memory != NULL ? huge_page : small_page;
    if (memory == NULL)
        memory = try_map(whole, 0, 0);
    if (memory == NULL)
        die("shared memory");
    return memory;
}

void* allocate(uint64_t bytes) {
    void* memory = NULL;
    if (posix_memalign(&memory, small_page, bytes) != 0) {
        errno = ENOMEM;
        die("posix_memalign");
    }
    memset(memory, 1, bytes);
    return memory;
}
