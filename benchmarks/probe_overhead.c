/* What one malloc with its free costs, in nanoseconds, in each of THREADS threads at the same time: the least of many
   short rounds, of the slowest thread. probe_overhead THREADS ROUNDS */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PAIRS = 50000, MOST = 16 };

static pthread_barrier_t start;
static int rounds;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *work(void *argument) {
    double *best = argument;
    *best = 1e9;
    pthread_barrier_wait(&start);
    for (int round = 0; round < rounds; round++) {
        double begun = now();
        for (int i = 0; i < PAIRS; i++) {
            void *block = malloc(48);
            free(block);
        }
        double took = (now() - begun) / PAIRS;
        if (took < *best) *best = took;
    }
    return NULL;
}

int main(int count, char **words) {
    int threads = atoi(words[1]);
    rounds = atoi(words[2]);
    pthread_t made[MOST];
    double best[MOST], slowest = 0;
    pthread_barrier_init(&start, NULL, threads);
    for (int i = 1; i < threads; i++) pthread_create(&made[i], NULL, work, &best[i]);
    work(&best[0]);
    for (int i = 1; i < threads; i++) pthread_join(made[i], NULL);
    for (int i = 0; i < threads; i++) slowest = best[i] > slowest ? best[i] : slowest;
    printf("%.4f\n", slowest);
    return 0;
}
