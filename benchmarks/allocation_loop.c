/* What one malloc and its free cost, in nanoseconds: a hot pair of one small block, and a batch of many live blocks.
   Prints two numbers, the least of several rounds each: "pair batch". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 8, PAIRS = 1000000, BATCHES = 400, LIVE = 1000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double pair(void) {
    double start = now();
    for (int i = 0; i < PAIRS; i++) {
        void *block = malloc(48);
        free(block);
    }
    return (now() - start) / PAIRS;
}

static double batch(void) {
    static void *blocks[LIVE];
    uint32_t random = 1;
    double start = now();
    for (int i = 0; i < BATCHES; i++) {
        for (int k = 0; k < LIVE; k++) {
            random = random * 1664525u + 1013904223u;
            blocks[k] = malloc(16 + (random >> 22) % 1008); /* 16 to 1023 bytes */
        }
        for (int k = 0; k < LIVE; k++) free(blocks[k]);
    }
    return (now() - start) / BATCHES / LIVE;
}

static double least(double (*measure)(void)) {
    double best = measure();
    for (int i = 1; i < ROUNDS; i++) {
        double value = measure();
        if (value < best) best = value;
    }
    return best;
}

int main(void) {
    printf("%.4f ", least(pair));
    printf("%.4f\n", least(batch));
    return 0;
}
