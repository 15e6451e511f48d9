//! Instructions of a call, which do not depend on the machine's load.

use std::process::Command;

use crate::contestants::tcp;
use crate::one_shot::{PROGRAMS, run};
use crate::server::Server;
use crate::table::{Row, Target};
use typesense_keys_peers::Keys;

const CALLS: usize = 200;

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let id = tcp::connect(&server.url, &server.key).create().to_string();
    let row = |what: &str, target| {
        let counts = PROGRAMS.map(|program| {
            // The difference does not contain what happens before the first call.
            let [some, twice] =
                [CALLS, 2 * CALLS].map(|calls| count(program?, server, what, &[&calls.to_string(), &id]));
            Some((twice? - some?) / CALLS as f64)
        });
        Row::new(format!("{what}: instructions"), vec![counts], target)
    };
    vec![row("get", Target::AtMost(40_000.0)), row("create", Target::AtMost(52_000.0))]
}

fn count(program: &str, server: &Server, what: &str, more: &[&str]) -> Option<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program]);
    let report = String::from_utf8_lossy(&run(valgrind, [&server.url, &server.key, what], more).stderr).into_owned();
    let (_, collected) = report.rsplit_once("Collected : ").expect("callgrind's report");
    collected.split_whitespace().next()?.parse().ok()
}
