//! The interpreter's own frames give way to the Python functions that it ran in them.

use crate::answer::Frame;
use crate::record::{Code, Python};

pub type Native = Frame;

/// The C function that runs Python functions: one call of it runs several that call each other.
const INTERPRETER: &str = "_PyEval_EvalFrameDefault";

/// Both stacks as one, innermost first.
pub fn merged(native: &[Native], python: &[Python], codes: &[Code]) -> Vec<Frame> {
    let mut groups = python.split(|one| matches!(one, Python::Entered));
    let mut frames = Vec::new();
    for frame in native {
        match (frame.function == INTERPRETER).then(|| groups.next()).flatten() {
            Some(group) if !group.is_empty() => frames.extend(group.iter().map(|one| named(one, codes))),
            _ => frames.push(frame.clone()),
        }
    }
    // Of a stack that was not followed to its end the outer functions are known all the same.
    frames.extend(groups.flatten().map(|one| named(one, codes)));
    frames
}

fn named(function: &Python, codes: &[Code]) -> Frame {
    let code = match function {
        Python::Function(place) => codes[*place].clone(),
        Python::Unnamed | Python::Entered => Code::default(),
    };
    Frame { function: code.qualname, file: code.file, line: code.line, library: String::new(), python: true }
}
