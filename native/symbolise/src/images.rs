//! The ELF files of loaded objects: unwinding tables, and names of functions.

use crate::answer::Frame;
use crate::record::Module;
use addr2line::Loader;
use framehop::ExplicitModuleSectionInfo;
use gimli::{BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, UnwindSection};
use object::{Object, ObjectSection};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub type Bytes = &'static [u8];

const DEBUG_FILES: &str = "/usr/lib/debug/.build-id";

/// A file as it was loaded, mapped as long as this program runs.
pub struct Image {
    path: String,
    file: Option<object::File<'static>>,
    /// where functions and lines are looked up: the file itself, and the one with what was stripped from it
    loaders: Vec<Loader>,
    names: std::cell::RefCell<HashMap<u64, Vec<Frame>>>,
}

/// Every file once.
#[derive(Default)]
pub struct Images {
    images: HashMap<(String, Vec<u8>), Rc<Image>>,
}

impl Images {
    pub fn of(&mut self, module: &Module) -> Rc<Image> {
        let key = (module.path.clone(), module.head.clone());
        Rc::clone(self.images.entry(key).or_insert_with(|| Rc::new(Image::open(module))))
    }
}

impl Image {
    fn open(module: &Module) -> Self {
        Self::of(&module.path, map(Path::new(&module.path)).filter(|bytes| is_the_same(bytes, module)))
    }

    /// The file at a path, whose bytes these are; None where it is not what was loaded.
    pub fn of(path: &str, bytes: Option<Bytes>) -> Self {
        let file = bytes.and_then(|bytes| object::File::parse(bytes).ok());
        let places = if file.is_some() { vec![PathBuf::from(path)] } else { vec![] };
        let stripped = file.as_ref().and_then(debug_file).filter(|path| path.exists());
        // What was stripped tells more, so it is asked first.
        let loaders = stripped.into_iter().chain(places).filter_map(|path| Loader::new(path).ok()).collect();
        Self { path: path.to_owned(), file, loaders, names: Default::default() }
    }

    /// What unwinding needs of it; None where the file is not there any more.
    pub fn sections(&self) -> Option<ExplicitModuleSectionInfo<Bytes>> {
        let (text, frames, index) = (self.section(".text"), self.section(".eh_frame"), self.section(".eh_frame_hdr"));
        Some(ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: range(&text),
            text: data(&text),
            got_svma: range(&self.section(".got")),
            eh_frame_svma: range(&frames),
            eh_frame: data(&frames),
            eh_frame_hdr_svma: range(&index),
            eh_frame_hdr: data(&index),
            debug_frame: data(&self.section(".debug_frame")),
            ..Default::default()
        })
        .filter(|_| self.file.is_some())
    }

    fn section(&self, name: &str) -> Option<object::Section<'static, '_>> {
        self.file.as_ref()?.section_by_name(name)
    }

    /// The functions at an address of the file, inlined ones first; there is always one.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        self.names.borrow_mut().entry(address).or_insert_with(|| self.look_up(address)).clone()
    }

    fn look_up(&self, address: u64) -> Vec<Frame> {
        let described = self.loaders.iter().map(|loader| described(loader, address)).find(|frames| !frames.is_empty());
        let frames = described.unwrap_or_else(|| vec![Frame { function: self.symbol(address), ..Frame::default() }]);
        frames.into_iter().map(|frame| Frame { library: self.path.clone(), ..frame }).collect()
    }

    /// The symbol at an address; without one the address at which its function begins tells functions apart.
    fn symbol(&self, address: u64) -> String {
        let name = self.loaders.iter().find_map(|loader| loader.find_symbol(address));
        name.map(plain).unwrap_or_else(|| match self.begin(address) {
            Some(begin) => format!("{}+{begin:#x}", self.name()),
            None => format!("{}+{address:#x}", self.name()),
        })
    }

    fn name(&self) -> String {
        Path::new(&self.path).file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where the unwinding tables have the function of an address begin.
    fn begin(&self, address: u64) -> Option<u64> {
        let (frames, index) = (self.section(".eh_frame")?, self.section(".eh_frame_hdr")?);
        let text = self.section(".text").map_or(0, |section| section.address());
        let bases =
            BaseAddresses::default().set_eh_frame(frames.address()).set_eh_frame_hdr(index.address()).set_text(text);
        let header = EhFrameHdr::new(index.data().ok()?, LittleEndian).parse(&bases, 8).ok()?;
        let section: EhFrame<EndianSlice<'_, LittleEndian>> = EhFrame::new(frames.data().ok()?, LittleEndian);
        let entry = header.table()?.fde_for_address(&section, &bases, address, EhFrame::cie_from_offset).ok()?;
        Some(entry.initial_address())
    }
}

/// What the debugging information says of an address: nothing where there is none.
fn described(loader: &Loader, address: u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let Ok(mut found) = loader.find_frames(address) else { return frames };
    while let Ok(Some(frame)) = found.next() {
        let Some(function) = frame.function.as_ref().and_then(|function| function.demangle().ok()) else { continue };
        let (file, line) = frame.location.map_or((None, None), |location| (location.file, location.line));
        frames.push(Frame {
            function: function.into_owned(),
            file: file.unwrap_or_default().to_owned(),
            line: line.unwrap_or_default(),
            ..Frame::default()
        });
    }
    frames
}

/// A symbol as it was written in the source; compilers add words behind a dot to the parts of a function.
fn plain(symbol: &str) -> String {
    let whole = symbol.split_once('@').map_or(symbol, |(name, _)| name);
    let name = match whole.split_once('.') {
        Some((name, _)) if !name.is_empty() => name,
        _ => whole,
    };
    addr2line::demangle_auto(name.into(), None).into_owned()
}

pub fn map(path: &Path) -> Option<Bytes> {
    let file = File::open(path).ok()?;
    // SAFETY: read only. Who changes the file meanwhile may crash this program, and nothing else.
    let mapped = unsafe { memmap2::Mmap::map(&file) }.ok()?;
    Some(Box::leak(Box::new(mapped)))
}

/// Whether a file begins as it did when it was loaded, build id included.
fn is_the_same(bytes: &[u8], module: &Module) -> bool {
    const LENGTH: usize = 64;
    [0, module.stamp].iter().all(|at| {
        let then = module.head.get(*at..at + LENGTH);
        then.is_some() && bytes.get(*at..at + LENGTH) == then
    })
}

fn debug_file(file: &object::File<'_>) -> Option<PathBuf> {
    let id = file.build_id().ok()??;
    let (first, rest) = id.split_first()?;
    Some(PathBuf::from(format!("{DEBUG_FILES}/{first:02x}/{}.debug", hexadecimal(rest))))
}

/// As tools write build ids.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn range(section: &Option<object::Section<'static, '_>>) -> Option<std::ops::Range<u64>> {
    let section = section.as_ref()?;
    Some(section.address()..section.address() + section.size())
}

fn data(section: &Option<object::Section<'static, '_>>) -> Option<Bytes> {
    section.as_ref()?.data().ok()
}
