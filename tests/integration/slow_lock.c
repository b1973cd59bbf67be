/* An allocator to be preloaded whose one lock is held while it sleeps: whoever else calls must wait, on any machine. */
#include <pthread.h>
#include <stddef.h>
#include <time.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *block);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take(void) {
    struct timespec moment = {0, 1000};
    pthread_mutex_lock(&lock);
    nanosleep(&moment, NULL);
}

void *malloc(size_t size) {
    take();
    void *block = __libc_malloc(size);
    pthread_mutex_unlock(&lock);
    return block;
}

void free(void *block) {
    take();
    __libc_free(block);
    pthread_mutex_unlock(&lock);
}
