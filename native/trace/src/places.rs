//! Where in which file a return address lies.

use crate::container::Container;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A file as it was when it was loaded.
#[derive(Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct File {
    path: String,
    build_id: Option<String>,
    size: Option<u64>,
    /// nanoseconds since 1970
    modified: Option<i64>,
}

struct Module {
    end: u64,
    file: Rc<File>,
    /// What an address in memory has more than in the file.
    shift: u64,
}

/// A place in a file; without a path the address itself.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    file: Rc<File>,
    address: u64,
}

impl Place {
    /// `version` is what tells whether a file is still the same; a recording before there were names has none.
    pub fn told(&self) -> Value {
        let File { path, build_id, size, modified } = &*self.file;
        let version = json!({"build_id": build_id, "size": size, "modified": modified});
        json!({"module": path, "offset": self.address, "version": version})
    }
}

/// The files that each process had mapped.
pub struct Places {
    modules: BTreeMap<(u32, u64), Module>,
    none: Rc<File>,
}

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
                // Without the address that the file has for it, the place in the file is the same as a rule.
                let shift = start.wrapping_sub(number("address").or(number("offset")).unwrap_or(0));
                let file = Rc::new(File {
                    path: path.to_owned(),
                    build_id: module["build_id"].as_str().map(str::to_owned),
                    size: number("size"),
                    modified: module["modified"].as_i64(),
                });
                modules.insert((*process, start), Module { end, file, shift });
            }
        }
        Self { modules, none: Rc::default() }
    }

    pub fn of(&self, process: u32, address: u64) -> Place {
        match self.modules.range((process, 0)..=(process, address)).next_back() {
            Some((_, module)) if address < module.end => {
                Place { file: Rc::clone(&module.file), address: address.wrapping_sub(module.shift) }
            }
            _ => Place { file: Rc::clone(&self.none), address },
        }
    }
}
