/* threads COUNT ROUNDS [FOREVER]: threads that allocate, resize and free, each others' blocks too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES = 512 };
static _Atomic(void *) places[PLACES];
static long rounds;

static void *work(void *argument) {
    uint64_t state = (uintptr_t)argument * 2654435761u + 1;
    for (long i = 0; rounds < 0 || i < rounds; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        size_t size = (state >> 40) % ((state >> 33) % 64 ? 600 : 200000);
        void *block = (state >> 20) % 3 ? malloc(size) : calloc(1, size);
        if ((state >> 50) % 4 == 0) block = realloc(block, size / 2 + 1);
        void *old = atomic_exchange(&places[(state >> 24) % PLACES], block);
        free(old);
    }
    return NULL;
}

int main(int count, char **words) {
    int number = atoi(words[1]);
    rounds = atol(words[2]);
    pthread_t threads[64];
    if (write(1, "ready\n", 6) != 6) return 2;
    for (int i = 0; i < number; i++) pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < number; i++) pthread_join(threads[i], NULL);
    return 0;
}
