//! One client that eight threads use at once.

use std::thread;

use crate::calls::in_turns;
use crate::measure::{Taken, by_process, micros};
use crate::server::Server;
use crate::table::{RAW, Row, TCP, Target};

const ROUNDS: usize = 31;
const THREADS: usize = 8;
const CALLS: usize = 50;

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let contestants = crate::contestants(&server.url, &server.key);
    let id = contestants[RAW].create();
    let (mut cpu, mut time) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let taken = in_turns(round, |at| {
            // A bare connection cannot be shared.
            (at != TCP).then(|| {
                by_process(|| {
                    thread::scope(|scope| {
                        for _ in 0..THREADS {
                            scope.spawn(|| (0..CALLS).for_each(|_| contestants[at].get(id)));
                        }
                    });
                })
            })
        });
        let each = |spent: fn(&Taken) -> f64| {
            taken.each_ref().map(|taken| taken.as_ref().map(|taken| spent(taken) / (THREADS * CALLS) as f64))
        };
        cpu.push(each(|taken| micros(taken.cpu)));
        time.push(each(|taken| micros(taken.time)));
    }
    vec![
        Row::new("get by 8 threads: CPU, µs", cpu, Target::Times(1.1, RAW)),
        Row::new("get by 8 threads: time / calls, µs", time, Target::None),
    ]
}
