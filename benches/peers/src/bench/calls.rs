//! Sequential calls on one connection.

use typesense_keys_peers::Keys;

use crate::measure::{Taken, allocated, by_process, micros};
use crate::server::Server;
use crate::table::{RAW, Round, Row, Target};

const ROUNDS: usize = 41;
const CALLS: usize = 100;

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let contestants = crate::contestants(&server.url, &server.key);
    let id = contestants[RAW].create();
    let get = |keys: &dyn Keys| keys.get(id);
    let create = |keys: &dyn Keys| _ = keys.create();
    let mut rows = Vec::new();
    for (what, call) in [("get", &get as &dyn Fn(&dyn Keys)), ("create", &create)] {
        let (mut cpu, mut time) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let taken = in_turns(round, |at| by_process(|| (0..CALLS).for_each(|_| call(&*contestants[at]))));
            let each = |spent: fn(&Taken) -> f64| taken.each_ref().map(|taken| Some(spent(taken) / CALLS as f64));
            cpu.push(each(|taken| micros(taken.cpu)));
            time.push(each(|taken| micros(taken.time)));
        }
        let allocations: Round = contestants.each_ref().map(|keys| Some(allocated(|| call(&**keys)) as f64));
        rows.push(Row::new(format!("{what}: CPU, µs"), cpu, Target::Times(1.0, RAW)));
        rows.push(Row::new(format!("{what}: time, µs"), time, Target::None));
        rows.push(Row::new(format!("{what}: allocations"), vec![allocations], Target::RawPlus(8.0)));
    }
    rows
}

/// Runs each contestant once, and starts with another one in every round.
pub(crate) fn in_turns<T, const N: usize>(round: usize, mut turn: impl FnMut(usize) -> T) -> [T; N] {
    let mut results = [const { None }; N];
    for at in (0..N).map(|turn| (turn + round) % N) {
        results[at] = Some(turn(at));
    }
    results.map(|result| result.expect("each had a turn"))
}
