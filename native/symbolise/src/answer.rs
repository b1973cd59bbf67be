//! What is printed: frames once each, and the stacks of each process as lists of their places.

use crate::record::Area;
use serde::Serialize;
use std::collections::HashMap;

#[derive(Default, Serialize)]
pub struct Answer {
    pub frames: Frames,
    pub processes: Vec<Process>,
}

#[derive(Clone, Default, Eq, Hash, PartialEq, Serialize)]
pub struct Frame {
    /// empty where it has no name
    pub function: String,
    /// of the source; empty where it is not known
    pub file: String,
    /// the first of a Python function, else that of the call; 0 where it is not known
    pub line: u32,
    /// path of the loaded object; empty for a Python function
    pub library: String,
    pub python: bool,
}

/// Every frame once.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub struct Frames {
    frames: Vec<Frame>,
    #[serde(skip)]
    places: HashMap<Frame, usize>,
}

impl Frames {
    pub fn place(&mut self, frame: Frame) -> usize {
        *self.places.entry(frame).or_insert_with_key(|frame| {
            self.frames.push(frame.clone());
            self.frames.len() - 1
        })
    }
}

#[derive(Serialize)]
pub struct Stack {
    pub size: u64,
    pub scale: u8,
    pub function: u8,
    /// one sampled allocation in 2^rarity had its stack copied
    pub rarity: u8,
    /// it was followed to the thread's first function
    pub whole: bool,
    /// places of its frames, innermost first
    pub frames: Vec<usize>,
}

#[derive(Serialize)]
pub struct Process {
    /// of the file
    pub name: String,
    pub flags: u64,
    /// `Py_Version`, 0 without Python
    pub python: u64,
    pub lost: u64,
    pub stacks: Vec<Stack>,
}

impl Process {
    pub fn new(name: String, area: &Area, stacks: Vec<Stack>) -> Self {
        Self { name, flags: area.flags, python: area.python, lost: area.lost, stacks }
    }
}
