//! Reads what is being bundled from the C sources themselves, for the marker that the library carries.

use std::env;
use std::fs;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    println!("cargo::rustc-check-cfg=cfg(chosen)");
    if let Some(marker) = marker() {
        println!("cargo::rustc-cfg=chosen");
        println!("cargo::rustc-env=HEAPSWAP_ALLOCATOR={marker}");
    }
}

/// The line of the marker; none without a feature. With two features the compiler refuses anyway.
fn marker() -> Option<String> {
    let chosen = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if chosen("JEMALLOC") {
        Some(jemalloc())
    } else if chosen("SNMALLOC") {
        Some(format!("family=snmalloc;version={}", locked_version("snmalloc-sys")))
    } else if chosen("MIMALLOC_SECURE") {
        Some(format!("family=mimalloc;version={};features=secure", mimalloc_version()))
    } else if chosen("MIMALLOC") || chosen("MIMALLOC_V2") {
        Some(format!("family=mimalloc;version={}", mimalloc_version()))
    } else {
        None
    }
}

/// `MI_MALLOC_VERSION 30302` in the header is 3.3.2.
fn mimalloc_version() -> String {
    let header = Path::new(&variable("DEP_MIMALLOC_INCLUDE_DIR")).join("mimalloc.h");
    let number: u32 = word_after(&read(&header), "#define MI_MALLOC_VERSION").parse().expect("a number");
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

/// The version is in the installed header; the page size is not, so it is read where the crate's build script reads it.
fn jemalloc() -> String {
    let header = read(&Path::new(&variable("DEP_JEMALLOC_ROOT")).join("include/jemalloc/jemalloc.h"));
    let part = |name: &str| word_after(&header, &format!("#define JEMALLOC_VERSION_{name}")).to_owned();
    let version = format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("BUGFIX"));
    format!("family=jemalloc;version={version};features=stats;lg_page={}", lg_page())
}

fn lg_page() -> String {
    let target = variable("TARGET").to_uppercase().replace('-', "_");
    [format!("{target}_JEMALLOC_SYS_WITH_LG_PAGE"), "JEMALLOC_SYS_WITH_LG_PAGE".to_owned()]
        .iter()
        .find_map(|name| {
            println!("cargo::rerun-if-env-changed={name}");
            env::var(name).ok()
        })
        .expect(
            "jemalloc's page size must be chosen, or it would be that of the building machine: \
             call cargo inside the heapswap folder, whose .cargo/config.toml does, or set JEMALLOC_SYS_WITH_LG_PAGE",
        )
}

/// snmalloc has no version in its sources; the crate carries it.
fn locked_version(package: &str) -> String {
    let lock = read(Path::new("../Cargo.lock"));
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"")).expect("a locked package");
    word_after(entry, "version =").trim_matches('"').to_owned()
}

fn word_after<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("`{mark}` is not there"));
    rest.split_whitespace().next().unwrap_or_default()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set by cargo"))
}
