//! Tells the sources whether an allocator was chosen, and keeps the library loaded to the end of the process: threads
//! that used the heap call back into it when they end.

use std::env;

const FEATURES: [&str; 5] = ["JEMALLOC", "MIMALLOC", "MIMALLOC_SECURE", "SNMALLOC", "SYSTEM"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(chosen)");
    println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    if FEATURES.iter().any(|feature| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()) {
        println!("cargo::rustc-cfg=chosen");
    }
}
