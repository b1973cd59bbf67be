/* Every function of the malloc family, in one thread, with sizes of all kinds; prints nothing. With an
 * argument pvalloc too, which valgrind does not know. The C23 functions are looked up, because the C library may lack them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void (*sized)(void *, size_t);
static void (*aligned_sized)(void *, size_t, size_t);

int main(int count, char **words) {
    if (count > 1) {
        sized = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
        aligned_sized = (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    }
    void *kept[400];
    for (size_t i = 0; i < 400; i++) {
        size_t size = i < 300 ? i * 7 : (i - 299) * 8191;
        kept[i] = i % 3 ? malloc(size) : calloc(i, 7);
        if (i % 5 == 0) kept[i] = realloc(kept[i], 1 + size * 2);
        if (i % 7 == 0) kept[i] = reallocarray(kept[i], 3, 1 + size);
    }
    for (size_t i = 0; i < 400; i += 2) free(kept[i]);
    for (size_t i = 1; i < 400; i += 2) sized ? sized(kept[i], 1) : free(kept[i]);
    void *block = NULL;
    for (size_t alignment = 16; alignment <= 8192; alignment *= 2) {
        if (posix_memalign(&block, alignment, alignment + 5)) return 1;
        free(block);
        block = aligned_alloc(alignment, 3 * alignment);
        aligned_sized ? aligned_sized(block, alignment, 3 * alignment) : free(block);
        block = memalign(alignment, 100);
        block = realloc(block, 100000);
        free(block);
    }
    free(valloc(100));
    if (count > 1) free(pvalloc(5000));
    block = realloc(NULL, 50);
    block = realloc(block, 0);
    free(NULL);
    char *text = strdup("kept");
    return text[0] != 'k' || malloc_usable_size(text) < 5;
}
