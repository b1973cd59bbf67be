/* A service whose allocations are known: usage serving PORT KIND. It answers each byte that it receives with one byte.
 *
 * contend    A request allocates batches of blocks and swaps each batch with whoever else works: blocks are freed by another
 *            thread than the one that allocated them.
 * idle       A request does nothing.
 * leak       A request keeps 1 MiB of the 8 MiB that it allocated, for ever.
 * retain     A request shrinks its 400 buffers to 64 bytes each, and the next one needs larger buffers. An allocator that
 *            shrinks in place is left with free memory between them that is too small to be used again.
 * steady     A request frees what it allocated.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 256, WORK = 10, SWAPS = 200, PINS = 400, BLOCK = 4096, BLOCKS = 2048, KEPT = 256 };

static _Atomic(void **) mailbox;
static atomic_int requests;

static uint32_t work(uint32_t seed) {
    for (int i = 0; i < WORK; i++)
        seed = seed * 1664525u + 1013904223u;
    return seed;
}

static void contend(uint32_t *seed) {
    for (int swap = 0; swap < SWAPS; swap++) {
        void **batch = malloc(BATCH * sizeof *batch);
        for (int i = 0; i < BATCH; i++) {
            *seed = work(*seed);
            /* Larger than what glibc's threads keep to themselves. */
            batch[i] = malloc(1100 + (*seed >> 16) % 3000);
        }
        void **other = atomic_exchange(&mailbox, batch);
        if (other == NULL)
            continue;
        for (int i = 0; i < BATCH; i++)
            free(other[i]);
        free(other);
    }
}

static void *volatile lost;

static void blocks(int kept) {
    void *mine[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        mine[i] = memset(malloc(BLOCK), i, BLOCK);
    for (int i = 0; i < BLOCKS - kept; i++)
        free(mine[i]);
    for (int i = BLOCKS - kept; i < BLOCKS; i++)
        lost = mine[i];
}

static void retain(int request) {
    size_t size = 16384 + 1024 * (size_t)request;
    void *mine[PINS];
    for (int i = 0; i < PINS; i++)
        mine[i] = memset(malloc(size), i, size);
    for (int i = 0; i < PINS; i++)
        lost = realloc(mine[i], 64);
}

static const char *kind;

static void *serve(void *argument) {
    int connection = (int)(intptr_t)argument;
    uint32_t seed = (uint32_t)connection;
    char byte;
    while (read(connection, &byte, 1) == 1) {
        int request = atomic_fetch_add(&requests, 1);
        if (!strcmp(kind, "contend"))
            contend(&seed);
        else if (!strcmp(kind, "leak"))
            blocks(KEPT);
        else if (!strcmp(kind, "steady"))
            blocks(0);
        else if (!strcmp(kind, "retain"))
            retain(request);
        if (write(connection, &byte, 1) != 1)
            break;
    }
    close(connection);
    return NULL;
}

int main(int count, char **words) {
    if (count != 3)
        return 2;
    kind = words[2];
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(words[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64))
        return 3;
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection))
            return 4;
        pthread_detach(thread);
    }
}
