// What all references share: time, ids, pinning, and the loop that obeys the benchmark.
#ifndef NIXL_BENCH_SUPPORT_H
#define NIXL_BENCH_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The same pieces as the benchmark moves: `count` pieces of `length` bytes, from[i] of the source to to[i] of the
// target.
struct pieces {
    uint64_t count;
    uint64_t length;
    uint32_t* from;
    uint32_t* to;
};

_Noreturn void die(const char* what); // with errno
_Noreturn void usage(const char* text);
uint64_t now_ns(void);
uint64_t processor_ns(void);                                  // of this process
uint64_t number(const char* text);                            // a decimal argument
struct pieces load_pieces(const char* path, uint64_t length); // a file of 32-bit ids: all `from`, then all `to`
uint64_t bytes_of(const struct pieces* p);
void fill(void* memory, uint64_t bytes);
void pin_to(unsigned nth); // the nth processor that this process may use
pid_t start_child(void);   // fork; the child is killed when the parent ends

// Says "ready TEXT" and then answers each line of stdin with "ns N", what `round` returns. Returns at the end of input.
void serve(const char* text, uint64_t (*round)(void*), void* context);

void full_write(int fd, const void* data, size_t bytes);
void full_read(int fd, void* data, size_t bytes); // the end of the file ends the process

#endif
