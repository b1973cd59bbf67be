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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(native: &[&str], python: &[Python]) -> Vec<String> {
        let code = |name: &str| Code { qualname: name.to_owned(), ..Code::default() };
        let native: Vec<Native> =
            native.iter().map(|name| Frame { function: (*name).to_owned(), ..Frame::default() }).collect();
        merged(&native, python, &[code("a"), code("b"), code("c")]).into_iter().map(|frame| frame.function).collect()
    }

    #[test]
    fn each_call_of_the_interpreter_becomes_what_it_ran() {
        use Python::{Entered, Function};
        let python = [Function(0), Function(1), Entered, Function(2), Entered];
        assert_eq!(
            names(&["grow", INTERPRETER, "call", INTERPRETER, "main"], &python),
            ["grow", "a", "b", "call", "c", "main"]
        );
    }

    #[test]
    fn outer_functions_of_a_cut_stack_are_known_all_the_same() {
        use Python::{Entered, Function, Unnamed};
        assert_eq!(
            names(&["grow", INTERPRETER], &[Function(0), Entered, Function(1), Unnamed, Entered]),
            ["grow", "a", "b", ""]
        );
    }

    #[test]
    fn without_python_functions_the_interpreter_stays() {
        assert_eq!(names(&["grow", INTERPRETER, "main"], &[]), ["grow", INTERPRETER, "main"]);
    }
}
