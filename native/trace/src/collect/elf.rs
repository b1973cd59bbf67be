//! What the head of an ELF file tells: its build id, and at which of its addresses a part of it is loaded.

use std::fs::File;
use std::os::unix::fs::FileExt;

const LOAD: u32 = 1;
const NOTE: u32 = 4;
const EXECUTABLE: u32 = 1;
const BUILD_ID: u32 = 3;
const SEGMENT: usize = 56;
/// Bytes of notes that are read: a build id stands near their beginning.
const MOST: u64 = 64 << 10;

/// The program headers of a 64-bit little-endian file.
pub struct Elf<'a> {
    file: &'a File,
    segments: Vec<Segment>,
}

struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    length: u64,
}

impl<'a> Elf<'a> {
    /// None where it is no such file.
    pub fn read(file: &'a File) -> Option<Self> {
        let mut head = [0; 64];
        file.read_exact_at(&mut head, 0).ok()?;
        if !head.starts_with(b"\x7fELF\x02\x01") || half(&head, 54) as usize != SEGMENT {
            return None;
        }
        let mut table = vec![0; half(&head, 56) as usize * SEGMENT];
        file.read_exact_at(&mut table, long(&head, 32)).ok()?;
        Some(Self { file, segments: table.chunks_exact(SEGMENT).map(Segment::of).collect() })
    }

    /// In hexadecimal digits, as tools write it.
    pub fn build_id(&self) -> Option<String> {
        let notes = self.segments.iter().filter(|segment| segment.kind == NOTE && segment.length <= MOST);
        notes.filter_map(|segment| self.bytes(segment)).find_map(|bytes| build_id(&bytes))
    }

    /// The address in the file at which code lies that is mapped from `offset` on, so many bytes long.
    pub fn address(&self, offset: u64, length: u64) -> Option<u64> {
        let holds = |segment: &&Segment| {
            segment.kind == LOAD
                && segment.flags & EXECUTABLE != 0
                && segment.offset < offset.saturating_add(length)
                && offset < segment.offset.saturating_add(segment.length)
        };
        let segment = self.segments.iter().find(holds)?;
        Some(segment.address.wrapping_sub(segment.offset).wrapping_add(offset))
    }

    fn bytes(&self, segment: &Segment) -> Option<Vec<u8>> {
        let mut bytes = vec![0; segment.length as usize];
        self.file.read_exact_at(&mut bytes, segment.offset).ok()?;
        Some(bytes)
    }
}

impl Segment {
    fn of(bytes: &[u8]) -> Self {
        Self {
            kind: word(bytes, 0),
            flags: word(bytes, 4),
            offset: long(bytes, 8),
            address: long(bytes, 16),
            length: long(bytes, 32),
        }
    }
}

fn build_id(mut notes: &[u8]) -> Option<String> {
    while notes.len() >= 12 {
        let (name, content) = (word(notes, 0) as usize, word(notes, 4) as usize);
        let begin = 12_usize.checked_add(name.checked_next_multiple_of(4)?)?;
        let end = begin.checked_add(content)?;
        if word(notes, 8) == BUILD_ID && notes.get(12..12 + name.min(4)) == Some(b"GNU\0") {
            return Some(notes.get(begin..end)?.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
    None
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_id_is_found_behind_other_notes_and_a_torn_note_is_none() {
        let other = [&4_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), &1_u32.to_le_bytes(), b"GNU\0", &[9; 8]].concat();
        let id =
            [&4_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), &3_u32.to_le_bytes(), b"GNU\0", &[1, 2, 0xff]].concat();
        let notes = [other, id].concat();
        assert_eq!(build_id(&notes).as_deref(), Some("0102ff"));
        assert!((0..notes.len()).all(|length| build_id(&notes[..length]).is_none()));
        assert_eq!(build_id(&[0xff; 40]), None);
    }

    #[test]
    fn code_is_found_where_the_file_says_that_it_lies() {
        let file = File::open("/proc/self/exe").unwrap();
        let elf = Elf::read(&file).unwrap();
        let code = elf.segments.iter().find(|one| one.kind == LOAD && one.flags & EXECUTABLE != 0).unwrap();
        let page = code.offset & !4095;
        assert_eq!(elf.address(page, code.length), Some(code.address - (code.offset - page)));
        assert_eq!(elf.address(1 << 40, 4096), None);
    }
}
