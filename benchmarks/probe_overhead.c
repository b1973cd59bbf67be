/* What one call of malloc or free takes more through whatever stands in front of glibc's, in nanoseconds, in each of
   THREADS threads at the same time. Short rounds of hot pairs alternate within one process, through malloc and free and
   past them, so that both have the same clock of the processor; what only happens at the beginning is over when they do. What
   is printed is the median over the rounds of the thread that loses most. probe_overhead THREADS ROUNDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAIRS = 10000, CALLS = 2 * PAIRS, MOST_THREADS = 16, MOST_ROUNDS = 4000 };

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

static pthread_barrier_t start;
static int rounds;
static double more[MOST_THREADS][MOST_ROUNDS];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define HOT(name, allocate, release)                                  \
    __attribute__((noinline, aligned(64))) static double name(void) { \
        double begun = now();                                         \
        for (int i = 0; i < PAIRS; i++) {                             \
            void *block = allocate(48);                               \
            release(block);                                           \
        }                                                             \
        return now() - begun;                                         \
    }

HOT(through, malloc, free)
HOT(past, __libc_malloc, __libc_free)

static int compare(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void *work(void *argument) {
    double *mine = argument;
    pthread_barrier_wait(&start);
    for (int round = 0; round < rounds; round++) through();
    for (int round = 0; round < rounds; round++) {
        double without = round % 2 ? past() : 0, with = through();
        if (round % 2 == 0) without = past();
        mine[round] = (with - without) / CALLS;
    }
    qsort(mine, rounds, sizeof *mine, compare);
    return NULL;
}

int main(int count, char **words) {
    int threads = atoi(words[1]);
    rounds = atoi(words[2]);
    if (count != 3 || threads < 1 || threads > MOST_THREADS || rounds < 1 || rounds > MOST_ROUNDS) return 2;
    pthread_t made[MOST_THREADS];
    double slowest = -1e9;
    pthread_barrier_init(&start, NULL, threads);
    for (int i = 1; i < threads; i++) pthread_create(&made[i], NULL, work, more[i]);
    work(more[0]);
    for (int i = 1; i < threads; i++) pthread_join(made[i], NULL);
    for (int i = 0; i < threads; i++) slowest = more[i][rounds / 2] > slowest ? more[i][rounds / 2] : slowest;
    printf("%.4f\n", slowest);
    return 0;
}
