//! The stacks of one file, as the probe wrote them: `native/probe/src/stack_layout.rs` describes them bit by bit.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const AREA_AT: u64 = 18 << 20;
const PROGRAM_AT: u64 = 256;
const PATH: usize = 2048;
const PAGE: usize = 4096;
const MODULES: usize = 256;
const CODES: usize = 4096;
const CODE: usize = 256;
const CODES_AT: u64 = 4096 + (1 << 20);
const RECORDS_AT: u64 = 4096 + (2 << 20);
const MOST_RECORDS: u64 = (16 << 20) - RECORDS_AT;
const RECORD: usize = 272;
const WORD: usize = 8;
/// More than are ever read of a stack.
const MOST_WORDS: usize = 4096;

/// A loaded object.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Module {
    pub start: u64,
    pub end: u64,
    /// what was added to the addresses in its file
    pub bias: u64,
    pub path: String,
    /// its first bytes; those from `stamp` on hold the build id
    pub head: Vec<u8>,
    pub stamp: usize,
}

/// A Python function.
#[derive(Clone, Default)]
pub struct Code {
    pub qualname: String,
    pub file: String,
    pub line: u32,
}

pub enum Python {
    /// place in `Area::codes`
    Function(usize),
    Unnamed,
    /// the interpreter was entered from C here
    Entered,
}

pub struct Record {
    pub scale: u8,
    pub function: u8,
    pub rarity: u8,
    pub size: u64,
    /// instruction, stack and frame pointer
    pub registers: [u64; 3],
    /// places in `Area::modules`
    pub modules: Vec<usize>,
    /// innermost first
    pub python: Vec<Python>,
    /// from the stack pointer up
    pub stack: Vec<u64>,
}

pub struct Area {
    pub flags: u64,
    pub python: u64,
    pub lost: u64,
    pub modules: Vec<Module>,
    pub codes: Vec<Code>,
    pub records: Vec<Record>,
}

/// None where the file has no stacks.
pub fn read(path: &Path) -> io::Result<Option<Area>> {
    let file = File::open(path)?;
    let mut page = [0; PAGE];
    if file.read_exact_at(&mut page, AREA_AT).is_err() || &page[..8] != b"heapstck" {
        return Ok(None);
    }
    let used = word(&page, 8).min(MOST_RECORDS);
    let count = (word(&page, 16) as usize).min(MODULES);
    let mut program = [0; PATH];
    file.read_exact_at(&mut program, PROGRAM_AT)?;
    let mut pages = vec![0; count * PAGE];
    file.read_exact_at(&mut pages, AREA_AT + PAGE as u64)?;
    let modules = pages.chunks_exact(PAGE).map(|page| module(page, &program)).collect();
    let codes = if word(&page, 56) == 0 { Vec::new() } else { codes(&file)? };
    let mut bytes = vec![0; used as usize];
    file.read_exact_at(&mut bytes, AREA_AT + RECORDS_AT)?;
    let records = records(&bytes, count, codes.len());
    Ok(Some(Area { flags: word(&page, 48), python: word(&page, 56), lost: word(&page, 24), modules, codes, records }))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

fn half(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn module(page: &[u8], program: &[u8]) -> Module {
    let name = text(&page[56..2096]);
    Module {
        start: word(page, 0),
        end: word(page, 8),
        bias: word(page, 16),
        path: if name.is_empty() { text(program) } else { name },
        head: page[2096..].to_vec(),
        stamp: word(page, 24) as usize,
    }
}

fn codes(file: &File) -> io::Result<Vec<Code>> {
    let mut table = vec![0; CODES * CODE];
    file.read_exact_at(&mut table, AREA_AT + CODES_AT)?;
    Ok(table.chunks_exact(CODE).map(code).collect())
}

fn code(bytes: &[u8]) -> Code {
    let file = characters(&bytes[120..240], bytes[38], bytes[39]);
    Code { qualname: characters(&bytes[40..120], bytes[36], bytes[37]), file, line: word(bytes, 24) as u32 }
}

/// Python keeps texts in characters of one, two or four bytes.
fn characters(bytes: &[u8], length: u8, width: u8) -> String {
    let bytes = &bytes[..usize::from(length).min(bytes.len())];
    let points = bytes.chunks_exact(usize::from(width.clamp(1, 4)));
    points.map(|point| point.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))).map(character).collect()
}

fn character(point: u32) -> char {
    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn records(bytes: &[u8], modules: usize, codes: usize) -> Vec<Record> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while rest.len() >= RECORD {
        // One that a thread was killed in has its length, and is not complete.
        let size = word(rest, 0) as usize;
        if size < RECORD || size > rest.len() {
            break;
        }
        if word(rest, 8) == 1 {
            found.push(record(&rest[..size], modules, codes));
        }
        rest = &rest[size..];
    }
    found
}

fn record(bytes: &[u8], modules: usize, codes: usize) -> Record {
    let what = word(bytes, 16);
    let named = (what >> 32 & 0xffff).min(32) as usize;
    let functions = (what >> 48).min(64) as usize;
    Record {
        scale: what as u8,
        function: (what >> 8) as u8,
        rarity: (what >> 16) as u8,
        size: word(bytes, 24),
        registers: [word(bytes, 32), word(bytes, 40), word(bytes, 48)],
        modules: (0..named).map(|index| half(bytes, 72 + 2 * index)).filter(|number| *number < modules).collect(),
        python: (0..functions).map(|index| python(half(bytes, 136 + 2 * index), codes)).collect(),
        stack: stack(&bytes[RECORD..], word(bytes, 56) as u32 as usize / WORD),
    }
}

/// The words of a stack; those that cannot be an address were not kept and are 0.
fn stack(bytes: &[u8], words: usize) -> Vec<u64> {
    let (bits, kept) = bytes.split_at((words.div_ceil(64) * WORD).min(bytes.len()));
    let mut kept = kept.chunks_exact(WORD).map(|bytes| word(bytes, 0));
    let is_kept =
        |index: usize| bits.len() > index / 64 * WORD && word(bits, index / 64 * WORD) >> (index % 64) & 1 == 1;
    (0..words.min(MOST_WORDS)).map(|index| is_kept(index).then(|| kept.next()).flatten().unwrap_or(0)).collect()
}

fn python(number: usize, codes: usize) -> Python {
    match number {
        0 => Python::Entered,
        number if number <= codes => Python::Function(number - 1),
        _ => Python::Unnamed,
    }
}
