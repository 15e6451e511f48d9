//! Tests of what belongs to a whole process: its environment, its logger, its memory, its limits, and its forks. A test
//! that needs a process of its own runs this program again in a [role](child).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod child;
mod environment;
#[cfg(unix)]
mod fork;
mod leaks;
mod logger;
#[cfg(target_os = "linux")]
mod memory;
#[path = "../support/mod.rs"]
mod support;
mod threads;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(role) = child::role() {
        match role.split_once(' ').unwrap_or((&role, "")) {
            ("environment", case) => environment::main(case),
            #[cfg(unix)]
            ("fork", _) => fork::main(),
            ("logger", case) => logger::main(case),
            ("threads", url) => threads::main(url),
            #[cfg(target_os = "linux")]
            ("memory", _) => memory::child::main(),
            #[cfg(feature = "tls")]
            ("tls", _) => leaks::tls::behind_a_proxy(),
            _ => panic!("no such role: {role}"),
        }
        return ExitCode::SUCCESS;
    }
    let plain = [
        environment::TESTS,
        logger::TESTS,
        threads::TESTS,
        #[cfg(unix)]
        fork::TESTS,
    ];
    let live = [
        leaks::TESTS,
        #[cfg(target_os = "linux")]
        memory::TESTS,
    ];
    let result = support::harness::run(&plain.concat(), &live.concat());
    leaks::watch::print_totals();
    result
}
