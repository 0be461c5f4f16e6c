#include "support.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

_Noreturn void die(const char* what) {
    fprintf(stderr, "nixl-bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

_Noreturn void usage(const char* text) {
    fprintf(stderr, "usage: nixl-bench %s\n", text);
    exit(64);
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        die("clock_gettime");
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t processor_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t number(const char* text) {
    char* end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != 0) {
        fprintf(stderr, "nixl-bench: '%s' is no number\n", text);
        exit(64);
    }
    return value;
}

struct pieces load_pieces(const char* path, uint64_t length) {
    FILE* file = fopen(path, "rb");
    if (file == NULL)
        die(path);
    if (fseek(file, 0, SEEK_END) != 0)
        die(path);
    const long bytes = ftell(file);
    rewind(file);
    struct pieces p = {.count = (uint64_t)bytes / (2 * sizeof(uint32_t)), .length = length, .from = NULL, .to = NULL};
    p.from = malloc((size_t)bytes);
    if (p.from == NULL || p.count == 0 || fread(p.from, 1, (size_t)bytes, file) != (size_t)bytes)
        die(path);
    p.to = p.from + p.count;
    fclose(file);
    return p;
}

uint64_t bytes_of(const struct pieces* p) {
    return p->count * p->length;
}

void fill(void* memory, uint64_t bytes) {
    uint64_t state = 88172645463325252u; // xorshift: no page looks like another
    uint64_t* words = memory;
    for (uint64_t i = 0; i < bytes / sizeof *words; ++i) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state;
    }
}

void pin_to(unsigned nth) {
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        die("sched_getaffinity");
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &may) || nth-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            die("sched_setaffinity");
        return;
    }
    errno = EINVAL;
    die("this needs two processors");
}

pid_t start_child(void) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(1);
    return child;
}

void serve(const char* text, uint64_t (*round)(void*), void* context) {
    printf("ready %s\n", text);
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        printf("ns %llu\n", (unsigned long long)round(context));
        fflush(stdout);
    }
}

void full_write(int fd, const void* data, size_t bytes) {
    const char* at = data;
    while (bytes > 0) {
        const ssize_t n = write(fd, at, bytes);
        if (n < 0)
            die("write");
        at += n;
        bytes -= (size_t)n;
    }
}

void full_read(int fd, void* data, size_t bytes) {
    char* at = data;
    while (bytes > 0) {
        const ssize_t n = read(fd, at, bytes);
        if (n < 0)
            die("read");
        if (n == 0)
            exit(0);
        at += n;
        bytes -= (size_t)n;
    }
}
