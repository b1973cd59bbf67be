/* holders HOW: memory of one holder, then a line on standard output, then until standard input ends.
   heap      60 MiB of small blocks, freed but for the last one: kept by the main arena
   arena     the same by another thread, in an arena of its own
   large     a block of 40 MiB, written to
   untouched a block of 40 MiB, not written to
   own       40 MiB that the program maps itself
   stack     30 MiB of a thread's stack
   static    30 MiB of static data, written to */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS = 30000, SIZE = 2000, MIB = 1 << 20 };

static char zero[30 * MIB];
static void *blocks[BLOCKS];
static pthread_barrier_t done, end;

static void *keep(void *unused) {
    for (int i = 0; i < BLOCKS; i++) blocks[i] = memset(malloc(SIZE), 1, SIZE);
    for (int i = 0; i < BLOCKS - 1; i++) free(blocks[i]);
    return unused;
}

static void *keep_there(void *unused) {
    keep(unused);
    pthread_barrier_wait(&done);
    pthread_barrier_wait(&end);
    return unused;
}

static void *deep(void *unused) {
    volatile char frame[30 * MIB];
    memset((char *)frame, 1, sizeof frame);
    pthread_barrier_wait(&done);
    pthread_barrier_wait(&end);
    return frame[0] ? unused : NULL;
}

static void in_thread(void *(*work)(void *)) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_barrier_init(&done, NULL, 2);
    pthread_barrier_init(&end, NULL, 2);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 40 * MIB);
    pthread_create(&thread, &attributes, work, NULL);
    pthread_barrier_wait(&done);
}

int main(int count, char **words) {
    switch (words[1][0]) {
    case 'h': keep(NULL); break;
    case 'a': in_thread(keep_there); break;
    case 'l': memset(malloc(40 * MIB), 1, 40 * MIB); break;
    case 'u': *(volatile char *)malloc(40 * MIB) = 1; break;
    case 'o': memset(mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 40 * MIB); break;
    case 's':
        if (words[1][2] == 'a' && words[1][3] == 'c') in_thread(deep);
        else memset(zero, 1, sizeof zero);
    }
    puts("there");
    fflush(stdout);
    return getchar() == EOF ? 0 : count;
}
