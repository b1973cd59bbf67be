//! What one process says, and how it is written. Version 1, by example:
//!
//! ```text
//! 31 00                          "1"      version of the record
//! 34 37 31 31 00                 "4711"   process id, decimal
//! 34 37 30 30 00                 "4700"   id of its parent, decimal
//! 2f 6c … 36 00                  "/lib/x86_64-linux-gnu/libc.so.6"
//!                                         object whose malloc answers, as the dynamic linker names it;
//!                                         for the program itself the next field once more
//! 2f 75 73 72 2f 62 69 6e 2f 74 72 75 65 00
//!                                "/usr/bin/true"
//!                                         the program, from /proc/self/exe; empty where that cannot be read
//! 0a                             newline  end of the record
//! ```
//!
//! A path may hold newlines but never a NUL, so a reader takes five fields up to their NULs and then the newline.
//! Nothing is cut: a record of more than 4096 bytes is not written at all. Process ids are those that the process
//! itself sees, so inside a PID namespace they are the namespace's.

use core::ffi::c_int;

const VERSION: &[u8] = b"1";

pub struct Record {
    bytes: [u8; 4096],
    length: usize,
}

impl Record {
    /// None when it would not fit.
    pub fn new(process: c_int, parent: c_int, owner: &[u8], executable: &[u8]) -> Option<Record> {
        let mut record = Record { bytes: [0; 4096], length: 0 };
        record.field(VERSION)?;
        record.field(decimal(process, &mut [0; 10]))?;
        record.field(decimal(parent, &mut [0; 10]))?;
        record.field(owner)?;
        record.field(executable)?;
        record.append(b"\n")?;
        Some(record)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn field(&mut self, value: &[u8]) -> Option<()> {
        self.append(value)?;
        self.append(b"\0")
    }

    fn append(&mut self, value: &[u8]) -> Option<()> {
        let end = self.length.checked_add(value.len())?;
        self.bytes.get_mut(self.length..end)?.copy_from_slice(value);
        self.length = end;
        Some(())
    }
}

/// The digits of a process id, which is never negative.
fn decimal(id: c_int, digits: &mut [u8; 10]) -> &[u8] {
    let mut rest = id.unsigned_abs();
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &digits[start..];
        }
    }
}
