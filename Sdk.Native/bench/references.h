// The references; each is a sub-command.
#ifndef NIXL_BENCH_REFERENCES_H
#define NIXL_BENCH_REFERENCES_H

void run_memcpy(int count, char** arguments);
void run_vm(int count, char** arguments);
void run_stream(int count, char** arguments);
void run_line(int count, char** arguments);
void run_eventfd(int count, char** arguments);
void run_pairs(int count, char** arguments);

#endif
