//! Runs this crate's examples as users do: as programs.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::process::outlived_by_nobody;
use super::scan::Scanner;

/// A command that runs an example, which is built like this test. It has no settings of a server, and logs everything.
pub fn example(name: &str) -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let mut command = outlived_by_nobody(&BUILT.get_or_init(build).join(program));
    command.env("RUST_LOG", "trace");
    for variable in ["TYPESENSE_URL", "TYPESENSE_API_KEY", "TYPESENSE_API_KEY_FILE", "TYPESENSE_ALLOW_PLAINTEXT"] {
        command.env_remove(variable);
    }
    command
}

/// Builds the examples, as `cargo test` does and `cargo test --test …` does not. Returns their directory.
fn build() -> PathBuf {
    let features = [
        ("default", cfg!(feature = "default")),
        ("tls", cfg!(feature = "tls")),
        ("native-roots", cfg!(feature = "native-roots")),
        ("testing", cfg!(feature = "testing")),
    ];
    let features: Vec<_> = features.into_iter().filter_map(|(feature, on)| on.then_some(feature)).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--no-default-features", "--features", &features.join(",")]);
    cargo.args(["--examples", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // These variables, which cargo sets for this test, would make build scripts run again.
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"].iter().any(|of| name.starts_with(of)) {
            cargo.env_remove(&variable);
        }
    }
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/TEST");
    profile.join("examples")
}

/// A pipe whose reading end is closed before the program starts. If it were closed after the start, the program could
/// still write into it.
#[cfg(unix)]
pub fn unread_pipe() -> std::process::Stdio {
    let (reader, writer) = std::os::unix::net::UnixStream::pair().expect("two sockets");
    // A shutdown, because dropping the reader is not enough: a process that starts now may have a copy of the handle.
    reader.shutdown(std::net::Shutdown::Both).expect("a socket that can be closed");
    std::os::fd::OwnedFd::from(writer).into()
}

/// What a program has printed, on both streams.
pub fn printed(output: &Output) -> String {
    [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat()
}

#[track_caller]
pub fn assert_hides(text: &str, secret: &str) {
    let found = Scanner::of([secret]).find(text.as_bytes());
    assert!(found.is_empty(), "a part of a key is shown: {found:?}:\n{text}");
}
