/* What the probe is compared with: preloaded behind it, it counts every call that reaches it, with atomics, in a file
 * that COUNTING_REFERENCE names. Calls that fail are not counted; a realloc counts as an allocation and, where it had
 * a block, as a free. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

struct counts { uint64_t allocations, frees, bytes; };
static struct counts nowhere, *counts = &nowhere;
static size_t (*size_of)(void *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("COUNTING_REFERENCE");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    struct counts *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return;
    __atomic_fetch_add(&mapped->allocations, nowhere.allocations, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mapped->frees, nowhere.frees, __ATOMIC_RELAXED);
    __atomic_fetch_add(&mapped->bytes, nowhere.bytes, __ATOMIC_RELAXED);
    counts = mapped;
}

static void *given(void *block, size_t size) {
    if (block) {
        __atomic_fetch_add(&counts->allocations, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&counts->bytes, size, __ATOMIC_RELAXED);
    }
    return block;
}

void *malloc(size_t size) { return given(__libc_malloc(size), size); }
void *calloc(size_t count, size_t size) { return given(__libc_calloc(count, size), count * size); }
void *memalign(size_t alignment, size_t size) { return given(__libc_memalign(alignment, size), size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
void *valloc(size_t size) { return memalign(getpagesize(), size); }
void *pvalloc(size_t size) {
    size_t page = getpagesize();
    return given(__libc_memalign(page, (size + page - 1) / page * page), size);
}
int posix_memalign(void **place, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) || alignment & (alignment - 1)) return 22;
    void *block = memalign(alignment, size);
    if (block) *place = block;
    return block ? 0 : 12;
}
void free(void *block) {
    if (block) __atomic_fetch_add(&counts->frees, 1, __ATOMIC_RELAXED);
    __libc_free(block);
}
void *realloc(void *old, size_t size) {
    void *block = given(__libc_realloc(old, size), size);
    if (old && (block || size == 0)) __atomic_fetch_add(&counts->frees, 1, __ATOMIC_RELAXED);
    return block;
}
void *reallocarray(void *old, size_t count, size_t size) { return realloc(old, count * size); }
size_t malloc_usable_size(void *block) {
    if (!size_of) size_of = (size_t (*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
    return size_of(block);
}
