/* Broken on purpose: every block begins 8 bytes after a multiple of 16. */
#define NATURAL 24
#include SOUND
