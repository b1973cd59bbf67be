//! Reading a segment: whatever its bytes are, an answer or a [`Damage`], never a panic.

use crate::event::{Event, Function, PLACES, Site, kind, rare};
use core::fmt;

/// Why a segment cannot be read further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    CutOff,
    UnknownRecord {
        tag: u8,
    },
    UnknownFunction {
        number: u8,
    },
    Alignment {
        log2: u8,
    },
    Epoch,
    Null,
    /// Only where freed blocks are told by their allocations.
    UnknownAllocation,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => out.write_str("a record is cut off"),
            Self::UnknownRecord { tag } => write!(out, "no record begins with {tag:#04x}"),
            Self::UnknownFunction { number } => write!(out, "there is no function {number}"),
            Self::Alignment { log2 } => write!(out, "an alignment of 2^{log2}"),
            Self::UnknownAllocation => out.write_str("a free of what was not allocated"),
            Self::Null => out.write_str("a block at address 0"),
            Self::Epoch => out.write_str("its time leaves 64 bits"),
        }
    }
}

/// Where the fields of the records come from: one after another, or each kind of field from a column of its own.
pub trait Source {
    /// The tag of the next record; None after the last.
    fn tag(&mut self) -> Option<u8>;
    /// The place of a caller.
    fn caller(&mut self) -> Result<u8, Damage>;
    /// `length` (at most 8) bytes that say where an allocated block is.
    fn allocated(&mut self, length: usize) -> Result<u64, Damage>;
    /// That is this one.
    fn note(&mut self, block: u64);
    /// A block that is given back, from the code in its tag and the previous block.
    fn released(&mut self, code: u8, previous: u64) -> Result<u64, Damage>;
    /// `length` (at most 8) bytes of a size.
    fn size(&mut self, length: usize) -> Result<u64, Damage>;
    /// `length` (at most 8) bytes of anything else.
    fn other(&mut self, length: usize) -> Result<u64, Damage>;
    /// Whether every byte has been used.
    fn is_used_up(&self) -> bool;
}

/// Bytes that are read from the front.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline(always)]
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A number of `length` bytes, at most 8.
    #[inline(always)]
    pub fn number(&mut self, length: usize) -> Result<u64, Damage> {
        let number = match self.0.first_chunk::<8>() {
            Some(&eight) if length < 8 => u64::from_le_bytes(eight) & !(u64::MAX << (8 * length)),
            Some(&eight) => u64::from_le_bytes(eight),
            None => self.last_number(length)?,
        };
        self.0 = self.0.get(length..).ok_or(Damage::CutOff)?;
        Ok(number)
    }

    #[cold]
    fn last_number(self, length: usize) -> Result<u64, Damage> {
        let bytes = self.0.get(..length).ok_or(Damage::CutOff)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}

/// A segment as the encoder wrote it.
impl Source for Bytes<'_> {
    #[inline(always)]
    fn tag(&mut self) -> Option<u8> {
        self.byte()
    }

    #[inline(always)]
    fn caller(&mut self) -> Result<u8, Damage> {
        self.byte().ok_or(Damage::CutOff)
    }

    #[inline(always)]
    fn allocated(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(length)
    }

    #[inline(always)]
    fn note(&mut self, _block: u64) {}

    #[inline(always)]
    fn released(&mut self, code: u8, previous: u64) -> Result<u64, Damage> {
        Ok(block_from(code, self.number(block_length(code))?, previous))
    }

    #[inline(always)]
    fn size(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(length)
    }

    #[inline(always)]
    fn other(&mut self, length: usize) -> Result<u64, Damage> {
        self.number(length)
    }

    fn is_used_up(&self) -> bool {
        self.is_empty()
    }
}

/// Reads the events of one segment.
#[derive(Clone)]
pub struct Decoder<S> {
    source: S,
    block: u64,
    epoch: u64,
    sites: [Site; PLACES],
}

impl<'a> Decoder<Bytes<'a>> {
    /// A segment as the encoder wrote it, which began at `epoch`.
    pub const fn raw(bytes: &'a [u8], epoch: u64) -> Self {
        Self::new(Bytes::new(bytes), epoch)
    }
}

impl<S> Decoder<S> {
    pub const fn new(source: S, epoch: u64) -> Self {
        Self { source, block: 0, epoch, sites: [Site::EMPTY; PLACES] }
    }

    /// Where the fields came from.
    pub fn into_source(self) -> S {
        self.source
    }

    /// The epoch that the events read last belong to.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl<S: Source> Decoder<S> {
    /// The next event, None after the last.
    ///
    /// # Errors
    ///
    /// The bytes are none that an encoder wrote; the segment cannot be read further.
    #[inline(always)]
    pub fn next_event(&mut self) -> Result<Option<Event>, Damage> {
        loop {
            let Some(tag) = self.source.tag() else {
                return if self.source.is_used_up() { Ok(None) } else { Err(Damage::CutOff) };
            };
            return Ok(Some(match tag & 7 {
                kind::RARE => match self.rare(tag)? {
                    Some(event) => event,
                    None => continue,
                },
                kind::MALLOC => self.allocation(tag, Function::Malloc)?,
                kind::CALLOC => self.allocation(tag, Function::Calloc)?,
                kind::FREE => Event::Free { function: Function::Free, block: self.released(tag)? },
                kind::REALLOC_FROM => Event::ReallocFrom { block: self.released(tag)? },
                kind::REALLOC_TO => {
                    let (block, size, caller) = self.allocated(tag)?;
                    Event::ReallocTo { block, size, caller }
                }
                kind::OTHER_ALLOCATION => self.other_allocation(tag)?,
                _ => {
                    let block = self.released(tag)?;
                    Event::Free { function: self.function()?, block }
                }
            }));
        }
    }

    #[inline(always)]
    fn allocation(&mut self, tag: u8, function: Function) -> Result<Event, Damage> {
        let (block, size, caller) = self.allocated(tag)?;
        Ok(Event::Allocate { function, block, size, alignment: 0, caller })
    }

    fn other_allocation(&mut self, tag: u8) -> Result<Event, Damage> {
        let (block, size, caller) = self.allocated(tag)?;
        let function = self.function()?;
        let alignment = match self.source.other(1)? as u8 {
            u8::MAX => 0,
            log2 @ 0..64 => 1 << log2,
            log2 => return Err(Damage::Alignment { log2 }),
        };
        Ok(Event::Allocate { function, block, size, alignment, caller })
    }

    /// Block, size and caller of an allocation.
    #[inline(always)]
    fn allocated(&mut self, tag: u8) -> Result<(u64, u64, u64), Damage> {
        let place = self.source.caller()?;
        let code = tag >> 3 & 7;
        let block = block_from(code, self.source.allocated(block_length(code))?, self.block);
        self.block = block;
        if block == 0 {
            return Err(Damage::Null);
        }
        self.source.note(block);
        let site = &mut self.sites[usize::from(place)];
        match tag >> 6 {
            0 => {}
            3 => site.size = self.source.size(8)?,
            length => site.size = self.source.size(usize::from(length))?,
        }
        Ok((block, site.size, site.address))
    }

    /// Block of a record that gives one back.
    #[inline(always)]
    fn released(&mut self, tag: u8) -> Result<u64, Damage> {
        self.block = self.source.released(tag >> 3 & 7, self.block)?;
        if self.block == 0 { Err(Damage::Null) } else { Ok(self.block) }
    }

    /// A rare record; None where it only says what later ones mean.
    #[cold]
    fn rare(&mut self, tag: u8) -> Result<Option<Event>, Damage> {
        Ok(Some(match tag >> 3 {
            rare::TICK => {
                self.epoch = self.epoch.checked_add(self.source.other(2)?).ok_or(Damage::Epoch)?;
                Event::Tick { epoch: self.epoch }
            }
            rare::EPOCH => {
                self.epoch = self.source.other(8)?;
                Event::Tick { epoch: self.epoch }
            }
            rare::CALLER => {
                let place = self.source.other(1)? as u8;
                self.sites[usize::from(place)] = Site { address: self.source.other(8)?, size: 0 };
                return Ok(None);
            }
            rare::FAILED => Event::Failed { function: self.function()?, size: self.source.other(8)? },
            rare::REALLOC_FAILED => Event::ReallocFailed { block: self.source.other(8)?, size: self.source.other(8)? },
            rare::TOUCHED => Event::Touched { pages: self.source.other(4)? as u32 },
            rare::THREAD => Event::Thread { tid: self.source.other(4)? as u32 },
            rare::THREAD_END => Event::ThreadEnd,
            rare::FORK => Event::Fork { child: self.source.other(4)? as u32 },
            _ => return Err(Damage::UnknownRecord { tag }),
        }))
    }

    fn function(&mut self) -> Result<Function, Damage> {
        let number = self.source.other(1)? as u8;
        Function::ALL.get(usize::from(number)).copied().ok_or(Damage::UnknownFunction { number })
    }
}

/// Bytes of a block's number, by the code in its tag.
#[inline(always)]
pub const fn block_length(code: u8) -> usize {
    if code == 7 { 8 } else { code as usize }
}

/// The block that a number says, by the code in its tag and the previous block.
#[inline(always)]
pub const fn block_from(code: u8, number: u64, previous: u64) -> u64 {
    if code == 7 {
        return previous.wrapping_add(number);
    }
    previous.wrapping_add((unzigzag(number) << 3).cast_unsigned())
}

/// n from 2n, −n from 2n − 1.
#[inline(always)]
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1 ^ (number & 1).wrapping_neg()).cast_signed()
}
