/* Allocates where a stack is not what it usually is: on stacks that end at pages that cannot be read, in a signal handler
   on a stack of its own, in small threads, and with a frame pointer that leads nowhere. Prints one line. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { ROUNDS = 4000, PAGE = 4096 };

static void *volatile kept;

__attribute__((noinline)) static void requests(void) {
    for (int k = 0; k < ROUNDS; k++) {
        void *block = malloc(200);
        kept = block;
        free(block);
    }
}

__attribute__((noinline)) void on_a_coroutine(void) { requests(); }
__attribute__((noinline)) void in_a_handler(int signal) { (void)signal; requests(); }
__attribute__((noinline)) void *in_a_thread(void *nothing) { requests(); return nothing; }

/* Readable pages with one that is not on either side. */
static char *between_guards(size_t pages) {
    char *all = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(all + PAGE, pages * PAGE, PROT_READ | PROT_WRITE);
    return all + PAGE;
}

static void coroutine(void) {
    ucontext_t here, there;
    char *stack = between_guards(8);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = 8 * PAGE;
    there.uc_link = &here;
    makecontext(&there, on_a_coroutine, 0);
    swapcontext(&here, &there);
    munmap(stack - PAGE, 10 * PAGE);
}

static void handler(void) {
    stack_t own = {.ss_sp = between_guards(8), .ss_size = 8 * PAGE};
    sigaltstack(&own, NULL);
    struct sigaction action = {.sa_handler = in_a_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void threads(void) {
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    for (int k = 0; k < 20; k++) {
        pthread_t thread;
        pthread_create(&thread, &small, in_a_thread, NULL);
        pthread_join(thread, NULL);
    }
}

#ifdef __x86_64__
__attribute__((noinline)) void without_a_frame_pointer(void) {
    __asm__ volatile("mov %%rsp, %%r12\n and $-16, %%rsp\n push %%rbp\n push %%rbp\n mov $0x10, %%rbp\n call *%0\n"
                     "pop %%rbp\n pop %%rbp\n mov %%r12, %%rsp"
                     : : "r"(requests)
                     : "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12");
}
#else
__attribute__((noinline)) void without_a_frame_pointer(void) { requests(); }
#endif

int main(void) {
    requests();
    coroutine();
    handler();
    threads();
    without_a_frame_pointer();
    puts("every place");
    return 0;
}
