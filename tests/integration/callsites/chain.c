/* `large` asks for three quarters of all bytes, `small` for a quarter; both are called by `middle`. */
#include <stdlib.h>

static void *volatile kept;

__attribute__((noinline)) void *small(void) {
    void *block = malloc(1000);
    kept = block;
    return block;
}

__attribute__((noinline)) void *large(void) {
    void *block = malloc(3000);
    kept = block;
    return block;
}

__attribute__((noinline)) void middle(void) {
    void *one = small();
    void *other = large();
    free(one);
    free(other);
}

__attribute__((noinline)) void outer(int rounds) {
    volatile char room[700];
    for (int k = 0; k < rounds; k++) {
        room[k % 700] = 1;
        middle();
    }
}

int main(void) {
    outer(40000);
    return 0;
}
