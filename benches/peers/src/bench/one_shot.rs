//! A process that creates, gets and deletes a key.

use std::process::{Command, Output};

use crate::calls::in_turns;
use crate::measure::by_children;
use crate::server::Server;
use crate::table::{OFFICIAL, Round, Row, Target};

const ROUNDS: usize = 25;

/// In the order of the table's columns.
pub(crate) const PROGRAMS: [Option<&str>; 5] = [
    Some(env!("CARGO_BIN_EXE_one_shot_ours")),
    Some(env!("CARGO_BIN_EXE_one_shot_raw")),
    None,
    Some(env!("CARGO_BIN_EXE_one_shot_tcp")),
    Some(env!("CARGO_BIN_EXE_one_shot_official")),
];

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let targets = [Target::Times(0.02, OFFICIAL), Target::AtMost(4.0)];
    measure_programs("a process of its own", ROUNDS, &server.url, &server.key, "life", targets)
}

/// CPU time and memory of the programs that do `what`.
pub(crate) fn measure_programs(
    name: &str,
    rounds: usize,
    url: &str,
    key: &str,
    what: &str,
    [cpu, memory]: [Target; 2],
) -> Vec<Row> {
    // A bare connection does not parse lists.
    let programs = PROGRAMS.map(|program| program.filter(|name| what == "life" || !name.ends_with("tcp")));
    let cpus: Vec<Round> = (0..rounds)
        .map(|round| {
            in_turns(round, |at| {
                let program = programs[at]?;
                Some(by_children(|| _ = run(Command::new(program), [url, key, what], &[])).as_secs_f64() * 1e3)
            })
        })
        .collect();
    let peaks = programs.map(|program| {
        let told = run(Command::new(program?), [url, key, what], &["peak"]).stdout;
        Some(String::from_utf8(told).ok()?.trim().parse::<f64>().ok()? / 1024.0)
    });
    vec![
        Row::new(format!("{name}: CPU, ms"), cpus, cpu),
        Row::new(format!("{name}: memory, MiB"), vec![peaks], memory),
    ]
}

pub(crate) fn run(mut program: Command, what: [&str; 3], more: &[&str]) -> Output {
    let output = program.args(what).args(more).output().expect("a program that starts");
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
