//! The text of a program, one step a line: what a person reads is what is played.
//!
//! ```text
//! a = malloc(100)
//! thread 1: b = calloc(3, 40)
//! a = realloc(a, 200)
//! c = posix_memalign(64, 100)
//! free(b)
//! ```

/// One call. A name stands for one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// 0 is the thread that the program starts in.
    pub thread: usize,
    pub call: Call,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Malloc { name: String, size: usize },
    Calloc { name: String, count: usize, size: usize },
    Realloc { name: String, size: usize },
    Aligned { name: String, with: Function, alignment: usize, size: usize },
    Free { name: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Memalign,
    AlignedAlloc,
    PosixMemalign,
}

/// As many as a person can follow.
const THREADS: usize = 8;

pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| step(line).ok_or_else(|| format!("'{line}' is no step of a program"))).collect()
}

fn step(line: &str) -> Option<Step> {
    let (thread, call) = match line.strip_prefix("thread ") {
        Some(rest) => rest.split_once(": ").and_then(|(number, call)| Some((number.parse().ok()?, call)))?,
        None => (0, line),
    };
    (thread <= THREADS).then_some(())?;
    Some(Step { thread, call: parse_call(call)?, text: line.to_owned() })
}

fn parse_call(text: &str) -> Option<Call> {
    let Some((name, call)) = text.split_once(" = ") else {
        let name = text.strip_prefix("free(")?.strip_suffix(')')?;
        return Some(Call::Free { name: name.to_owned() });
    };
    let (function, arguments) = call.strip_suffix(')')?.split_once('(')?;
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let name = name.to_owned();
    let number = |index: usize| arguments.get(index)?.parse::<usize>().ok();
    let aligned = |name, with| Some(Call::Aligned { name, with, alignment: number(0)?, size: number(1)? });
    match (function, arguments.len()) {
        ("malloc", 1) => Some(Call::Malloc { name, size: number(0)? }),
        ("calloc", 2) => Some(Call::Calloc { name, count: number(0)?, size: number(1)? }),
        ("realloc", 2) if arguments[0] == name => Some(Call::Realloc { name, size: number(1)? }),
        ("memalign", 2) => aligned(name, Function::Memalign),
        ("aligned_alloc", 2) => aligned(name, Function::AlignedAlloc),
        ("posix_memalign", 2) => aligned(name, Function::PosixMemalign),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let text =
            "a = malloc(100)\nthread 1: b = calloc(3, 40)\na = realloc(a, 200)\n\nc = posix_memalign(64, 100)\nfree(b)";
        let steps = parse(text).unwrap();
        assert_eq!(steps.iter().map(|step| step.thread).collect::<Vec<_>>(), [0, 1, 0, 0, 0]);
        assert_eq!(steps[1].call, Call::Calloc { name: "b".to_owned(), count: 3, size: 40 });
        assert_eq!(steps[2].call, Call::Realloc { name: "a".to_owned(), size: 200 });
        assert_eq!(steps[4].call, Call::Free { name: "b".to_owned() });
        assert_eq!(steps[4].text, "free(b)");
    }

    #[test]
    fn what_is_no_step_is_named() {
        for line in
            ["malloc(3)", "a = malloc()", "a = realloc(b, 3)", "a = calloc(3)", "thread 99: free(a)", "a = malloc(-1)"]
        {
            assert!(parse(line).unwrap_err().contains(line));
        }
    }
}
