// process_vm_writev of the pieces into a child's memory, 1,024 pieces a call.
#include "memory.h"
#include "references.h"
#include "support.h"

#include <sys/uio.h>
#include <unistd.h>

enum { batch = 1024 };

struct vm {
    struct pieces what;
    char* source;
    char* target; // in the child
    pid_t child;
};

static uint64_t vm_round(void* context) {
    const struct vm* v = context;
    struct iovec from[batch];
    struct iovec to[batch];
    const uint64_t start = now_ns();
    for (uint64_t first = 0; first < v->what.count; first += batch) {
        const uint64_t n = v->what.count - first < batch ? v->what.count - first : batch;
        for (uint64_t i = 0; i < n; ++i) {
            from[i] = (struct iovec){v->source + v->what.from[first + i] * v->what.length, v->what.length};
            to[i] = (struct iovec){v->target + v->what.to[first + i] * v->what.length, v->what.length};
        }
        if (process_vm_writev(v->child, from, n, to, n, 0) != (ssize_t)(n * v->what.length))
            die("process_vm_writev");
    }
    return now_ns() - start;
}

void run_vm(int count, char** arguments) {
    if (count != 2)
        usage("vm PIECE_BYTES IDS_FILE");
    struct vm v = {.what = load_pieces(arguments[1], number(arguments[0])), .source = NULL, .target = NULL, .child = 0};
    v.source = allocate(bytes_of(&v.what));
    fill(v.source, bytes_of(&v.what));
    int ready[2];
    if (pipe(ready) != 0)
        die("pipe");
    v.child = start_child();
    if (v.child == 0) {
        void* memory = allocate(bytes_of(&v.what));
        full_write(ready[1], &memory, sizeof memory);
        for (;;)
            pause();
    }
    full_read(ready[0], &v.target, sizeof v.target);
    vm_round(&v);
    serve("", vm_round, &v);
}
