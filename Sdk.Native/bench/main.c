// nixl-bench REFERENCE ARGUMENT…: the same work done plainly, for ./bench.sh to compare with. After "ready" it does one
// round for each line of stdin and answers "ns N".
#include "references.h"
#include "support.h"

#include <string.h>

int main(int count, char** arguments) {
    static const struct {
        const char* name;
        void (*run)(int, char**);
    } references[] = {{"memcpy", run_memcpy}, {"vm", run_vm},           {"stream", run_stream},
                      {"line", run_line},     {"eventfd", run_eventfd}, {"pairs", run_pairs}};
    for (size_t i = 0; count > 1 && i < sizeof references / sizeof *references; ++i) {
        if (strcmp(references[i].name, arguments[1]) == 0) {
            references[i].run(count - 2, arguments + 2);
            return 0;
        }
    }
    usage("memcpy|vm|stream|line|eventfd|pairs ARGUMENT…");
}
