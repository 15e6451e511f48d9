//! Measures a list of many keys, as a whole and key by key: `cargo bench --bench list [-- COUNT]`.
//!
//! A server in this process sends a list of 1,000,000 keys, and generates it while it sends. The table shows the peak of
//! the client's memory, and the time next to that of `serde_json` with the whole body in memory, which neither waits nor
//! transfers.
//!
//! The next rows stream keys for a pattern each (`tenant_7_.*`), without and with a filter that matches every pattern with
//! a name. The last rows compare a list with an error whose text may show none of as many values.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use serde::Deserialize;
use typesense_keys::plan::KeySpec;
use typesense_keys::{Action, ErrorKind, KeyInfo, KeysClient};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 5;

/// The number of keys with a pattern.
const PATTERNS: usize = 100_000;

#[derive(Deserialize)]
struct List {
    keys: Vec<KeyInfo>,
}

fn main() {
    let count = env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000);
    let url = serve(count, "");
    let client = client(&url);
    let stream = || assert_eq!(client.list().stream().unwrap().map(Result::unwrap).count(), count);
    let whole = || assert_eq!(client.list().send().unwrap().len(), count);

    let (_, stream_memory) = measure(stream);
    let (_, whole_memory) = measure(whole);
    let body = ureq::get(format!("{url}/keys")).call().unwrap().body_mut().with_config().limit(1 << 40).read_to_vec();
    let body = body.unwrap();
    let in_memory = || assert_eq!(serde_json::from_slice::<List>(&body).unwrap().keys.len(), count);
    // In turns, so that a noisy machine disturbs all of them equally.
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
    measure_patterns();
    measure_masking();
}

/// An `apply` whose list is refused masks the values of all its keys in the error.
fn measure_masking() {
    let (listing, refusing) = (client(&serve(PATTERNS, "")), client(&serve_and_refuse()));
    let specs = || {
        let spec =
            |number| KeySpec::new(format!("masking {number}")).actions(["documents:search"]).collections(["docs"]);
        (0..PATTERNS).map(spec).collect::<Vec<_>>()
    };
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        times[0].push(measure(|| assert_eq!(listing.list().send().unwrap().len(), PATTERNS)).0);
        let plan = refusing.plan(specs()).send().unwrap();
        let started = Instant::now();
        assert_eq!(plan.apply().unwrap_err().kind(), ErrorKind::Rejected);
        times[1].push(started.elapsed());
    }
    let [list, masking] = times.map(median);
    println!("\n{PATTERNS} keys or values\n");
    println!("{:<36}{list:>10.2?}{:>8.2}", "list().send()", 1.0);
    println!("{:<36}{masking:>10.2?}{:>8.2}", "apply, refused", masking.as_secs_f64() / list.as_secs_f64());
}

/// Responds with an empty list and with a long refusal, in turn; the address.
fn serve_and_refuse() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let refusal = format!(r#"{{"message":"{}"}}"#, "0123456789abcdef".repeat(1000));
        let responses = [("200 OK", r#"{"keys":[]}"#), ("400 Bad Request", &refusal)];
        for stream in listener.incoming().map(Result::unwrap) {
            for (status, body) in responses.iter().cycle() {
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
                if receive_request(&stream).and_then(|()| (&stream).write_all((head + body).as_bytes())).is_err() {
                    break;
                }
            }
        }
    });
    url
}

fn measure_patterns() {
    let client = self::client(&serve(PATTERNS, "_.*"));
    let all = || assert_eq!(client.list().stream().unwrap().count(), PATTERNS);
    let filter = || client.list().allows(Action::DOCUMENTS_SEARCH, "tenant_7_docs");
    let matching = || assert_eq!(filter().stream().unwrap().count(), 1);
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (times, work) in times.iter_mut().zip([&all as &dyn Fn(), &matching]) {
            times.push(measure(work).0);
        }
    }
    let [base, matching] = times.map(median);
    println!("\n{PATTERNS} keys with a pattern\n");
    println!("{:<36}{base:>10.2?}{:>8.2}", "stream()", 1.0);
    println!("{:<36}{matching:>10.2?}{:>8.2}", "allows(…).stream()", matching.as_secs_f64() / base.as_secs_f64());
}

fn client(url: &str) -> KeysClient {
    let limit = Duration::from_secs(600);
    let builder = KeysClient::builder().node(url).api_key("key").max_list_size(1 << 40);
    builder.timeout(limit).attempt_timeout(limit).build().unwrap()
}

/// The time that `work` takes, and the peak of the memory that it uses.
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
/// Each key has a collection of its own, whose name is followed by `suffix`.
fn serve(count: usize, suffix: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // One thread for the client's connection and one for ureq's.
    for _ in 0..2 {
        let listener = listener.try_clone().unwrap();
        // Allocated here, before the client's memory is measured.
        let mut chunk = Vec::with_capacity(33 * 1024);
        thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                // An error means that the client has closed the connection.
                while receive_request(&stream).is_ok() && respond(&stream, &mut chunk, count, suffix).is_ok() {}
            }
        });
    }
    url
}

/// Receives one request without a body.
fn receive_request(mut stream: &TcpStream) -> io::Result<()> {
    let (mut request, mut length) = ([0; 4096], 0);
    while !request[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[length..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => length += more,
        }
    }
    Ok(())
}

fn respond(mut stream: &TcpStream, chunk: &mut Vec<u8>, count: usize, suffix: &str) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: keep-alive\r\n\
        transfer-encoding: chunked\r\n\r\n",
    )?;
    chunk.extend(b"{\"keys\":[");
    for id in 0..count {
        let comma = if id == 0 { "" } else { "," };
        write!(
            chunk,
            r#"{comma}{{"actions":["documents:search"],"collections":["tenant_{id}{suffix}"],"description":"tenant {id}, search only","expires_at":64723363199,"id":{id},"value_prefix":"{:04}"}}"#,
            id % 10_000
        )?;
        if chunk.len() >= 32 * 1024 {
            send_chunk(stream, chunk)?;
        }
    }
    chunk.extend(b"]}");
    send_chunk(stream, chunk)?;
    stream.write_all(b"0\r\n\r\n")
}

fn send_chunk(mut stream: &TcpStream, chunk: &mut Vec<u8>) -> io::Result<()> {
    write!(stream, "{:x}\r\n", chunk.len())?;
    stream.write_all(chunk)?;
    chunk.clear();
    stream.write_all(b"\r\n")
}
