/* A million small blocks, and a few large ones among them. */
#include <stdlib.h>

int main(void) {
    for (int i = 0; i < 500000; i++) {
        free(malloc(16 + i % 900));
        if (i % 25000 == 0) free(malloc(70000));
    }
    return 0;
}
