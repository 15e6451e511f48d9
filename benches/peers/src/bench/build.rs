//! Builds the program of [`one_shot`](super::one_shot) from scratch, in a package of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::measure::by_children;
use crate::server::{Server, fresh_directory};
use crate::table::{OFFICIAL, RAW, Row, Target};

/// Rows without TLS and with it. The official client always has TLS.
pub(crate) fn measure(_: &Server) -> Vec<Row> {
    const SERDE: &str = "serde = { version = '1', features = ['derive'] }\nserde_json = '1'\n";
    let ours =
        |features: &str| format!("typesense-keys = {{ path = '{}/../..', {features} }}", env!("CARGO_MANIFEST_DIR"));
    let raw = |features: &str| format!("{SERDE}ureq = {{ version = '3.5', default-features = false, {features} }}");
    let official = Built::new("official", "typesense = '0.4'\ntokio = { version = '1', features = ['rt'] }");
    let plain = [Built::new("ours", &ours("default-features = false")), Built::new("raw", &raw(""))];
    let tls = [Built::new("ours", &ours("")), Built::new("raw", &raw("features = ['rustls']"))];
    let mut rows = Vec::new();
    // With TLS, most of the work is that of rustls and ring, which all contestants build.
    let targets = [[Target::Times(2.4, RAW), Target::Times(2.0, RAW)], [Target::Times(0.5, OFFICIAL); 2]];
    let groups = [("without TLS", plain, 1.6), ("with TLS", tls, 3.3)];
    for ((what, [ours, raw], size), [release, debug]) in groups.into_iter().zip(targets) {
        let row = |unit: &str, of: fn(&Built) -> f64, target| {
            let round = [Some(of(&ours)), Some(of(&raw)), None, None, Some(of(&official))];
            Row::new(format!("build {what}: {unit}"), vec![round], target)
        };
        rows.push(row("crates", |built| built.crates as f64, Target::None));
        rows.push(row("release, CPU s", |built| built.release, release));
        rows.push(row("debug, CPU s", |built| built.debug, debug));
        rows.push(row("stripped, MB", |built| built.size, Target::AtMost(size)));
    }
    rows
}

struct Built {
    crates: usize,
    release: f64,
    debug: f64,
    size: f64,
}

impl Built {
    fn new(contestant: &str, dependencies: &str) -> Built {
        eprintln!("building {contestant} ...");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = fresh_directory();
        let package = directory.path();
        let manifest = format!(
            "[package]\nname = 'stub'\nedition = '2024'\n[workspace]\n[profile.release]\nstrip = true\n\
             [lib]\nname = 'typesense_keys_peers'\npath = '{here}/src/lib.rs'\n\
             [[bin]]\nname = 'stub'\npath = '{here}/src/bin/one_shot_{contestant}.rs'\n\
             [dependencies]\n{dependencies}\n",
            here = here.display()
        );
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        // The same versions for every contestant.
        fs::copy(here.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
        cargo(package, &["fetch"]);
        let tree = cargo(package, &["tree", "--edges=normal", "--prefix=none", "--no-dedupe"]);
        let crates: BTreeSet<_> = tree.lines().filter(|line| !line.starts_with("stub ")).collect();
        let build = |profile| by_children(|| _ = cargo(package, &["build", "--offline", profile])).as_secs_f64();
        Built {
            crates: crates.len(),
            release: build("--profile=release"),
            debug: build("--profile=dev"),
            size: fs::metadata(package.join("target/release/stub")).unwrap().len() as f64 / 1e6,
        }
    }
}

fn cargo(package: &Path, arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    for other in ["RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(other);
    }
    cargo.args(arguments).current_dir(package).env("CARGO_TARGET_DIR", package.join("target"));
    let output = cargo.output().expect("a cargo that starts");
    assert!(output.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
