//! What is left of keys in the memory of a process that has used and dropped them: nothing, over plain http.
//!
//! Each test runs in a child process of its own, because this one has the servers' key in plain sight. The child gets
//! it masked, makes calls, drops everything, and searches all its memory that can be read, freed memory included.
//! Over https the TLS library keeps copies, which are counted and printed. Memory can be searched on Linux only.

mod calls;
pub(crate) mod child;
mod search;

use crate::support::harness::LiveTest;

pub(crate) const TESTS: &[LiveTest] = &[
    ("secret_in_freed_memory_is_found", child::control),
    ("key_that_was_created_and_deleted_is_gone", child::life),
    ("refused_key_is_gone", child::refusals),
    ("key_whose_response_was_lost_is_gone", child::lost_responses),
    ("key_that_went_through_many_threads_is_gone", child::threads),
    ("key_that_a_server_repeats_is_gone", child::echoes),
    #[cfg(feature = "tls")]
    ("copies_left_by_tls_are_counted", child::encrypted),
];
