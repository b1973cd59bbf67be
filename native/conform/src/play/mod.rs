//! Plays a program of allocations against a model that knows what every live block must hold, and says where they part.

mod program;
mod shadow;

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::answer::{Answer, Stop};
use crate::family::Family;
use program::Step;
use shadow::Shadow;

/// Reads the program from standard input.
pub fn play(family: &'static Family) -> Answer {
    let mut text = String::new();
    if std::io::stdin().read_to_string(&mut text).is_err() {
        return Err(Stop::Absent("the program cannot be read".to_owned()));
    }
    let steps = program::parse(&text).map_err(Stop::Absent)?;
    let shadow = Arc::new(Mutex::new(Shadow::new(family)));
    let mut workers: Vec<Worker> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        while workers.len() < step.thread {
            workers.push(Worker::start(shadow.clone()));
        }
        let outcome = match step.thread {
            0 => shadow.lock().expect("nobody panics").take(step),
            thread => workers[thread - 1].take(step),
        };
        outcome.map_err(|seen| Stop::Deviates(format!("line {}, {}: {seen}", number + 1, step.text)))?;
    }
    shadow.lock().expect("nobody panics").end().map_err(|seen| Stop::Deviates(format!("at the end: {seen}")))?;
    Ok(format!("{} steps", steps.len()))
}

/// A thread that takes steps when it is told to: the program decides the order, so that it is the same every time.
struct Worker {
    steps: SyncSender<Step>,
    outcomes: Receiver<Result<(), String>>,
}

impl Worker {
    fn start(shadow: Arc<Mutex<Shadow>>) -> Worker {
        let (steps, to_take) = sync_channel::<Step>(1);
        let (done, outcomes) = sync_channel(1);
        thread::spawn(move || {
            for step in to_take {
                let outcome = shadow.lock().expect("nobody panics").take(&step);
                if done.send(outcome).is_err() {
                    return;
                }
            }
        });
        Worker { steps, outcomes }
    }

    fn take(&self, step: &Step) -> Result<(), String> {
        self.steps.send(step.clone()).map_err(|_| "its thread is gone".to_owned())?;
        self.outcomes.recv().map_err(|_| "its thread is gone".to_owned())?
    }
}
