//! A process that has used and dropped keys has nothing of them left in its memory, if it has used plain http.
//!
//! Each test runs in a child process, because this process contains the server's key. The child receives the key
//! masked, makes calls, drops everything, and searches all its readable memory, including freed memory. Over https, the
//! TLS library keeps copies, which are counted and printed. The search works on Linux only.

mod calls;
pub(crate) mod child;
mod search;

use crate::support::harness::LiveTest;

pub(crate) const TESTS: &[LiveTest] = &[
    ("secret_in_freed_memory_is_found", child::control),
    ("created_and_deleted_key_is_wiped", child::life),
    ("refused_key_is_wiped", child::refusals),
    ("key_whose_response_was_lost_is_wiped", child::lost_responses),
    ("key_used_by_many_threads_is_wiped", child::threads),
    ("key_that_a_server_repeats_is_wiped", child::echoes),
    #[cfg(feature = "tls")]
    ("copies_left_by_tls_are_counted", child::encrypted),
];
