//! Some calls are looked at closely: how long they took, and where the time went.
//!
//! Which ones is a Poisson process along the thread's requests: every call is `CALL` units long, and as many more as it
//! asks for bytes (or gives back), and it is drawn when a point falls into it. So a call of `size` bytes is drawn with
//! probability 1 − exp(−(size + CALL) / 2^scale), whatever the program does, and the reader weighs it by the inverse.
//! The first calls are drawn often; whenever enough were drawn at one scale it doubles, and as long as samples take
//! too much of the time (`budget`) it is more.
//!
//! A few calls in a million may take longer than all others. Where they are to be expected, calls are drawn with another
//! probability, which the record tells (`LARGE`): those of large blocks and those that merge much (`large`), and those after
//! one that took long (`follow`).

use crate::layout::{CALL, Function, Header, LARGE, RECORDS, Record, SamplePage, Slot};
use crate::stack::{self, Drawn};
use crate::usage::Usage;
use crate::{budget, crowd, file, follow, large, recording, sys, ticks};
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// At first one small call in 32 is drawn, of a single thread.
const FIRST_SCALE: u64 = CALL.ilog2() as u64 + 5;
const LAST_SCALE: u64 = FIRST_SCALE + 13;
/// Samples at one scale of a single thread; several share them, down to the least.
const ENOUGH: u64 = 512;
const LEAST: u64 = 128;
/// Sixteen small calls.
const LEAD: i64 = 16 * CALL as i64;
/// After calls that took more ticks, some hundred nanoseconds, the kernel is asked where the time went.
pub const SLOW: u64 = 1500;
/// What is long, some ten microseconds.
pub const LONG: u64 = 16 * SLOW;
/// They stand for themselves alone, so their stacks are copied 2 to this power times as seldom as others.
const FOLLOWING_RARER: u64 = 5;
/// Records from one reckoning of what they cost to the next, of one thread.
const BETWEEN_RECKONINGS: u64 = 16;
/// No call is drawn for as long as anything lives.
const NEVER: i64 = i64::MAX / 2;
/// What a record holds of a size, bits.
const SIZE: u32 = 48;

static WANTED: AtomicBool = AtomicBool::new(true);

pub fn without_samples() {
    WANTED.store(false, Relaxed);
}

/// Makes a call at which the countdown ended: where a point lies in it, it is timed and written down.
///
/// What the kernel knows of the thread has to be asked before and after, and asking right before would change the very
/// thing: a thread that pauses between two calls lets another one take the allocator's lock, and then waits for it. So it
/// is asked `LEAD` units before the point, and the calls between are made as ever.
///
/// Beside the answer stands the scale that a point lay at, where one lay in the call.
#[cold]
#[inline(never)]
pub fn around<T>(slot: &Slot, function: Function, size: usize, call: impl FnOnce() -> T) -> (T, Option<u64>) {
    let beyond = slot.countdown.load(Relaxed);
    if size >= large::LEAST && slot.scale.load(Relaxed) > 0 {
        return around_drawn_itself(slot, function, size, || large::draw(slot, function, size), call);
    }
    // What a signal handler calls meanwhile is not drawn.
    slot.countdown.store(NEVER, Relaxed);
    if slot.scale.load(Relaxed) == 0 {
        begin(slot);
        let answer = call();
        draw(slot);
        return (answer, None);
    }
    if follow::is_due(slot) {
        return around_following(slot, function, size, call);
    }
    if slot.asked.load(Relaxed) == 0 {
        ask(slot);
        if LEAD + beyond >= 0 {
            slot.countdown.store(LEAD + beyond, Relaxed);
            return (call(), None);
        }
    }
    let scale = slot.drawn_at.load(Relaxed);
    let looked = slot.look.load(Relaxed);
    let passed = sys::clock(libc::CLOCK_MONOTONIC).wrapping_sub(slot.asked_at.load(Relaxed));
    let start = ticks::before();
    let answer = call();
    let end = ticks::after();
    let took = end.wrapping_sub(start) + looked;
    let spent = if took > SLOW { Usage::now(slot).since(&Usage::kept(slot)).without(passed) } else { Usage::default() };
    if let Some((header, length)) = recording::current() {
        let sized = sized(size, crowd::threads(header, length, slot));
        if append(header, length, slot, &spent.record(function, sized, scale, took)) {
            sampled(header, slot);
            let itself = took.saturating_sub(header.cost_timing.load(Relaxed));
            budget::learn(itself, (1u64 << scale) as f64 / (size + CALL) as f64);
        }
        budget::spend(header, end);
        stack::consider(header, slot, &Drawn { function, size, scale, rarer: 0 });
    }
    draw(slot);
    follow::after(slot, spent.computing(took));
    if follow::is_due(slot) && slot.countdown.load(Relaxed) < NEVER / 2 {
        slot.countdown.store(-1, Relaxed);
    }
    (answer, Some(scale))
}

/// The same of a free that may make the allocator tidy up, whatever the countdown says.
#[inline(always)]
pub fn around_merging(slot: &Slot, size: usize, call: impl FnOnce()) {
    if slot.scale.load(Relaxed) == 0 {
        around(slot, Function::Free, size, call);
    } else {
        around_drawn_itself(slot, Function::Free, size, || large::draw_merging(slot), call);
    }
}

/// The same of a call that `large` draws.
#[inline(never)]
fn around_drawn_itself<T>(
    slot: &Slot,
    function: Function,
    size: usize,
    draw: impl FnOnce() -> Option<large::Draw>,
    call: impl FnOnce() -> T,
) -> (T, Option<u64>) {
    let countdown = slot.countdown.load(Relaxed);
    if countdown > NEVER / 2 {
        return (call(), None);
    }
    let Some(drawn) = draw() else {
        // That the thread is at it shows in its countdown (`crowd`); where a point is next it stays.
        slot.countdown.store((countdown - 1).max(countdown.min(0)), Relaxed);
        return (call(), None);
    };
    slot.countdown.store(NEVER, Relaxed);
    let scale = drawn.scale | LARGE;
    let (answer, timed) = certainly(slot, &Drawn { function, size, scale, rarer: 0 }, call);
    drawn.took(timed.took);
    if slot.refused.load(Relaxed) == 0 {
        slot.countdown.store(if follow::is_due(slot) { -1 } else { countdown }, Relaxed);
    }
    (answer, Some(scale))
}

/// The same of a call soon after one that took long: allocators put off work, and do it in the next calls.
#[inline(never)]
fn around_following<T>(slot: &Slot, function: Function, size: usize, call: impl FnOnce() -> T) -> (T, Option<u64>) {
    follow::begin_one(slot);
    let (answer, timed) = certainly(slot, &Drawn { function, size, scale: LARGE, rarer: FOLLOWING_RARER }, call);
    follow::end_one(slot, timed.computing);
    if follow::is_due(slot) && slot.refused.load(Relaxed) == 0 {
        slot.countdown.store(-1, Relaxed);
    } else {
        draw(slot);
    }
    (answer, Some(LARGE))
}

/// Makes a call and writes it down. It is seldom one of many between which a thread must not pause: the kernel is asked
/// right before.
#[inline(always)]
fn certainly<T>(slot: &Slot, drawn: &Drawn, call: impl FnOnce() -> T) -> (T, Timed) {
    let begun = ticks::before();
    let before = Usage::now(slot);
    let start = ticks::before();
    let answer = call();
    let end = ticks::after();
    let took = end.wrapping_sub(start);
    let spent = if took > SLOW { Usage::now(slot).since(&before) } else { Usage::default() };
    if let Some((header, length)) = recording::current() {
        let sized = sized(drawn.size, crowd::threads(header, length, slot));
        append(header, length, slot, &spent.record(drawn.function, sized, drawn.scale, took));
        budget::note(header, begun.wrapping_add(took));
        stack::consider(header, slot, drawn);
    }
    let computing = spent.computing(took);
    follow::after(slot, computing);
    (answer, Timed { took, computing })
}

/// What a call took, ticks.
struct Timed {
    took: u64,
    /// neither page faults nor waits
    computing: u64,
}

/// Whether this thread's next sample is so near that the kernel has been asked.
#[inline(always)]
pub fn is_near(slot: &Slot) -> bool {
    slot.asked.load(Relaxed) != 0
}

/// Looks for the size of a block that is about to be freed or resized. Where a sample is near the look is timed: what it
/// waits for, a block that no cache holds any longer, the allocator would have waited for without the probe.
#[inline(always)]
pub fn first_look(slot: &Slot, look: impl FnOnce() -> i64) -> i64 {
    if is_near(slot) { timed_look(slot, look) } else { look() }
}

#[cold]
#[inline(never)]
fn timed_look(slot: &Slot, look: impl FnOnce() -> i64) -> i64 {
    let start = ticks::before();
    let size = look();
    let took = ticks::after().wrapping_sub(start);
    let looked = recording::current().map_or(0, |(header, _)| {
        let looked = took.saturating_sub(header.cost_timing.load(Relaxed));
        looked - least_look(header, looked)
    });
    slot.look.store(looked, Relaxed);
    size
}

/// The least that a look took so far, which is the look's own work: the allocator does its own, too.
fn least_look(header: &Header, looked: u64) -> u64 {
    let known = header.cost_size.load(Relaxed);
    if known == 0 || looked < known - 1 {
        header.cost_size.store(looked + 1, Relaxed);
        return looked;
    }
    known - 1
}

/// The call to come has no block to look at: the last look was another call's.
#[inline(always)]
pub fn without_look(slot: &Slot) {
    slot.look.store(0, Relaxed);
}

fn begin(slot: &Slot) {
    slot.random.store(ticks::before() ^ core::ptr::from_ref(slot) as u64 | 1, Relaxed);
    // Where threads are many, each one's first calls are looked at less often.
    let threads = recording::current().map_or(1, |(header, _)| header.slots.load(Relaxed).max(1));
    slot.scale.store((FIRST_SCALE + u64::from(threads.ilog2())).min(LAST_SCALE), Relaxed);
}

/// Asks the kernel for the call to come.
fn ask(slot: &Slot) {
    let begun = ticks::before();
    Usage::now(slot).keep(slot);
    if let Some((header, _)) = recording::current() {
        budget::spend(header, begun);
    }
}

/// Draws the distance to the next point; what is left of the present call does not matter, as the process has no memory.
fn draw(slot: &Slot) {
    slot.asked.store(0, Relaxed);
    follow::stop(slot);
    if !WANTED.load(Relaxed) || slot.refused.load(Relaxed) != 0 {
        return slot.countdown.store(NEVER, Relaxed);
    }
    let scale = slot.scale.load(Relaxed) + budget::level();
    slot.drawn_at.store(scale, Relaxed);
    let distance = ((1u64 << scale) as f64 * -logarithm(uniform(slot))) as i64;
    if distance < LEAD {
        ask(slot);
    }
    slot.countdown.store(if distance < LEAD { distance } else { distance - LEAD }, Relaxed);
}

/// The same between two calls, which changes nothing: the process has no memory.
pub fn draw_anew(slot: &Slot) {
    if slot.scale.load(Relaxed) == 0 { slot.countdown.store(-1, Relaxed) } else { draw(slot) }
}

/// In (0, 1].
fn uniform(slot: &Slot) -> f64 {
    let bits = random(slot) >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}

/// xorshift64*, whose upper bits are the good ones.
pub fn random(slot: &Slot) -> u64 {
    let mut state = slot.random.load(Relaxed);
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    slot.random.store(state, Relaxed);
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// The natural logarithm of a positive normal number, to six digits: exponent and mantissa apart, and for the mantissa
/// ln m = 2 artanh((m − 1) / (m + 1)).
fn logarithm(value: f64) -> f64 {
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let series = 1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square / 9.0)));
    exponent as f64 * core::f64::consts::LN_2 + 2.0 * t * series
}

/// A size as a record has it, with another number above it.
pub fn sized(size: usize, above: u64) -> u64 {
    (size as u64).min((1 << SIZE) - 1) | above.min(0xffff) << SIZE
}

/// Appends a record that is no sample. A signal handler's, while a sample or such a record is being written, is lost.
pub fn append_between(slot: &Slot, record: &[u64; 4]) {
    let Some((header, length)) = recording::current() else { return };
    let countdown = slot.countdown.load(Relaxed);
    if countdown < NEVER / 2 {
        slot.countdown.store(NEVER, Relaxed);
        append(header, length, slot, record);
        slot.countdown.store(countdown, Relaxed);
    }
}

/// Appends a record to the slot's page, which is its own; takes a new page where it is full. False where there is none.
fn append(header: &'static Header, length: usize, slot: &Slot, record: &[u64; 4]) -> bool {
    let Some(page) = page_with_room(header, length, slot) else {
        slot.refused.store(1, Relaxed);
        return false;
    };
    let count = page.records.load(Relaxed);
    let Record(words) = &page.record[count as usize];
    for (word, value) in words.iter().zip(record) {
        word.store(*value, Relaxed);
    }
    // The record counts from here on, also where the process is killed now.
    page.records.store(count + 1, Release);
    if (count + 1).is_multiple_of(BETWEEN_RECKONINGS) {
        budget::reckon(header);
    }
    true
}

fn sampled(header: &Header, slot: &Slot) {
    let sampled = slot.sampled.load(Relaxed) + 1;
    slot.sampled.store(sampled, Relaxed);
    let enough = (ENOUGH / header.slots.load(Relaxed).max(1)).max(LEAST);
    let scale = slot.scale.load(Relaxed);
    if sampled.is_multiple_of(enough) && scale < LAST_SCALE {
        slot.scale.store(scale + 1, Relaxed);
    }
}

fn page_with_room(header: &'static Header, length: usize, slot: &Slot) -> Option<&'static SamplePage> {
    let number = slot.page.load(Relaxed);
    if number > 0 {
        let page = sample_page(header, number - 1);
        if (page.records.load(Relaxed) as usize) < RECORDS {
            return Some(page);
        }
    }
    recording::note(header);
    let mut number = header.sample_pages.load(Acquire);
    loop {
        if length < file::LENGTH || number >= file::SAMPLE_PAGES {
            return None;
        }
        let place: *const SamplePage = place(header, number);
        if !file::has_page(place.cast_mut().cast(), size_of::<SamplePage>(), length) {
            return None;
        }
        match header.sample_pages.compare_exchange(number, number + 1, Release, Acquire) {
            Ok(_) => break,
            Err(found) => number = found,
        }
    }
    slot.page.store(number + 1, Relaxed);
    Some(sample_page(header, number))
}

fn place(header: &Header, number: u64) -> *const SamplePage {
    let start = core::ptr::from_ref(header).cast::<u8>().wrapping_add(file::SAMPLES);
    start.cast::<SamplePage>().wrapping_add(number as usize)
}

/// Sample page `number`, which must have been taken.
fn sample_page(header: &Header, number: u64) -> &'static SamplePage {
    // SAFETY: inside the mapping, whose page was allocated and which stays for ever; every bit pattern is a page.
    unsafe { &*place(header, number) }
}
