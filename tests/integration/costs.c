/* costs WAY [CALLS]: a program that is built to have one cost of memory, and no other. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 50000 };

static int calls;

static void *contend(void *argument) {
    void *kept[64] = {0};
    unsigned state = (unsigned)(size_t)argument;
    for (int i = 0; i < calls; i++) {
        state = state * 1103515245 + 12345;
        int place = (state >> 16) % 64;
        free(kept[place]);
        kept[place] = malloc(1100 + (state >> 8) % 4000);
    }
    return NULL;
}

static void *blocks[BLOCKS];

static void fill(int count, int pause) {
    for (int i = 0; i < count; i++) {
        blocks[i] = memset(malloc(2000), 1, 2000);
        if (i % (count / 100) == 0) usleep(pause);
    }
}

int main(int count, char **words) {
    switch (words[1][0]) {
    case 'w': { /* wait: little else than calls, for an allocator that is slow to let the next one in */
        calls = atoi(words[2]);
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, contend, (void *)(i + 1));
        for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
        return 0;
    }
    case 'a': { /* alone, then four at a time, each as often */
        calls = atoi(words[2]);
        contend((void *)1);
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, contend, (void *)(i + 1));
        for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
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
        usleep(4000000);
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
