/* A program with a malloc of its own, as rustc has. */
#include <stddef.h>

static char memory[1 << 20];
static size_t used;

void *malloc(size_t size) {
    void *block = memory + used;
    used += (size + 15) / 16 * 16;
    return used > sizeof memory ? NULL : block;
}

void free(void *block) { (void)block; }

int main(void) { return malloc(1) ? 0 : 1; }
