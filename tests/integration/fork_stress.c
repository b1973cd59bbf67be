/* 150 forks while three threads allocate and 40 thread-specific keys have destructors that allocate and free. Every
   child allocates, starts a thread of its own and ends. A lock that a fork left taken would hang here; a block that
   went wrong shows in its pattern. Prints one line. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKS = 150, THREADS = 3, KEYS = 40, SLOTS = 256 };

static pthread_key_t keys[KEYS];
static atomic_int stop, wrong;

static void at_thread_end(void *block) {
    free(block);
    free(calloc(3, 50));
    free(realloc(malloc(20), 5000));
}

static void churn(int rounds, uint32_t random) {
    unsigned char *slots[SLOTS] = {0};
    size_t sizes[SLOTS];
    for (int i = 0; i < rounds; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned slot = (random >> 16) % SLOTS;
        if (slots[slot] && (slots[slot][0] != (unsigned char)slot || slots[slot][sizes[slot] - 1] != (unsigned char)slot)) wrong++;
        free(slots[slot]);
        sizes[slot] = 1 + (random >> 8) % ((random & 63) ? 700 : 70000);
        slots[slot] = malloc(sizes[slot]);
        memset(slots[slot], (int)slot, sizes[slot]);
    }
    for (int slot = 0; slot < SLOTS; slot++) free(slots[slot]);
}

static void *short_thread(void *unused) {
    for (int key = 0; key < KEYS; key++) pthread_setspecific(keys[key], malloc(64));
    churn(300, (uint32_t)(uintptr_t)&unused);
    return NULL;
}

static void *allocating_thread(void *seed) {
    while (!stop) {
        pthread_t thread;
        churn(500, (uint32_t)(uintptr_t)seed);
        if (pthread_create(&thread, NULL, short_thread, NULL) == 0) pthread_join(thread, NULL);
    }
    return NULL;
}

static int child(void) {
    pthread_t thread;
    churn(1000, (uint32_t)getpid());
    if (pthread_create(&thread, NULL, short_thread, NULL) || pthread_join(thread, NULL)) return 2;
    return wrong != 0;
}

int main(void) {
    pthread_t threads[THREADS];
    int failed = 0;
    for (int key = 0; key < KEYS; key++) pthread_key_create(&keys[key], at_thread_end);
    for (uintptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, allocating_thread, (void *)(i + 1));
    for (int i = 0; i < FORKS; i++) {
        void *before = malloc(300);
        pid_t pid = fork();
        if (pid == 0) {
            free(before);
            _exit(child());
        }
        int status = 0;
        free(before);
        failed += waitpid(pid, &status, 0) != pid || status != 0;
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    printf("%d forks, %d failed, %d wrong blocks\n", FORKS, failed, wrong);
    return 0;
}
