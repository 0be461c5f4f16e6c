// The shortest ways there and back between two pinned processes: a line of shared memory, and eventfd. A round trip's
// nanoseconds, the mean of many.
#include "references.h"
#include "support.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct line {
    _Alignas(64) _Atomic uint64_t sequence; // odd: ping, even: pong
    uint64_t payload[7];
};

struct pingpong {
    uint64_t trips;
    struct line* line;
    int ping; // eventfds
    int pong;
    int start; // pipe: the child sleeps in it between rounds
};

static void write_line(struct line* l, uint64_t sequence) {
    for (unsigned i = 0; i < 7; ++i)
        l->payload[i] = sequence;
    atomic_store_explicit(&l->sequence, sequence, memory_order_release);
}

static void await_line(struct line* l, uint64_t sequence) {
    while (atomic_load_explicit(&l->sequence, memory_order_acquire) != sequence)
        __builtin_ia32_pause();
    for (unsigned i = 0; i < 7; ++i) {
        if (l->payload[i] != sequence)
            _exit(2);
    }
}

static uint64_t line_round(void* context) {
    const struct pingpong* p = context;
    write_line(p->line, 0);
    full_write(p->start, "", 1);
    await_line(p->line, 2); // the child is awake
    const uint64_t start = now_ns();
    for (uint64_t i = 1; i <= p->trips; ++i) {
        write_line(p->line, 2 * i + 1);
        await_line(p->line, 2 * i + 2);
    }
    return (now_ns() - start) / p->trips;
}

static _Noreturn void answer_line(struct pingpong* p, int start) {
    for (char c = 0;;) {
        full_read(start, &c, 1);
        write_line(p->line, 2);
        for (uint64_t i = 1; i <= p->trips; ++i) {
            await_line(p->line, 2 * i + 1);
            write_line(p->line, 2 * i + 2);
        }
    }
}

static uint64_t eventfd_round(void* context) {
    const struct pingpong* p = context;
    uint64_t one = 1;
    const uint64_t start = now_ns();
    for (uint64_t i = 0; i < p->trips; ++i) {
        full_write(p->ping, &one, sizeof one);
        full_read(p->pong, &one, sizeof one);
    }
    return (now_ns() - start) / p->trips;
}

static _Noreturn void answer_eventfd(const struct pingpong* p) {
    for (uint64_t one = 1;;) {
        full_read(p->ping, &one, sizeof one);
        full_write(p->pong, &one, sizeof one);
    }
}

void run_line(int count, char** arguments) {
    if (count != 1)
        usage("line TRIPS");
    struct pingpong p = {.trips = number(arguments[0])};
    p.line = mmap(NULL, sizeof *p.line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int start[2];
    if (p.line == MAP_FAILED || pipe(start) != 0)
        die("line");
    p.start = start[1];
    if (start_child() == 0) {
        pin_to(1);
        answer_line(&p, start[0]);
    }
    pin_to(0);
    line_round(&p);
    serve("", line_round, &p);
}

void run_eventfd(int count, char** arguments) {
    if (count != 1)
        usage("eventfd TRIPS");
    struct pingpong p = {.trips = number(arguments[0]), .ping = eventfd(0, 0), .pong = eventfd(0, 0)};
    if (p.ping < 0 || p.pong < 0)
        die("eventfd");
    if (start_child() == 0) {
        pin_to(1);
        answer_eventfd(&p);
    }
    pin_to(0);
    eventfd_round(&p);
    serve("", eventfd_round, &p);
}
