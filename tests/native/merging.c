/* A hundred thousand blocks in glibc's fast bins, then one block of 300 bytes is freed beside 100,000 free bytes. */
#include <stdlib.h>
#include <string.h>

enum { SMALL = 200000, CACHED = 7 };

static void *volatile small[SMALL], *cached[CACHED];

int main(int count, char **arguments) {
    int before = count > 1 && !strcmp(arguments[1], "before");
    for (int i = 0; i < CACHED; i++) cached[i] = malloc(300);
    void *first = malloc(before ? 100000 : 300);
    void *second = malloc(before ? 300 : 100000);
    /* Nothing may be merged into what is left of the heap. */
    void *volatile last = malloc(5000);
    for (int i = 0; i < SMALL; i++) small[i] = malloc(40);
    for (int i = 0; i < CACHED; i++) free(cached[i]);
    free(before ? first : second);
    for (int i = 0; i < SMALL; i += 2) free(small[i]);
    free(before ? second : first);
    return last == NULL;
}
