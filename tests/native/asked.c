/* asked ROUNDS: blocks of all small sizes, half of which are asked for their size right before they are freed. The exit
   is silent; standard output has the usable bytes of what is left. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES = 256 };
static void *places[PLACES];
static volatile size_t answer;

int main(int count, char **words) {
    uint64_t state = 1;
    for (long i = 0; i < atol(words[1]); i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        void **place = &places[(state >> 40) % PLACES];
        if (state >> 63) answer = malloc_usable_size(*place);
        if ((state >> 60) % 4 == 3) free(malloc(state >> 57));
        free(*place);
        *place = malloc((state >> 20) % 1500);
    }
    size_t left = 0;
    for (int i = 0; i < PLACES; i++) left += malloc_usable_size(places[i]);
    char text[32];
    int length = snprintf(text, sizeof text, "%zu", left);
    return write(1, text, length) != length;
}
