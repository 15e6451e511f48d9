//! Starts this program again, as a process of its own for one test.

use std::env;
use std::process::{Command, Output};

/// The variable that names the role of the process.
const ROLE: &str = "TYPESENSE_KEYS_TEST_ROLE";

/// The role of this process; `None` if it runs the tests.
pub(crate) fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// This program, in another role.
pub(crate) fn command(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(ROLE, role);
    command
}

/// Runs this program in another role. Panics if that fails.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
