//! Compares the cost of calls with other clients: `cargo bench --manifest-path benches/peers/Cargo.toml`.
//!
//! All contestants talk to one real server on loopback, in turns, so that a noisy machine disturbs them equally. The
//! medians of the rounds' ratios are compared. Prints a Markdown table. Needs Linux.
//!
//! Name the parts to run after `--`. Without names, all parts but `build` and `instructions` run:
//!
//! * `calls`: CPU time, time and allocations of a get and of a create.
//! * `threads`: the same client used by eight threads.
//! * `scoped`: signing a scoped search key.
//! * `list`: a process that lists 20,000 or 100,000 keys, from a server in this benchmark that sends a stored response.
//! * `one-shot`: a process that creates, gets and deletes a key.
//! * `instructions`: instructions of a get and of a create. Needs valgrind.
//! * `build`: CPU time, crates and size of a program that uses the client, built from scratch. Takes minutes.

mod build;
mod calls;
mod instructions;
mod list;
mod measure;
mod one_shot;
mod scoped;
mod server;
mod table;
mod threads;

#[path = "../contestants"]
mod contestants {
    pub(crate) mod official;
    pub(crate) mod ours;
    pub(crate) mod raw;
    pub(crate) mod tcp;
}

use std::env;
use std::process::ExitCode;

use typesense_keys_peers::Keys;

use self::contestants::{official, ours, raw, tcp};
use self::server::Server;
use self::table::{Row, print};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

type Part = (&'static str, fn(&Server) -> Vec<Row>);

const PARTS: [Part; 7] = [
    ("calls", calls::measure),
    ("threads", threads::measure),
    ("scoped", scoped::measure),
    ("list", list::measure),
    ("one-shot", one_shot::measure),
    ("instructions", instructions::measure),
    ("build", build::measure),
];

/// How many of the parts run by default.
const USUAL: usize = 5;

fn main() -> ExitCode {
    // Cargo itself passes `--bench`.
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| PARTS.iter().all(|(name, _)| name != wanted)) {
        eprintln!("no part is named {unknown}; there are: {}", PARTS.map(|(name, _)| name).join(", "));
        return ExitCode::FAILURE;
    }
    let server = match Server::start() {
        Ok(server) => server,
        Err(reason) => {
            eprintln!("no real server: {reason}; set TYPESENSE_SERVER_BIN to a server's binary");
            return ExitCode::FAILURE;
        }
    };
    let mut rows = Vec::new();
    for (at, (name, measure)) in PARTS.iter().enumerate() {
        if if wanted.is_empty() { at < USUAL } else { wanted.iter().any(|wanted| wanted == name) } {
            eprintln!("{name} ...");
            rows.extend(measure(&server));
        }
    }
    print(&rows);
    ExitCode::SUCCESS
}

/// In the order of the table's columns.
fn contestants(url: &str, key: &str) -> [Box<dyn Keys>; 5] {
    [
        Box::new(ours::connect(url, key)),
        Box::new(raw::connect(url, key)),
        Box::new(raw::connect_limited(url, key)),
        Box::new(tcp::connect(url, key)),
        Box::new(official::connect(url, key)),
    ]
}
