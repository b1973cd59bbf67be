/* ends WAY [COUNT]: one way to end, or to become several. Everything allocates where allocating is a trial. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void some(int count) {
    for (int i = 0; i < count; i++) free(malloc(i * 17 % 3000));
}

static void *thread(void *argument) {
    some(3);
    return argument;
}

static pthread_key_t keys[40];

static void destroy(void *block) {
    free(block);
    some(5);
}

static void *with_keys(void *argument) {
    for (int i = 0; i < 40; i++) pthread_setspecific(keys[i], malloc(100 + i));
    return argument;
}

static volatile sig_atomic_t handled;

static void handler(int number) {
    void *block = malloc(1234);
    free(realloc(block, 4321));
    handled++;
}

static void in_threads(int count, void *(*work)(void *)) {
    for (int i = 0; i < count; i++) {
        pthread_t one;
        if (pthread_create(&one, NULL, work, NULL)) abort();
        pthread_join(one, NULL);
    }
}

static void children(pid_t (*make)(void)) {
    void *held = malloc(100000);
    for (int i = 0; i < 5; i++) {
        pid_t child = make();
        if (child == 0) {
            some(10);
            _exit(i);
        }
        int status;
        waitpid(child, &status, 0);
        if (WEXITSTATUS(status) != i) exit(9);
    }
    free(held);
}

static volatile int over;

static void *busy(void *argument) {
    while (!over) some(20);
    return argument;
}

/* Forks beside threads that allocate: each child allocates, starts a thread and ends. */
static void storm(int count) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, busy, NULL);
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            some(10);
            in_threads(1, thread);
            _exit(i % 50);
        }
        int status;
        waitpid(child, &status, 0);
        if (WEXITSTATUS(status) != i % 50) exit(9);
    }
    over = 1;
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
}

/* Everything that an address space of 300 MiB holds, and then on. */
static void exhaust(void) {
    struct rlimit limit = {300 << 20, 300 << 20};
    setrlimit(RLIMIT_AS, &limit);
    void *blocks[1000];
    int count = 0;
    while (count < 1000 && (blocks[count] = malloc(1 << 20))) count++;
    printf("exhausted %d %d\n", count > 100 && count < 300, errno == ENOMEM);
    while (count) free(blocks[--count]);
    in_threads(20, thread);
    some(100);
}

static pid_t raw_clone(void) { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

int main(int words_count, char **words) {
    const char *way = words[1];
    int count = words_count > 2 ? atoi(words[2]) : 300;
    some(50);
    if (!strcmp(way, "exit")) {
        puts("said");
        return 3;
    }
    if (!strcmp(way, "_exit")) _exit(4);
    if (!strcmp(way, "closed")) {
        for (int i = 0; i < 10; i++) close(i);
        some(10);
        FILE *file = fopen("/dev/null", "w");
        if (!file || fileno(file) != 0) return 9; /* the lowest descriptor is free */
        in_threads(2, thread);
        return dup(0) == 1 ? 5 : 9;
    }
    if (!strcmp(way, "exec")) {
        char *next[] = {words[0], "exit", NULL};
        execv(words[0], next);
    }
    if (!strcmp(way, "fork")) children(fork);
    if (!strcmp(way, "_Fork")) children(_Fork);
    if (!strcmp(way, "clone")) children(raw_clone);
    if (!strcmp(way, "vfork")) {
        for (int i = 0; i < 20; i++) {
            pid_t child = vfork();
            if (child == 0) {
                execl(words[0], words[0], "_exit", NULL);
                _exit(9);
            }
            int status;
            waitpid(child, &status, 0);
            if (WEXITSTATUS(status) != 4) return 9;
            char *next[] = {words[0], "exit", NULL};
            posix_spawn_file_actions_t quiet;
            posix_spawn_file_actions_init(&quiet);
            posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
            if (posix_spawn(&child, words[0], &quiet, NULL, next, environ)) return 9;
            posix_spawn_file_actions_destroy(&quiet);
            waitpid(child, &status, 0);
            if (WEXITSTATUS(status) != 3) return 9;
        }
    }
    if (!strcmp(way, "signals")) {
        signal(SIGALRM, handler);
        struct itimerval often = {{0, 100}, {0, 100}};
        setitimer(ITIMER_REAL, &often, NULL);
        sigset_t alarm, before;
        sigemptyset(&alarm);
        sigaddset(&alarm, SIGALRM);
        /* malloc must not be interrupted by malloc, but what the probe does around it may be: the handler runs in the
         * gaps, and in the first calls of threads. */
        while (handled < 200) {
            sigprocmask(SIG_BLOCK, &alarm, &before);
            void *block = malloc(100);
            sigprocmask(SIG_SETMASK, &before, NULL);
            sigprocmask(SIG_BLOCK, &alarm, &before);
            free(block);
            sigprocmask(SIG_SETMASK, &before, NULL);
        }
    }
    if (!strcmp(way, "short-threads")) in_threads(count, thread);
    if (!strcmp(way, "storm")) storm(count);
    if (!strcmp(way, "exhaust")) exhaust();
    if (!strcmp(way, "huge")) {
        volatile size_t sizes[] = {(size_t)1 << 40, (size_t)1 << 62, (size_t)-1, (size_t)-600};
        int failed = 0;
        for (int i = 0; i < 4; i++) failed += !malloc(sizes[i]) + !calloc(sizes[i], 2) + !realloc(NULL, sizes[i]);
        some(100);
        printf("failed %d %d\n", failed >= 9, errno == ENOMEM);
    }
    if (!strcmp(way, "dlopen"))
        for (int i = 0; i < count; i++) {
            void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
            void *other = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
            if (!library || !other || !dlsym(library, "cos") || dlsym(other, "no_such_name") || !dlerror()) return 9;
            some(2);
            dlclose(other);
            dlclose(library);
        }
    if (!strcmp(way, "destructors")) {
        for (int i = 0; i < 40; i++) pthread_key_create(&keys[i], destroy);
        in_threads(50, with_keys);
    }
    if (!strcmp(way, "peak")) {
        void *blocks[100];
        for (int i = 0; i < 100; i++) blocks[i] = malloc(10000);
        for (int i = 0; i < 100; i++) free(blocks[i]);
    }
    return 0;
}
