//! What a list of many keys costs, whole and key by key: `cargo bench --bench list [-- COUNT]`.
//!
//! A server in this process sends a list of 1,000,000 keys, which it makes while it sends. Shown are the most memory
//! that was in use beyond what was before, and the time, beside `serde_json` on the whole body in memory, which has
//! nothing to wait for and nothing to transfer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may stop")]

use std::env;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde::Deserialize;
use typesense_keys::{KeyInfo, KeysClient};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 5;

#[derive(Deserialize)]
struct List {
    keys: Vec<KeyInfo>,
}

fn main() {
    let count = env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000);
    let url = serve(count);
    let builder = KeysClient::builder().node(&url).api_key("key").max_list_size(1 << 40);
    let client = builder.timeout(Duration::from_secs(600)).attempt_timeout(Duration::from_secs(600)).build().unwrap();
    let stream = || assert_eq!(client.list().stream().unwrap().map(Result::unwrap).count(), count);
    let whole = || assert_eq!(client.list().send().unwrap().len(), count);

    let (_, stream_memory) = measure(stream);
    let (_, whole_memory) = measure(whole);
    let body = ureq::get(format!("{url}/keys")).call().unwrap().body_mut().with_config().limit(1 << 40).read_to_vec();
    let body = body.unwrap();
    let in_memory = || assert_eq!(serde_json::from_slice::<List>(&body).unwrap().keys.len(), count);
    // In turns, so that a noisy machine disturbs all alike.
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (times, work) in times.iter_mut().zip([&in_memory as &dyn Fn(), &stream, &whole]) {
            times.push(measure(work).0);
        }
    }
    let [base, stream, whole] = times.map(median);
    println!("{count} keys, {:.0} MB\n", body.len() as f64 / 1e6);
    println!("{:<36}{:>10}{:>8}{:>14}", "", "time", "ratio", "memory, KiB");
    println!("{:<36}{base:>10.2?}{:>8.2}", "serde_json, body in memory", 1.0);
    for (name, time, memory) in [("stream()", stream, stream_memory), ("send()", whole, whole_memory)] {
        println!("{name:<36}{time:>10.2?}{:>8.2}{:>14}", time.as_secs_f64() / base.as_secs_f64(), memory / 1024);
    }
}

/// The time that `work` takes, and the most memory that it uses.
fn measure(work: impl Fn()) -> (Duration, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let started = Instant::now();
    work();
    (started.elapsed(), HEAP.peak_usage().saturating_sub(before))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.into_iter().nth(ROUNDS / 2).unwrap()
}

/// Responds to every request with a list of `count` keys, in chunks as a Typesense server does; the address.
fn serve(count: usize) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // One connection at a time is all that is needed, and its buffers are there before anything is measured.
        for stream in listener.incoming().map(Result::unwrap) {
            thread::spawn(move || response(&stream, count));
        }
    });
    url
}

fn response(stream: &std::net::TcpStream, count: usize) {
    let mut requests = BufReader::new(stream);
    let mut line = String::new();
    while requests.by_ref().take(8192).read_line(&mut line).is_ok_and(|length| length > 0) {
        if line != "\r\n" {
            line.clear();
            continue;
        }
        line.clear();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: keep-alive\r\n\
            transfer-encoding: chunked\r\n\r\n";
        let mut out = Chunked(stream);
        if (&*stream).write_all(head.as_bytes()).is_err() {
            return;
        }
        let mut body = BufWriter::with_capacity(32 * 1024, &mut out);
        let _ = body.write_all(b"{\"keys\":[");
        for id in 0..count {
            let comma = if id == 0 { "" } else { "," };
            let _ = write!(
                body,
                r#"{comma}{{"actions":["documents:search"],"collections":["tenant_{id}"],"description":"tenant {id}, search only","expires_at":64723363199,"id":{id},"value_prefix":"{:04}"}}"#,
                id % 10_000
            );
        }
        let _ = body.write_all(b"]}");
        drop(body);
        if (&*stream).write_all(b"0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// Each write is a chunk.
struct Chunked<'a>(&'a std::net::TcpStream);

impl Write for Chunked<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        write!(self.0, "{:x}\r\n", bytes.len())?;
        self.0.write_all(bytes)?;
        self.0.write_all(b"\r\n")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
