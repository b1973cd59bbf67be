/* fork_stress.c with a heap that is loaded late in place of malloc: by a thread that ends before the rest begins. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALIGNMENT = 32 };

static void *(*heap_alloc)(size_t, size_t), *(*heap_alloc_zeroed)(size_t, size_t), *(*heap_realloc)(void *, size_t, size_t);
static int (*heap_dealloc)(void *), (*heap_owns)(void *);
static atomic_int misplaced;

static void *placed(void *block) {
    if (!block || (uintptr_t)block % ALIGNMENT || !heap_owns(block)) misplaced++;
    return block;
}

static void give_back(void *block) {
    if (block && !heap_dealloc(block)) misplaced++;
}

#define malloc(size) placed(heap_alloc(size, ALIGNMENT))
#define calloc(count, size) placed(heap_alloc_zeroed((count) * (size), ALIGNMENT))
#define realloc(block, size) placed(heap_realloc(block, size, ALIGNMENT))
#define free(block) give_back(block)
#define main stress
#include "fork_stress.c"
#undef main

static void *load(void *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(3);
    }
    heap_alloc = dlsym(library, "heapswap_heap_alloc");
    heap_alloc_zeroed = dlsym(library, "heapswap_heap_alloc_zeroed");
    heap_realloc = dlsym(library, "heapswap_heap_realloc");
    heap_dealloc = dlsym(library, "heapswap_heap_dealloc");
    heap_owns = dlsym(library, "heapswap_heap_owns");
    ((void (*)(void))dlsym(library, "heapswap_heap_start"))();
    return NULL;
}

int main(int count, char **words) {
    pthread_t loader;
    if (count != 2 || pthread_create(&loader, NULL, load, words[1]) || pthread_join(loader, NULL)) return 2;
    stress();
    printf("%d misplaced\n", misplaced);
    return 0;
}
