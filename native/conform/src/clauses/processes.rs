//! A fork while other threads are inside the allocator.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::{Answer, Stop, ensure};
use crate::block::Block;
use crate::fall;
use crate::family::Family;
use crate::sizes::Mixed;

const FORKS: usize = 60;
const PATIENCE: Duration = Duration::from_secs(15);

pub fn fork(family: &'static Family) -> Answer {
    static STOP: AtomicBool = AtomicBool::new(false);
    fall::scene(&", while a process with 3 busy threads forks");
    let threads: Vec<_> = (0..3)
        .map(|number| {
            thread::spawn(move || {
                let mut mixed = Mixed::new(number);
                while !STOP.load(Relaxed) {
                    use_some(family, &mut mixed, 200);
                }
            })
        })
        .collect();
    let inherited: Vec<Block> = (0..FORKS).map(|_| family.malloc(300)).collect();
    inherited.iter().enumerate().for_each(|(seed, block)| block.fill(300, seed));
    let outcome = (0..FORKS).try_for_each(|number| {
        // SAFETY: the child calls the malloc family, which the C library allows, and ends.
        let child = unsafe { libc::fork() };
        ensure!(child >= 0, "fork failed");
        if child == 0 {
            let intact = inherited[number].difference(300, number).is_none();
            family.free(inherited[number]);
            let used = use_some(family, &mut Mixed::new(77), 400);
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(if intact && used { 0 } else { 1 }) }
        }
        ended(child, number)
    });
    STOP.store(true, Relaxed);
    outcome?;
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    inherited.into_iter().for_each(|block| family.free(block));
    Ok(format!("{FORKS} children of a process with three busy threads"))
}

/// Whether what was written was there again, for so many blocks. Takes no memory of this program's own: a child that hangs
/// keeps the threads beside it busy for long.
fn use_some(family: &Family, mixed: &mut Mixed, count: usize) -> bool {
    const LIVE: usize = 32;
    let mut live = [(Block::NULL, 0); LIVE];
    let mut intact = true;
    for number in 0..count + LIVE {
        let (block, size) = live[number % LIVE];
        intact &= block.is_null() || block.difference(size, size).is_none();
        family.free(block);
        live[number % LIVE] = (Block::NULL, 0);
        if number < count {
            let size = mixed.size(12);
            let block = family.malloc(size);
            if block.is_null() {
                return false;
            }
            block.fill(size, size);
            live[number % LIVE] = (block, size);
        }
    }
    intact
}

fn ended(child: libc::pid_t, number: usize) -> Result<(), Stop> {
    let (mut status, since) = (0, Instant::now());
    loop {
        // SAFETY: a child of this process, and a place for its status.
        let done = unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) };
        if done == child {
            break;
        }
        if since.elapsed() > PATIENCE {
            // SAFETY: a child of this process that was not waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::waitpid(child, &mut status, 0) };
            let seconds = PATIENCE.as_secs();
            return Err(Stop::Deviates(format!("child {number} of {FORKS} hung: it did not end within {seconds} s")));
        }
        thread::sleep(Duration::from_micros(200));
    }
    ensure!(!libc::WIFSIGNALED(status), "child {number} of {FORKS} crashed with signal {}", libc::WTERMSIG(status));
    ensure!(libc::WEXITSTATUS(status) == 0, "in child {number} of {FORKS} a block lost what was in it");
    Ok(())
}
