//! Keeps a fork from copying a mutex that another thread holds: the child would wait for it for ever.
//!
//! mimalloc takes mutexes where threads begin and end, and has no fork handlers on Linux; a threaded program whose
//! forked children start threads hangs within a hundred forks. So its calls of `pthread_mutex_lock`, `_trylock` and
//! `_unlock` come here. While any of its mutexes is held no fork begins; while a fork is under way no other thread
//! takes one. Apart from that, threads wait for each other no more than without it.

use core::arch::global_asm;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How many of the mutexes are held, by all threads; or `FORKING` and how many the forking thread holds.
static HELD: AtomicUsize = AtomicUsize::new(0);
const FORKING: usize = 1 << 63;

/// The thread that forks: the fork handlers of others may allocate in it.
static FORKER: AtomicUsize = AtomicUsize::new(0);

// Hidden, so that only what is linked into this library comes here; the program's own mutexes do not.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".hidden pthread_mutex_lock", ".globl pthread_mutex_lock", "pthread_mutex_lock: jmp {lock}",
    ".hidden pthread_mutex_trylock", ".globl pthread_mutex_trylock", "pthread_mutex_trylock: jmp {trylock}",
    ".hidden pthread_mutex_unlock", ".globl pthread_mutex_unlock", "pthread_mutex_unlock: jmp {unlock}",
    lock = sym lock, trylock = sym trylock, unlock = sym unlock,
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".hidden pthread_mutex_lock", ".globl pthread_mutex_lock", "pthread_mutex_lock: b {lock}",
    ".hidden pthread_mutex_trylock", ".globl pthread_mutex_trylock", "pthread_mutex_trylock: b {trylock}",
    ".hidden pthread_mutex_unlock", ".globl pthread_mutex_unlock", "pthread_mutex_unlock: b {unlock}",
    lock = sym lock, trylock = sym trylock, unlock = sym unlock,
);

unsafe extern "C" {
    // glibc's other names of the three.
    fn __pthread_mutex_lock(mutex: *mut c_void) -> c_int;
    fn __pthread_mutex_trylock(mutex: *mut c_void) -> c_int;
    fn __pthread_mutex_unlock(mutex: *mut c_void) -> c_int;
    fn pthread_atfork(prepare: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) -> c_int;
    safe fn pthread_self() -> usize;
    safe fn sched_yield() -> c_int;
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: the handlers live as long as this library, which never leaves: it is preloaded, or linked with `nodelete`.
    unsafe { pthread_atfork(before_fork, after_fork, after_fork) };
}

unsafe extern "C" fn lock(mutex: *mut c_void) -> c_int {
    enter();
    // SAFETY: the caller's mutex, by the contract of pthread_mutex_lock.
    unsafe { __pthread_mutex_lock(mutex) }
}

unsafe extern "C" fn trylock(mutex: *mut c_void) -> c_int {
    enter();
    // SAFETY: the caller's mutex, by the contract of pthread_mutex_trylock.
    let result = unsafe { __pthread_mutex_trylock(mutex) };
    if result != 0 {
        leave();
    }
    result
}

unsafe extern "C" fn unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller's mutex, by the contract of pthread_mutex_unlock.
    let result = unsafe { __pthread_mutex_unlock(mutex) };
    leave();
    result
}

fn enter() {
    let mine = pthread_self();
    loop {
        let held = HELD.load(SeqCst);
        let may = held & FORKING == 0 || FORKER.load(SeqCst) == mine;
        if may && HELD.compare_exchange(held, held + 1, SeqCst, SeqCst).is_ok() {
            return;
        }
        if !may {
            sched_yield();
        }
    }
}

fn leave() {
    HELD.fetch_sub(1, SeqCst);
}

/// Turns given to the threads that hold a mutex; they need microseconds. A signal handler that forks may have
/// interrupted the holder itself, which then would be waited for in vain: the fork goes on as without a gate.
const PATIENCE: usize = 100_000;

extern "C" fn before_fork() {
    for _ in 0..PATIENCE {
        if HELD.compare_exchange(0, FORKING, SeqCst, SeqCst).is_ok() {
            FORKER.store(pthread_self(), SeqCst);
            return;
        }
        sched_yield();
    }
}

/// In the parent and in the child alike: the thread that forked through the gate holds none of the mutexes here.
extern "C" fn after_fork() {
    if FORKER.load(SeqCst) == pthread_self() {
        FORKER.store(0, SeqCst);
        HELD.store(0, SeqCst);
    }
}
