/* A program that takes the address of malloc; built at a fixed address, that is its own call stub. */
#include <stdlib.h>

int main(void) {
    void *(*volatile taken)(size_t) = malloc;
    return taken(1) ? 0 : 1;
}
