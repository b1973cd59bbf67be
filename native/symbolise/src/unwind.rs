//! From a copied stack to its functions.

use crate::answer::{Frame, Frames, Stack};
use crate::images::{Bytes, Image, Images};
use crate::merge::{Native, merged};
use crate::record::{Area, Module, Record};
use framehop::{FrameAddress, MayAllocateDuringUnwind, Unwinder};
use std::rc::Rc;

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{CacheAarch64 as Cache, UnwindRegsAarch64 as Registers, UnwinderAarch64 as Machine};
#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{CacheX86_64 as Cache, UnwindRegsX86_64 as Registers, UnwinderX86_64 as Machine};

/// Frames of one stack; a copy of 16 KiB has fewer, unless something is wrong.
const MOST: usize = 2048;

/// What is loaded at one moment, as far as stacks have told: each one names the objects it leads into.
struct Loaded {
    machine: Machine<Bytes>,
    cache: Cache<MayAllocateDuringUnwind>,
    modules: Vec<(Module, Rc<Image>)>,
}

pub fn stacks(area: &Area, images: &mut Images, frames: &mut Frames) -> Vec<Stack> {
    let mut loaded = Loaded { machine: Machine::new(), cache: Cache::new(), modules: Vec::new() };
    let mut stacks = Vec::new();
    for record in &area.records {
        for number in &record.modules {
            loaded.admit(&area.modules[*number], images);
        }
        let (addresses, whole) = loaded.unwind(record);
        let native = loaded.named(&addresses);
        let places =
            merged(&native, &record.python, &area.codes).into_iter().map(|frame| frames.place(frame)).collect();
        let Record { size, scale, function, rarity, .. } = *record;
        stacks.push(Stack { size, scale, function, rarity, whole, frames: places });
    }
    stacks
}

impl Loaded {
    /// Has an object be there, and what was in its place be gone.
    fn admit(&mut self, module: &Module, images: &mut Images) {
        if self.modules.iter().any(|(known, _)| known == module) {
            return;
        }
        for (gone, _) in self.modules.extract_if(.., |(known, _)| known.start < module.end && module.start < known.end)
        {
            self.machine.remove_module(gone.start);
        }
        // Rules are remembered by address.
        self.cache = Cache::new();
        let image = images.of(module);
        if let Some(sections) = image.sections() {
            let range = module.start..module.end;
            self.machine.add_module(framehop::Module::new(module.path.clone(), range, module.bias, sections));
        }
        self.modules.push((module.clone(), image));
    }

    /// Addresses of the calls, innermost first, and whether the first function of the thread was reached.
    fn unwind(&mut self, record: &Record) -> (Vec<FrameAddress>, bool) {
        let [instruction, pointer, frame] = record.registers;
        let mut read = |address: u64| {
            let at = usize::try_from(address.wrapping_sub(pointer)).map_err(drop)?;
            if at % 8 == 0 { record.stack.get(at / 8).copied().ok_or(()) } else { Err(()) }
        };
        let registers = registers(instruction, pointer, frame);
        let mut calls = self.machine.iter_frames(instruction, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while addresses.len() < MOST {
            match calls.next() {
                Ok(Some(address)) => addresses.push(address),
                Ok(None) => return (addresses, true),
                Err(_) => break,
            }
        }
        (addresses, false)
    }

    /// The functions of the program, without those of the probe at the inner end.
    fn named(&self, addresses: &[FrameAddress]) -> Vec<Native> {
        let probe = addresses.first().and_then(|first| self.module_of(first.address_for_lookup()));
        let own = |address: &&FrameAddress| {
            let module = self.module_of(address.address_for_lookup());
            module.map(|(module, _)| module.start) == probe.map(|(module, _)| module.start)
        };
        addresses.iter().skip_while(own).flat_map(|address| self.frames(address.address_for_lookup())).collect()
    }

    fn module_of(&self, address: u64) -> Option<&(Module, Rc<Image>)> {
        self.modules.iter().find(|(module, _)| (module.start..module.end).contains(&address))
    }

    fn frames(&self, address: u64) -> Vec<Native> {
        match self.module_of(address) {
            Some((module, image)) => image.frames(address.wrapping_sub(module.bias)),
            // Code that was made while the program ran.
            None => vec![Frame::default()],
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(instruction: u64, pointer: u64, frame: u64) -> Registers {
    Registers::new(instruction, pointer, frame)
}

/// Where the copy was made the return address is in the frame, so the link register tells nothing.
#[cfg(target_arch = "aarch64")]
fn registers(instruction: u64, pointer: u64, frame: u64) -> Registers {
    Registers::new(instruction, pointer, frame)
}
