/* Broken on purpose: a block that moves loses its last eight bytes. */
#define realloc sound_realloc
#include SOUND
#undef realloc

void *realloc(void *block, size_t size) {
    size_t room = malloc_usable_size(block);
    if (block == NULL || size == 0 || size <= room) return sound_realloc(block, size);
    void *moved = malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, block, room - 8);
    free(block);
    return moved;
}
