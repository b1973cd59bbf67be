/* Asks the malloc family every question whose answer glibc documents, one line each. Run under another allocator it
   must print the same lines. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *answer(const void *block) {
    if (block) return "a block";
    return errno == ENOMEM ? "null, ENOMEM" : errno == EINVAL ? "null, EINVAL" : errno == 0 ? "null" : "null, other error";
}

static int is_aligned(const void *block, size_t alignment) { return block && (uintptr_t)block % alignment == 0; }

#define ASK(call) do { errno = 0; void *block = (call); printf("%s: %s\n", #call, answer(block)); free(block); } while (0)
#define ASK_ALIGNED(call, alignment) do { void *block = (call); \
    printf("%s: %s\n", #call, is_aligned(block, alignment) ? "aligned" : "not aligned"); free(block); } while (0)
#define ASK_POSIX(alignment, size) do { void *place = &place; errno = 0; int code = posix_memalign(&place, alignment, size); \
    printf("posix_memalign(%s, %s): %s, place %s\n", #alignment, #size, code ? strerrorname_np(code) : "0", \
           place == &place ? "kept" : is_aligned(place, alignment) ? "aligned" : "not aligned"); if (!code) free(place); } while (0)

static const size_t HUGE_SIZE = (size_t)PTRDIFF_MAX + 1;

static void sizes(void) {
    ASK(malloc(0));
    ASK(malloc(PTRDIFF_MAX));
    ASK(malloc(HUGE_SIZE));
    ASK(malloc(SIZE_MAX));
    ASK(calloc(0, 0));
    ASK(calloc(SIZE_MAX / 2, 3));
    ASK(calloc(2, PTRDIFF_MAX));
    ASK(calloc(1, HUGE_SIZE));
    ASK(realloc(NULL, 0));
    ASK(realloc(NULL, 100));
    ASK(realloc(NULL, SIZE_MAX));
    ASK(realloc(malloc(100), 0));
    ASK(reallocarray(NULL, 3, 100));
    ASK(reallocarray(NULL, SIZE_MAX / 2, 3));
    ASK(reallocarray(malloc(100), 0, 3));
}

/* A resize that fails leaves the block and what is in it. */
static void failed_resize(void) {
    char *block = malloc(100);
    strcpy(block, "still here");
    errno = 0;
    printf("realloc(block, HUGE_SIZE): %s, %s\n", answer(realloc(block, HUGE_SIZE)), block);
    errno = 0;
    printf("reallocarray(block, SIZE_MAX, 2): %s, %s\n", answer(reallocarray(block, SIZE_MAX, 2)), block);
    free(block);
}

static void alignments(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ASK_ALIGNED(memalign(0, 100), 16);
    ASK_ALIGNED(memalign(3, 100), 16);
    ASK_ALIGNED(memalign(24, 100), 32);
    ASK_ALIGNED(memalign(page + 1, 100), 2 * page);
    ASK(memalign(64, PTRDIFF_MAX));
    ASK(memalign(64, SIZE_MAX));
    ASK(memalign(HUGE_SIZE, 1));
    ASK(memalign(HUGE_SIZE + 1, 1));
    ASK(memalign(SIZE_MAX, 1));
    ASK_ALIGNED(aligned_alloc(64, 100), 64);
    ASK_ALIGNED(aligned_alloc(4096, 0), 4096);
    ASK(aligned_alloc(64, SIZE_MAX));
    ASK_ALIGNED(valloc(1), page);
    ASK_ALIGNED(valloc(0), page);
    ASK(valloc(SIZE_MAX));
    ASK_ALIGNED(pvalloc(1), page);
    ASK_ALIGNED(pvalloc(0), page);
    ASK(pvalloc(SIZE_MAX));
    void *whole = pvalloc(1);
    printf("pvalloc(1) has a whole page: %d\n", malloc_usable_size(whole) >= page);
    free(whole);
    ASK_POSIX(0, 8);
    ASK_POSIX(3, 8);
    ASK_POSIX(4, 8);
    ASK_POSIX(24, 8);
    ASK_POSIX(8, 8);
    ASK_POSIX(16, 0);
    ASK_POSIX(4096, 0);
    ASK_POSIX(64, PTRDIFF_MAX);
    ASK_POSIX(64, SIZE_MAX);
    int wrong = 0;
    for (size_t alignment = 8; alignment <= (size_t)1 << 25; alignment *= 2)
        for (size_t size = 1; size <= (size_t)1 << 22; size *= 7) {
            void *block = NULL;
            wrong += posix_memalign(&block, alignment, size) != 0 || !is_aligned(block, alignment) ||
                     malloc_usable_size(block) < size;
            memset(block, 1, size);
            block = realloc(block, size + 1);
            wrong += ((char *)block)[size - 1] != 1;
            free(block);
        }
    printf("wrongly aligned blocks: %d\n", wrong);
}

static void contents(void) {
    int wrong = 0;
    for (size_t size = 1; size < 3000000; size += size / 3 + 1) {
        unsigned char *block = malloc(size);
        wrong += !is_aligned(block, size < 16 ? 8 : 16) || malloc_usable_size(block) < size;
        memset(block, 0xa5, size);
        block = realloc(block, size * 2);
        wrong += block[0] != 0xa5 || block[size - 1] != 0xa5;
        block = realloc(block, size / 2 + 1);
        wrong += block[0] != 0xa5 || block[size / 2] != 0xa5;
        free(block);
        unsigned char *zeroed = calloc(1, size);
        for (size_t i = 0; i < size; i += 61) wrong += zeroed[i] != 0;
        wrong += zeroed[size - 1] != 0;
        free(zeroed);
    }
    printf("wrong contents: %d\n", wrong);
    printf("malloc_usable_size(NULL): %zu\n", malloc_usable_size(NULL));
}

static void freeing(void) {
    int wrong = 0;
    errno = 4242;
    free(NULL);
    wrong += errno != 4242;
    for (size_t size = 1; size < 100000000; size *= 3) {
        void *blocks[8];
        for (int i = 0; i < 8; i++) blocks[i] = malloc(size);
        errno = 4242;
        for (int i = 0; i < 8; i++) free(blocks[i]);
        wrong += errno != 4242;
    }
    printf("free changed errno: %d\n", wrong);
    /* Names that this C library may lack; a program that finds them calls them. */
    void (*old)(void *) = dlsym(RTLD_DEFAULT, "cfree");
    void (*sized)(void *, size_t) = dlsym(RTLD_DEFAULT, "free_sized");
    void (*aligned_sized)(void *, size_t, size_t) = dlsym(RTLD_DEFAULT, "free_aligned_sized");
    for (int i = 0; i < 1000; i++) {
        if (old) old(malloc(100)), old(NULL);
        if (sized) sized(malloc(100), 100), sized(NULL, 0);
        if (aligned_sized) aligned_sized(aligned_alloc(64, 128), 64, 128), aligned_sized(NULL, 64, 0);
    }
    puts("freed under every name");
}

int main(void) {
    sizes();
    failed_resize();
    alignments();
    contents();
    freeing();
    return 0;
}
