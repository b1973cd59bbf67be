/* The calls of a script as a plain loop: what the player is compared with. One thread; `calls` is triples of
 * (slot, what, size): what 0 malloc, 1 free, 2 calloc, 3 realloc. Prints nanoseconds of the whole loop. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct call { uint32_t slot, what; uint64_t size; };

static void touch(volatile char *block, size_t size) {
    if (!size) return;
    for (size_t at = 0; at < size; at += 4096) block[at] = 1;
    block[size - 1] = 1;
}

int main(int argc, char **argv) {
    struct stat status;
    int file = open(argv[1], O_RDONLY);
    if (argc != 3 || file < 0 || fstat(file, &status)) return 2;
    const struct call *calls = mmap(0, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    void **slots = mmap(0, strtoul(argv[2], 0, 10) * sizeof(void *), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (calls == MAP_FAILED || slots == MAP_FAILED) return 2;
    struct timespec begin, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (const struct call *call = calls, *last = calls + (size_t)status.st_size / sizeof *calls; call < last; call++) {
        void **slot = &slots[call->slot];
        switch (call->what) {
        case 0: touch(*slot = malloc(call->size), call->size); break;
        case 1: free(*slot); break;
        case 2: touch(*slot = calloc(1, call->size), call->size); break;
        default: touch(*slot = realloc(*slot, call->size), call->size);
        }
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    printf("%lld\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
    return 0;
}
