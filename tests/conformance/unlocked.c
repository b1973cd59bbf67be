/* Broken on purpose: threads meet at the shelves, and nobody locks. */
#define _GNU_SOURCE
#include <pthread.h>
#define pthread_mutex_lock(mutex) ((void)(mutex))
#define pthread_mutex_trylock(mutex) ((void)(mutex), 0)
#define pthread_mutex_unlock(mutex) ((void)(mutex))
#include SOUND
