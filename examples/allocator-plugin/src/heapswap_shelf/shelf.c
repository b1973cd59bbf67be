/* shelf: a small malloc that is whole and correct, and no more. An example of what heapswap takes as a plugin.

   Small blocks stand on shelves, one for each size class (four classes a doubling): a list of free blocks, and the rest
   of a chunk from mmap that new ones are cut from. Large blocks are mappings of their own. In front of every block are
   16 bytes that say how large its place is and how far in the block begins. A lock guards each shelf; a fork holds all
   of them, so that the child finds none taken. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef NATURAL
#define NATURAL 16 /* every block begins at a multiple of this, and so many bytes after its head */
#endif
#define SMALLEST 64 /* so that every class is a multiple of 16 */
#define LARGEST 65536 /* of what stands on a shelf */
#define SHELVES 41
#define CHUNK (1 << 20)

const char shelf_version[] = "shelf 1.0";

struct head {
    size_t place; /* bytes of the whole place, this head included */
    size_t into;  /* bytes from the beginning of the place to the block */
};

struct spare {
    struct spare *next;
};

static struct shelf {
    pthread_mutex_t lock;
    struct spare *spares;
    char *rest, *end; /* of the chunk that new places are cut from */
} shelves[SHELVES];

static struct head *head_of(void *block) { return (struct head *)((char *)block - sizeof(struct head)); }

static void *failed(int error) {
    errno = error;
    return NULL;
}

/* ---- size classes ---- */

/* The class of a place: 64, 80, 96, 112, 128, 160, … 65536. With `place` rounded up to the size of its class. */
static unsigned class_of(size_t *place) {
    size_t size = *place < SMALLEST ? SMALLEST : *place;
    unsigned doubling = 63 - __builtin_clzl(size);
    size_t step = (size_t)1 << (doubling - 2), low = (size_t)1 << doubling;
    unsigned quarter = (unsigned)((size - low + step - 1) / step);
    *place = low + quarter * step;
    return (doubling - 6) * 4 + quarter;
}

static size_t size_of(unsigned class) {
    size_t low = (size_t)SMALLEST << class / 4;
    return low + class % 4 * (low / 4);
}

/* ---- places ---- */

static char *map(size_t size) {
    char *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

/* A new chunk for a shelf whose lock is held; where the system has no more memory, a spare place of a larger class. */
static int restock(unsigned class) {
    struct shelf *shelf = &shelves[class];
    size_t size = CHUNK;
    char *chunk = map(size);
    for (unsigned larger = class + 4; chunk == NULL && larger < SHELVES; larger++) {
        struct shelf *lender = &shelves[larger];
        /* Never wait for a second lock: a thread that holds it may be waiting for the first. */
        if (pthread_mutex_trylock(&lender->lock)) continue;
        if (lender->spares) {
            chunk = (char *)lender->spares;
            lender->spares = lender->spares->next;
            size = size_of(larger);
        }
        pthread_mutex_unlock(&lender->lock);
    }
    if (chunk == NULL) return 0;
    shelf->rest = chunk;
    shelf->end = chunk + size;
    return 1;
}

static char *take(size_t *place) {
    struct shelf *shelf;
    char *taken = NULL;
    unsigned class = class_of(place);
    shelf = &shelves[class];
    pthread_mutex_lock(&shelf->lock);
    if (shelf->spares) {
        taken = (char *)shelf->spares;
        shelf->spares = shelf->spares->next;
    } else if ((size_t)(shelf->end - shelf->rest) >= *place || restock(class)) {
        taken = shelf->rest;
        shelf->rest += *place;
    }
    pthread_mutex_unlock(&shelf->lock);
    return taken;
}

static void put_back(char *place, size_t size) {
    struct shelf *shelf = &shelves[class_of(&size)];
    pthread_mutex_lock(&shelf->lock);
    ((struct spare *)place)->next = shelf->spares;
    shelf->spares = (struct spare *)place;
    pthread_mutex_unlock(&shelf->lock);
}

/* A block at a multiple of `alignment`, a power of two; *is_fresh says that it is zero already. */
static void *block_at(size_t alignment, size_t size, int *is_fresh) {
    size_t pages = (size_t)getpagesize(), before = NATURAL;
    if (size > PTRDIFF_MAX - 4 * pages || alignment > PTRDIFF_MAX - size - 4 * pages) return failed(ENOMEM);
    size_t place = before + size + (alignment > NATURAL ? alignment : 0);
    char *start;
    *is_fresh = place > LARGEST;
    if (place > LARGEST) {
        place = (place + pages - 1) / pages * pages;
        start = map(place);
    } else {
        start = take(&place);
    }
    if (start == NULL) return failed(ENOMEM);
    char *block = start + before;
    if (alignment > NATURAL) block = (char *)(((uintptr_t)block + alignment - 1) & ~(uintptr_t)(alignment - 1));
    *head_of(block) = (struct head){.place = place, .into = (size_t)(block - start)};
    return block;
}

/* ---- the family ---- */

void *malloc(size_t size) {
    int is_fresh;
    return block_at(NATURAL, size, &is_fresh);
}

void free(void *block) {
    if (block == NULL) return;
    struct head head = *head_of(block);
    char *start = (char *)block - head.into;
    if (head.place <= LARGEST) {
        put_back(start, head.place);
        return;
    }
    int kept = errno;
    munmap(start, head.place);
    errno = kept;
}

size_t malloc_usable_size(void *block) { return block ? head_of(block)->place - head_of(block)->into : 0; }

void *calloc(size_t count, size_t size) {
    size_t total;
    int is_fresh;
    if (__builtin_mul_overflow(count, size, &total)) return failed(ENOMEM);
    void *block = block_at(NATURAL, total, &is_fresh);
    if (block && !is_fresh) memset(block, 0, total);
    return block;
}

void *realloc(void *block, size_t size) {
    if (block == NULL) return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    size_t room = malloc_usable_size(block);
    if (size <= room && size >= room / 2) return block;
    void *moved = malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, block, size < room ? size : room);
    free(block);
    return moved;
}

void *reallocarray(void *block, size_t count, size_t size) {
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? failed(ENOMEM) : realloc(block, total);
}

static int is_power_of_two(size_t number) { return number && (number & (number - 1)) == 0; }

void *memalign(size_t alignment, size_t size) {
    int is_fresh;
    return is_power_of_two(alignment) ? block_at(alignment, size, &is_fresh) : failed(EINVAL);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **place, size_t alignment, size_t size) {
    int kept = errno;
    if (!is_power_of_two(alignment) || alignment < sizeof(void *)) return EINVAL;
    void *block = memalign(alignment, size);
    errno = kept;
    if (block == NULL) return ENOMEM;
    *place = block;
    return 0;
}

void *valloc(size_t size) { return memalign((size_t)getpagesize(), size); }

void *pvalloc(size_t size) {
    size_t page = (size_t)getpagesize();
    return size > PTRDIFF_MAX - page ? failed(ENOMEM) : valloc((size + page - 1) / page * page);
}

void free_sized(void *block, size_t size) {
    (void)size;
    free(block);
}

void free_aligned_sized(void *block, size_t alignment, size_t size) {
    (void)alignment;
    free_sized(block, size);
}

/* ---- forks ---- */

static void hold_all(void) {
    for (unsigned class = 0; class < SHELVES; class++) pthread_mutex_lock(&shelves[class].lock);
}

static void let_all_go(void) {
    for (unsigned class = 0; class < SHELVES; class++) pthread_mutex_unlock(&shelves[class].lock);
}

__attribute__((constructor)) static void begin(void) { pthread_atfork(hold_all, let_all_go, let_all_go); }
