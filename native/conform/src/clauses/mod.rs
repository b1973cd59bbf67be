//! The clauses, by the name that heapswap asks for them. What each is held to stands in heapswap's own table.

mod alignment;
mod contents;
mod edges;
mod errors;
mod exhaustion;
mod freeing;
mod members;
mod processes;
mod threads;
mod zero;

use crate::answer::Answer;
use crate::family::Family;

pub type Clause = fn(&'static Family) -> Answer;

pub const TABLE: &[(&str, Clause)] = &[
    ("whole-family", members::whole_family),
    ("natural-alignment", alignment::natural),
    ("requested-alignment", alignment::requested),
    ("page-alignment", alignment::page),
    ("disjoint-blocks", contents::disjoint),
    ("usable-size", contents::usable_size),
    ("zero-size", zero::unique_or_null),
    ("realloc-to-zero", zero::realloc_to_zero),
    ("calloc-zeroes", contents::calloc_zeroes),
    ("calloc-overflow", errors::calloc_overflow),
    ("realloc-contents", contents::realloc_contents),
    ("realloc-of-null", contents::realloc_of_null),
    ("realloc-failure", errors::realloc_failure),
    ("reallocarray", errors::reallocarray),
    ("posix-memalign-errors", errors::posix_memalign),
    ("posix-memalign-errno", errors::posix_memalign_errno),
    ("aligned-alloc-errors", errors::aligned_alloc),
    ("aligned-alloc-any-size", alignment::any_size),
    ("too-large", errors::too_large),
    ("errno-on-failure", errors::errno_on_failure),
    ("errno-kept-by-free", freeing::errno_kept),
    ("sized-free", freeing::sized),
    ("exhaustion", exhaustion::exhaustion),
    ("threads", threads::at_once),
    ("free-elsewhere", threads::free_elsewhere),
    ("thread-churn", threads::churn),
    ("thread-exit", threads::exit_destructors),
    ("fork", processes::fork),
    ("before-and-after-main", edges::before_and_after_main),
];
