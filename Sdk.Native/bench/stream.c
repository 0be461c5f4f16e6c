// One plain TCP stream over loopback: sends of 1 MiB, reads of 64 KiB straight into the destination.
#include "memory.h"
#include "references.h"
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { send_bytes = 1 << 20, read_bytes = 64 << 10 };

struct stream {
    int fd;
    char* source;
    uint64_t bytes;
};

// Until the receiver says that it has all of it.
static uint64_t stream_round(void* context) {
    const struct stream* s = context;
    const uint64_t start = now_ns();
    for (uint64_t at = 0; at < s->bytes; at += send_bytes)
        full_write(s->fd, s->source + at, s->bytes - at < send_bytes ? s->bytes - at : send_bytes);
    char done = 0;
    full_read(s->fd, &done, 1);
    return now_ns() - start;
}

static _Noreturn void receive(const struct sockaddr_in* address, uint64_t bytes) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr*)address, sizeof *address) != 0)
        die("connect");
    char* target = allocate(bytes);
    for (;;) {
        uint64_t at = 0;
        while (at < bytes) {
            const ssize_t n = read(fd, target + at, bytes - at < read_bytes ? bytes - at : read_bytes);
            if (n < 0)
                die("read");
            if (n == 0)
                _exit(0);
            at += (uint64_t)n;
        }
        full_write(fd, "", 1);
    }
}

void run_stream(int count, char** arguments) {
    if (count != 1)
        usage("stream BYTES");
    struct stream s = {.fd = -1, .source = NULL, .bytes = number(arguments[0])};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr*)&address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr*)&address, &length) != 0)
        die("listen");
    if (start_child() == 0)
        receive(&address, s.bytes);
    s.fd = accept(listener, NULL, NULL);
    if (s.fd < 0)
        die("accept");
    s.source = allocate(s.bytes);
    fill(s.source, s.bytes);
    stream_round(&s); // discarded: windows and buffers grow in it
    serve("", stream_round, &s);
}
