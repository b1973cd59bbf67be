/* A library that is loaded, asks for memory, and is gone. */
#include <stdlib.h>

#ifndef NAME
#define NAME of_the_first
#endif

static void *volatile kept;

__attribute__((noinline)) void NAME(int rounds) {
    for (int k = 0; k < rounds; k++) {
        void *block = malloc(500);
        kept = block;
        free(block);
    }
}

void work(int rounds) {
    NAME(rounds);
    kept = 0;
}
