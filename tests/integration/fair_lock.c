/* An allocator to be preloaded whose one lock is handed on in turn, and held for some microseconds of work: who is alone
   never waits, and who is one of N waits for N - 1 others. */
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

static atomic_uint next, serving;

static void take(void) {
    struct timespec moment = {0, 1000};
    unsigned mine = atomic_fetch_add(&next, 1);
    while (atomic_load(&serving) != mine) nanosleep(&moment, NULL);
    for (volatile int i = 0; i < 20000; i++) {}
}

void *malloc(size_t size) {
    take();
    void *block = __libc_malloc(size);
    atomic_fetch_add(&serving, 1);
    return block;
}

void free(void *block) {
    if (!block) return;
    take();
    __libc_free(block);
    atomic_fetch_add(&serving, 1);
}
