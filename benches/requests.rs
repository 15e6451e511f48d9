//! What a call costs beside raw ureq: `cargo bench --bench requests`.
//!
//! All rivals talk to the same keep-alive server in this process, in turns, so that a noisy machine disturbs them
//! alike; what counts are the ratios. CPU is that of the calling thread (Linux; elsewhere only the time is shown).
//!
//! * `raw ureq`: ureq and serde_json, no time limit, as a quick script would have it.
//! * `raw ureq, limited`: the same with a time limit, for which ureq starts a thread for every request.
//! * `typesense-keys`: deadlines on, secrets kept out of ureq.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a benchmark may stop")]

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use typesense_keys::{Action, Expiry, KeyInfo, KeysClient};

const KEY: &str = "an-admin-key-of-thirty-two-chars";
const ROUNDS: usize = 40;
const CALLS: usize = 200;

fn main() {
    let url = serve();
    let client = KeysClient::builder().node(&url).api_key(KEY).build().unwrap();
    let raw = ureq::Agent::new_with_defaults();
    let limited: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();

    let get = |agent: &ureq::Agent| -> KeyInfo {
        let mut reply = agent.get(format!("{url}/keys/7")).header("x-typesense-api-key", KEY).call().unwrap();
        serde_json::from_slice(&reply.body_mut().read_to_vec().unwrap()).unwrap()
    };
    let create = |agent: &ureq::Agent| -> serde_json::Value {
        let body = br#"{"description":"docs","actions":["documents:search"],"collections":["docs"]}"#;
        let request = agent.post(format!("{url}/keys")).header("x-typesense-api-key", KEY);
        let mut reply = request.header("content-type", "application/json").send(&body[..]).unwrap();
        serde_json::from_slice(&reply.body_mut().read_to_vec().unwrap()).unwrap()
    };
    compare(
        "get",
        &[
            ("raw ureq", &|| _ = black_box(get(&raw))),
            ("raw ureq, limited", &|| _ = black_box(get(&limited))),
            ("typesense-keys", &|| _ = black_box(client.get(7).send().unwrap())),
        ],
    );
    compare(
        "create",
        &[
            ("raw ureq", &|| _ = black_box(create(&raw))),
            ("raw ureq, limited", &|| _ = black_box(create(&limited))),
            ("typesense-keys", &|| {
                let request = client.create().description("docs").actions([Action::DOCUMENTS_SEARCH]);
                black_box(request.collections(["docs"]).send().unwrap());
            }),
        ],
    );
    assert_eq!(client.get(7).send().unwrap().expires_at, Expiry::NEVER);
}

type Rival<'a> = (&'a str, &'a dyn Fn());

/// Runs the rivals in turns, and prints the median round of each, beside that of the first.
fn compare(what: &str, rivals: &[Rival<'_>]) {
    let mut times = vec![Vec::new(); rivals.len()];
    let mut cpus = vec![Vec::new(); rivals.len()];
    for round in 0..ROUNDS {
        for turn in 0..rivals.len() {
            let at = (turn + round) % rivals.len();
            let (started, cpu) = (Instant::now(), thread_cpu());
            (0..CALLS).for_each(|_| rivals[at].1());
            times[at].push(started.elapsed().as_secs_f64() * 1e6 / CALLS as f64);
            cpus[at].push((thread_cpu() - cpu) as f64 / 1e3 / CALLS as f64);
        }
    }
    let medians = |of: &mut Vec<Vec<f64>>| -> Vec<f64> {
        of.iter_mut()
            .map(|rounds| {
                rounds.sort_by(f64::total_cmp);
                rounds[rounds.len() / 2]
            })
            .collect()
    };
    let (times, cpus) = (medians(&mut times), medians(&mut cpus));
    println!("\n{what:<20}  µs a call  ratio   CPU µs  ratio");
    for (at, (name, _)) in rivals.iter().enumerate() {
        let (time, cpu) = (times[at], cpus[at]);
        println!("{name:<20} {time:>10.1} {:>6.2} {cpu:>8.1} {:>6.2}", time / times[0], cpu / cpus[0]);
    }
}

/// Nanoseconds that this thread has spent on a processor; 0 where the system does not tell.
fn thread_cpu() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|spent| spent.parse().ok()).unwrap_or(0)
}

/// A server that knows one key, answers as Typesense does (chunked, keep-alive), and does nothing else.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|connection| _ = thread::spawn(|| talk(connection.unwrap()))));
    url
}

fn talk(connection: TcpStream) {
    connection.set_nodelay(true).unwrap();
    let mut requests = BufReader::new(connection.try_clone().unwrap());
    let mut replies = connection;
    let key = r#""actions":["documents:search"],"collections":["docs"],"description":"docs","expires_at":64723363199,"id":7"#;
    loop {
        let (mut line, mut length, mut is_create) = (String::new(), 0, false);
        loop {
            line.clear();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            is_create |= lower.starts_with("post");
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.read_exact(&mut vec![0; length]).unwrap();
        let (status, body) = if is_create {
            ("201 Created", format!("{{{key},\"value\":\"0123456789abcdefghijklmnopqrstuv\"}}"))
        } else {
            ("200 OK", format!("{{{key},\"value_prefix\":\"0123\"}}"))
        };
        let head = "content-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked";
        let reply = format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        replies.write_all(reply.as_bytes()).unwrap();
    }
}
