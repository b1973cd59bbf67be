/* first_call FUNCTION: the thread's first block comes from malloc, calloc or realloc; then many small ones from malloc. */
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
    char *function = count > 1 ? arguments[1] : "malloc";
    void *first = !strcmp(function, "calloc")    ? calloc(1, 100)
                  : !strcmp(function, "realloc") ? realloc(NULL, 100)
                                                 : malloc(100);
    for (int i = 0; i < 100000; i++) free(malloc(100 + i % 2));
    free(first);
    return 0;
}
