//! Shared with `native/heaps`, whose libraries too hold one allocator each.

/// Refuses to build two allocators into one library.
macro_rules! at_most_one {
    () => {};
    ($first:literal $(, $other:literal)*) => {
        #[cfg(all(feature = $first, any($(feature = $other),*)))]
        compile_error!(concat!(
            "global allocator has already been set: the feature `", $first, "` is on and so is another allocator. ",
            "One library holds one allocator: build once for each feature ",
            "(`cargo build --release -p ", env!("CARGO_PKG_NAME"), " --features ", $first, "`), and never with --all-features."
        ));
        at_most_one!($($other),*);
    };
}
