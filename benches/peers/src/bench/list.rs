//! Long lists.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::calls::in_turns;
use crate::contestants::{official, ours, raw};
use crate::measure::{allocated, by_thread};
use crate::server::Server;
use crate::table::{RAW, Round, Row, Target};

const ROUNDS: usize = 11;

pub(crate) fn measure(server: &Server) -> Vec<Row> {
    let mut rows = Vec::new();
    for keys in [20_000, 100_000] {
        let url = serve(&body(keys));
        let ours = ours::connect(&url, &server.key);
        let raw = raw::connect(&url, &server.key);
        let official = official::connect(&url, &server.key);
        let list = || assert_eq!(black_box(ours.list()).len(), keys);
        let stream = || assert_eq!(ours.stream(), keys);
        let raw = || assert_eq!(black_box(raw.list()).len(), keys);
        let official = || assert_eq!(black_box(official.list()).len(), keys);
        let works: [&dyn Fn(); 4] = [&list, &raw, &official, &stream];

        let peaks = works.map(|work| Some(allocated(work).1 as f64 / f64::from(1 << 20)));
        // Only this thread's: the server is in this process.
        let cpus = (0..ROUNDS)
            .map(|round| in_turns(round, |at| Some(by_thread(|| works[at]()).cpu.as_secs_f64() * 1e3)))
            .collect::<Vec<[_; 4]>>();

        let sent = |[ours, raw, official, _]: [Option<f64>; 4]| -> Round { [ours, raw, None, None, official] };
        let streamed = |[_, raw, official, ours]: [Option<f64>; 4]| -> Round { [ours, raw, None, None, official] };
        let what = format!("list of {},000", keys / 1000);
        let target = Target::Times(1.1, RAW);
        rows.push(Row::new(format!("{what}: CPU, ms"), cpus.iter().copied().map(sent).collect(), target));
        rows.push(Row::new(format!("{what}: heap, MiB"), vec![sent(peaks)], Target::None));
        rows.push(Row::new(
            format!("{what}, `stream`: CPU, ms"),
            cpus.into_iter().map(streamed).collect(),
            Target::None,
        ));
        rows.push(Row::new(format!("{what}, `stream`: heap, MiB"), vec![streamed(peaks)], Target::None));
    }
    rows
}

fn body(keys: usize) -> String {
    let keys: Vec<String> = (0..keys)
        .map(|id| {
            format!(
                r#"{{"actions":["documents:search"],"collections":["docs"],"description":"key {id} of a long list","expires_at":64723363199,"id":{id},"value_prefix":"{:04}"}}"#,
                id % 10_000
            )
        })
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// Answers every request with this body, in one chunk, as Typesense does; ends with this process.
fn serve(body: &str) -> String {
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let reply: &'static [u8] = reply.leak().as_bytes();
        for connection in listener.incoming() {
            thread::spawn(|| talk(connection.unwrap(), reply));
        }
    });
    url
}

/// A request here has no body, and so ends with its first empty line.
fn talk(mut connection: TcpStream, reply: &[u8]) {
    for line in BufReader::new(connection.try_clone().unwrap()).lines() {
        let Ok(line) = line else { return };
        if line.is_empty() && connection.write_all(reply).is_err() {
            return;
        }
    }
}
