//! A process that creates, gets and deletes a key, and ends.

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
    let cpu: Vec<Round> = (0..ROUNDS)
        .map(|round| {
            in_turns(round, |at| {
                let program = PROGRAMS[at]?;
                Some(by_children(|| _ = run(Command::new(program), server, &["life"])).as_secs_f64() * 1e3)
            })
        })
        .collect();
    let peak = PROGRAMS.map(|program| {
        let told = run(Command::new(program?), server, &["peak"]).stdout;
        Some(String::from_utf8(told).ok()?.trim().parse::<f64>().ok()? / 1024.0)
    });
    vec![
        Row::new("a process of its own: CPU, ms", cpu, Target::Times(0.02, OFFICIAL)),
        Row::new("a process of its own: memory, MiB", vec![peak], Target::AtMost(4.0)),
    ]
}

pub(crate) fn run(mut program: Command, server: &Server, what: &[&str]) -> Output {
    let output = program.args([&*server.url, &*server.key]).args(what).output().expect("a program that starts");
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
