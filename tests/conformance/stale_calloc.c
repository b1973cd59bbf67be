/* Broken on purpose: calloc trusts that memory is zero, which it is only the first time. */
#define calloc sound_calloc
#include SOUND
#undef calloc

void *calloc(size_t count, size_t size) {
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? failed(ENOMEM) : malloc(total);
}
