//! What happened: the events of a stream, and the words of the format that both sides share.

/// Of the format described in this crate.
pub const VERSION: u16 = 1;

/// Members of the malloc family, numbered as in the probe's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Function {
    Malloc = 0,
    Calloc,
    Realloc,
    Reallocarray,
    Memalign,
    AlignedAlloc,
    PosixMemalign,
    Valloc,
    Pvalloc,
    Cfree,
    FreeSized,
    FreeAlignedSized,
    Free,
}

impl Function {
    pub const ALL: [Self; 13] = [
        Self::Malloc,
        Self::Calloc,
        Self::Realloc,
        Self::Reallocarray,
        Self::Memalign,
        Self::AlignedAlloc,
        Self::PosixMemalign,
        Self::Valloc,
        Self::Pvalloc,
        Self::Cfree,
        Self::FreeSized,
        Self::FreeAlignedSized,
        Self::Free,
    ];

    /// As the C library spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malloc => "malloc",
            Self::Calloc => "calloc",
            Self::Realloc => "realloc",
            Self::Reallocarray => "reallocarray",
            Self::Memalign => "memalign",
            Self::AlignedAlloc => "aligned_alloc",
            Self::PosixMemalign => "posix_memalign",
            Self::Valloc => "valloc",
            Self::Pvalloc => "pvalloc",
            Self::Cfree => "cfree",
            Self::FreeSized => "free_sized",
            Self::FreeAlignedSized => "free_aligned_sized",
            Self::Free => "free",
        }
    }
}

/// One thing that a thread did, in its order. Blocks and callers are addresses, sizes are bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Written after the call. `alignment` is 0 where the function takes none.
    Allocate {
        function: Function,
        block: u64,
        size: u64,
        alignment: u64,
        caller: u64,
    },
    /// Written before the call.
    Free {
        function: Function,
        block: u64,
    },
    /// Written before the call of a realloc that has a block.
    ReallocFrom {
        block: u64,
    },
    /// Written after it; `block` may be the same.
    ReallocTo {
        block: u64,
        size: u64,
        caller: u64,
    },
    /// Written after it: `block` lives on as it was.
    ReallocFailed {
        block: u64,
        size: u64,
    },
    /// An allocation of `size` bytes was refused.
    Failed {
        function: Function,
        size: u64,
    },
    /// How many pages of the block that is freed next had been touched.
    Touched {
        pages: u32,
    },
    /// The epoch as it is from here on.
    Tick {
        epoch: u64,
    },
    /// The stream is this thread's from here on.
    Thread {
        tid: u32,
    },
    ThreadEnd,
    /// The process has forked; the child's stream is another.
    Fork {
        child: u32,
    },
}

/// Kinds of records: bits 0–2 of a tag.
pub(crate) mod kind {
    pub const RARE: u8 = 0;
    pub const MALLOC: u8 = 1;
    pub const FREE: u8 = 2;
    pub const CALLOC: u8 = 3;
    pub const REALLOC_FROM: u8 = 4;
    pub const REALLOC_TO: u8 = 5;
    pub const OTHER_ALLOCATION: u8 = 6;
    pub const OTHER_FREE: u8 = 7;
}

/// Codes of rare records: bits 3–7 of a tag of kind 0.
pub(crate) mod rare {
    pub const TICK: u8 = 1;
    pub const EPOCH: u8 = 2;
    pub const CALLER: u8 = 3;
    pub const FAILED: u8 = 4;
    pub const REALLOC_FAILED: u8 = 5;
    pub const TOUCHED: u8 = 6;
    pub const THREAD: u8 = 7;
    pub const THREAD_END: u8 = 8;
    pub const FORK: u8 = 9;
}

/// Places in the table of callers.
pub(crate) const PLACES: usize = 256;

/// A caller, and the size it last asked for.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Site {
    pub address: u64,
    pub size: u64,
}

impl Site {
    pub const EMPTY: Self = Self { address: 0, size: 0 };
}
