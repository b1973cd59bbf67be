/* ends WAY: one way to end, or to become several. Everything allocates where allocating is a trial. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static pid_t raw_clone(void) { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }

int main(int count, char **words) {
    const char *way = words[1];
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
    if (!strcmp(way, "short-threads")) in_threads(300, thread);
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
