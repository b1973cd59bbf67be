/* everything_at_once THREADS ROUNDS FORKS: threads that live long and short ones, children that exit and that execute
 * another program, and a signal handler that allocates, all at once. Prints how many blocks of which size were asked
 * for. Needs a malloc that handlers may call (bump.c). */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int rounds;
static atomic_long worked, resized, handled, brief;

static void handle(int signal) {
    free(malloc(779));
    handled++;
}

static void *work(void *argument) {
    for (int i = 0; i < rounds; i++) {
        void *block = malloc(557);
        worked++;
        if (i % 7 == 0) {
            block = realloc(block, 331);
            resized++;
        }
        free(block);
    }
    return argument;
}

static void *shortly(void *argument) {
    free(malloc(443));
    brief++;
    return argument;
}

static void tick(long microseconds) {
    struct itimerval time = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &time, NULL);
}

int main(int count, char **words) {
    int threads = atoi(words[1]), forks = atoi(words[3]);
    rounds = atoi(words[2]);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    tick(100);
    pthread_t long_lived[threads], short_lived;
    for (int i = 0; i < threads; i++) pthread_create(&long_lived[i], NULL, work, NULL);
    for (int i = 0; i < 2 * threads; i++) {
        pthread_create(&short_lived, NULL, shortly, NULL);
        pthread_join(short_lived, NULL);
    }
    for (int i = 0; i < threads; i++) pthread_join(long_lived[i], NULL);
    tick(0);
    for (int i = 0; i < forks; i++) {
        pid_t child = fork();
        if (!child) {
            for (int k = 0; k < 100; k++) free(malloc(223));
            if (i % 2) _exit(0);
            execl("/bin/true", "true", (char *)NULL);
        }
        waitpid(child, NULL, 0);
    }
    printf("%ld %ld %ld %ld %d\n", (long)worked, (long)resized, (long)handled, (long)brief, 100 * forks);
}
