/* costs WAY: a program that is built to have one cost of memory, and no other. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 6, BLOCKS = 50000 };

static void *contend(void *argument) {
    void *kept[64] = {0};
    unsigned state = (unsigned)(size_t)argument;
    for (int i = 0; i < 8000; i++) {
        state = state * 1103515245 + 12345;
        int place = (state >> 16) % 64;
        free(kept[place]);
        kept[place] = malloc(1100 + (state >> 8) % 4000);
    }
    return NULL;
}

static void *blocks[BLOCKS];
static atomic_int done;

static void *hold(void *argument) { /* malloc_trim keeps the arena's lock while it walks through what is free */
    while (!atomic_load(&done)) malloc_trim(0), usleep(10);
    return argument;
}

static void fill(int count, int pause) {
    for (int i = 0; i < count; i++) {
        blocks[i] = memset(malloc(2000), 1, 2000);
        if (i % (count / 100) == 0) usleep(pause);
    }
}

int main(int count, char **words) {
    switch (words[1][0]) {
    case 'w': { /* wait: the one arena is locked most of the time */
        pthread_t threads[THREADS], holder;
        for (int i = 0; i < BLOCKS; i++) blocks[i] = malloc(5000);
        for (int i = 0; i < BLOCKS; i += 2) free(blocks[i]);
        pthread_create(&holder, NULL, hold, NULL);
        for (size_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, contend, (void *)(i + 1));
        for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        atomic_store(&done, 1);
        pthread_join(holder, NULL);
        return 0;
    }
    case 'f': /* fault: every block is mapped, and given back */
        for (int i = 0; i < 3000; i++) free(memset(calloc(1, 40 << 20), 1, 5000));
        return 0;
    case 'c': { /* compute: allocates a little */
        volatile unsigned long sum = 0;
        for (int i = 0; i < 3000; i++) {
            void *block = malloc(100 + i % 50);
            for (int j = 0; j < 100000; j++) sum += j;
            free(block);
        }
        return 0;
    }
    case 'l': /* leak: whatever is asked for stays */
        fill(BLOCKS, 20000);
        _exit(0);
    case 'r': /* retain: everything but the topmost blocks is given back */
        fill(BLOCKS, 5000);
        for (int i = 0; i < BLOCKS; i++)
            if (i % 40) free(blocks[i]);
        usleep(2000000);
        _exit(0);
    case 's': /* steady: the same again and again */
        for (int round = 0; round < 8; round++) {
            fill(BLOCKS / 4, 1000);
            for (int i = 0; i < BLOCKS / 4; i++) free(blocks[i]);
        }
        return 0;
    }
    return 1;
}
