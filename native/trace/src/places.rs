//! Where in which file a return address lies.

use crate::container::Container;
use std::collections::BTreeMap;

struct Module {
    end: u64,
    path: String,
    /// What an address in memory has more than its place in the file.
    shift: u64,
}

/// The files that each process had mapped.
pub struct Places(BTreeMap<(u32, u64), Module>);

impl Places {
    pub fn new(container: &Container) -> Self {
        let mut modules = BTreeMap::new();
        for (process, value) in &container.processes {
            for module in value["modules"].as_array().into_iter().flatten() {
                let number = |name: &str| module[name].as_u64();
                let (Some(start), Some(end), Some(path)) = (number("start"), number("end"), module["path"].as_str())
                else {
                    continue;
                };
                let shift = start.wrapping_sub(number("offset").unwrap_or(0));
                modules.insert((*process, start), Module { end, path: path.to_owned(), shift });
            }
        }
        Self(modules)
    }

    /// The file and the place in it; no file, and the address itself, where none is known.
    pub fn of(&self, process: u32, address: u64) -> (String, u64) {
        match self.0.range((process, 0)..=(process, address)).next_back() {
            Some((_, module)) if address < module.end => (module.path.clone(), address.wrapping_sub(module.shift)),
            _ => (String::new(), address),
        }
    }
}
