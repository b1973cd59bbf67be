/* Blocks whose lives are known. lives WAY [PERCENT]
   mix      40 bytes freed at once, 100 bytes after 64 rounds, 3,000 bytes after 1,024 rounds; three allocations a round
   kept     200 bytes, every second one never freed
   resized  2,000 bytes that a realloc moved to, freed at once
   pairs    blocks of which PERCENT are freed by another thread
   fork     a child that frees what its parent has allocated, and lives like mix
   crowd    one thread, then four in turn */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 200000, SHORT = 64, LONG = 1024, RING = 256, THREADS = 4 };

static void mix(int rounds) {
    static void *some[SHORT], *many[LONG];
    for (int i = 0; i < rounds; i++) {
        free(malloc(40));
        free(some[i % SHORT]);
        some[i % SHORT] = malloc(100);
        free(many[i % LONG]);
        many[i % LONG] = malloc(3000);
    }
}

static void kept(void) {
    for (int i = 0; i < 4 * ROUNDS; i++) {
        void *block = malloc(200);
        if (i % 2) free(block);
    }
}

static void resized(void) {
    for (int i = 0; i < ROUNDS; i++) {
        void *block = malloc(70), *behind = malloc(70);
        block = realloc(block, 2000);
        free(block);
        free(behind);
    }
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static void *ring[RING];
static int put, taken;

static void *consume(void *unused) {
    for (;;) {
        pthread_mutex_lock(&lock);
        while (put == taken) pthread_cond_wait(&moved, &lock);
        void *block = ring[taken++ % RING];
        pthread_cond_broadcast(&moved);
        pthread_mutex_unlock(&lock);
        if (!block) return unused;
        free(block);
    }
}

static void produce(void *block) {
    pthread_mutex_lock(&lock);
    while (put - taken == RING) pthread_cond_wait(&moved, &lock);
    ring[put++ % RING] = block;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void pairs(int percent) {
    pthread_t consumer;
    pthread_create(&consumer, NULL, consume, NULL);
    for (int i = 0; i < ROUNDS / 4; i++) {
        void *block = malloc(300);
        if (i * 37 % 100 < percent) produce(block);
        else free(block);
    }
    produce(NULL);
    pthread_join(consumer, NULL);
}

static void forked(void) {
    enum { HELD = 100000 };
    static void *held[HELD];
    for (int i = 0; i < HELD; i++) held[i] = malloc(500);
    if (fork() == 0) {
        for (int i = 0; i < HELD; i++) free(held[i]);
        mix(6 * ROUNDS); /* of small blocks few are drawn */
        _exit(0);
    }
    wait(NULL);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static pthread_mutex_t token = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
static size_t turn;
static double end;

static void *in_turn(void *number) {
    for (int over = 0; !over;) {
        pthread_mutex_lock(&token);
        while (turn % THREADS != (size_t)number) pthread_cond_wait(&passed, &token);
        for (int i = 0; i < 100; i++) free(malloc(100));
        over = now() > end;
        turn++;
        pthread_cond_broadcast(&passed);
        pthread_mutex_unlock(&token);
    }
    return number;
}

static void crowd(void) {
    pthread_t made[THREADS];
    end = now() + 0.3;
    while (now() < end) free(malloc(100));
    end = now() + 0.3;
    for (size_t i = 0; i < THREADS; i++) pthread_create(&made[i], NULL, in_turn, (void *)i);
    for (int i = 0; i < THREADS; i++) pthread_join(made[i], NULL);
}

int main(int count, char **words) {
    const char *way = words[1];
    if (!strcmp(way, "mix")) mix(ROUNDS);
    if (!strcmp(way, "kept")) kept();
    if (!strcmp(way, "resized")) resized();
    if (!strcmp(way, "pairs")) pairs(atoi(words[count - 1]));
    if (!strcmp(way, "fork")) forked();
    if (!strcmp(way, "crowd")) crowd();
    return 0;
}
