//! A process that uses keys, drops them, and looks for what is left; and the parent's side of it.

use std::env;
use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};

use secrecy::{ExposeSecret, SecretString};

use crate::calls::{self, Scene};
use crate::search::{Copy, Masked, copies};
use crate::support::Server;
use crate::support::faulty::{self, Loss, Pieces, closed_port};
#[cfg(feature = "tls")]
use crate::support::{TestCa, harness::or_ignore};

const CHILD: &str = "TYPESENSE_KEYS_MEMORY_CHILD";

type Calls = fn(&Scene, &mut Vec<Masked>) -> typesense_keys::KeysClient;

const SCENES: &[(&str, Calls)] = &[
    ("life", calls::life),
    ("drawn", calls::drawn),
    ("own", calls::own),
    ("drawn by the server", calls::drawn_by_the_server),
    ("lifecycle", calls::lifecycle),
    ("refusals", calls::refusals),
    ("lost response", calls::lost_response),
    ("no response", calls::no_response),
    ("threads", calls::threads),
];

pub(super) fn life(server: &Server) {
    for scene in ["life", "drawn", "own", "drawn by the server", "lifecycle"] {
        expect_nothing(scene, server, &server.url());
    }
}

pub(super) fn refusals(server: &Server) {
    expect_nothing("refusals", server, &server.url());
}

pub(super) fn lost_responses(server: &Server) {
    for loss in [Loss::Closed, Loss::Silence, Loss::CutAfter(100), Loss::CutAfter(250)] {
        expect_nothing("lost response", server, &faulty::lossy(server.port(), [loss]).url());
        expect_nothing("no response", server, &faulty::lossy(server.port(), [loss; 5]).url());
    }
    expect_nothing("no response", server, &faulty::silent().url());
    expect_nothing("no response", server, &format!("http://127.0.0.1:{}", closed_port()));
}

pub(super) fn threads(server: &Server) {
    expect_nothing("threads", server, &server.url());
}

/// Not in here: a key where a number belongs, which the JSON parser repeats in the text of an error of its own.
pub(super) fn echoes(server: &Server) {
    for response in [
        "HTTP/1.1 400 {key} {value}\r\nx: {key} {value}\r\ncontent-type: {key}{value}\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 400 Bad\r\ncontent-length: {length}\r\n\r\n{\"message\": \"\\n {key} {value}\"}",
        "HTTP/1.1 400 Bad\r\ncontent-length: {length}\r\n\r\n{\"message\": \"{key} {value}",
        "HTTP/1.1 201 Bad\r\ncontent-length: {length}\r\n\r\n{\"message\": \"\\n {key} {value}\"}",
        "HTTP/1.1 200 Bad\r\ncontent-length: {length}\r\n\r\n{\"message\": \"\\n {key} {value}\", \"keys\": 1}",
        "HTTP/1.1 307 Go\r\nlocation: http://{key}:{value}@{value}.test/{key}\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n1;{key}\r\na\r\n{value}\r\n",
        "HTTP/1.1 400 Bad\r\ncontent-encoding: {key}\r\ncontent-length: 0\r\n\r\n{value}",
        "{key} {value}\r\n\r\n",
    ] {
        for pieces in [Pieces::Whole, Pieces::Bytes] {
            let report = run_child("no response", server.api_key(), &faulty::echo(response, pieces).url(), "");
            let heap = report.left - report.on_the_stack;
            assert_eq!(heap, 0, "{response:?} leaves copies:\n{}", report.text);
            // Parsers that are not optimised put what they look at into variables of functions that have returned.
            let may_be_on_the_stack = cfg!(debug_assertions);
            assert!(may_be_on_the_stack || report.on_the_stack == 0, "{response:?} leaves pieces:\n{}", report.text);
            println!("{pieces:?} {response:?}: {heap} copies left, {} pieces on the stack", report.on_the_stack);
        }
    }
}

/// No assertion that nothing is left: what is, is the TLS library's.
#[cfg(feature = "tls")]
pub(super) fn encrypted(_: &Server) {
    let ca = TestCa::new();
    let server = or_ignore(Server::start_tls(&ca.issue(&["127.0.0.1"])));
    for scene in ["life", "threads"] {
        let report = run_child(scene, server.api_key(), &server.url(), &ca.pem());
        let Report { searched, left, .. } = report;
        println!(
            "over https, {scene}: {searched} secrets looked for, {left} copies or pieces left:\n{}",
            report.text
        );
    }
}

/// The search finds a secret in a `String` that was freed: the other tests can fail.
pub(super) fn control(server: &Server) {
    let report = run_child("control", server.api_key(), &server.url(), "");
    assert!(report.left > 0, "{}", report.text);
}

fn expect_nothing(scene: &str, server: &Server, url: &str) {
    let Report { searched, in_use, left, on_the_stack: _, text } = run_child(scene, server.api_key(), url, "");
    println!("{scene}: {searched} secrets looked for, {left} copies or pieces left");
    assert_eq!(left, 0, "{scene} leaves copies:\n{text}");
    assert_eq!(in_use, 1, "copies of the admin key while the client has it");
}

/// What a child has found.
struct Report {
    searched: usize,
    /// Copies of the admin key while there was a client.
    in_use: usize,
    left: usize,
    /// As many of them are in dead frames of the main thread's stack.
    on_the_stack: usize,
    text: String,
}

fn run_child(scene: &str, admin: &str, url: &str, ca: &str) -> Report {
    let mut child = Command::new(env::current_exe().unwrap())
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let admin = Masked::of("admin key", &SecretString::from(admin)).to_hex();
    child.stdin.take().unwrap().write_all([scene, url, &admin, ca].join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "the child failed, see above; it said:\n{text}");
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no `{name}` in: {text}"))
    };
    Report {
        searched: number("searched:"),
        in_use: number("in use:"),
        left: number("left:"),
        on_the_stack: number("on the stack:"),
        text,
    }
}

pub(super) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// What the child does.
pub(super) fn run() -> ExitCode {
    let mut settings = String::new();
    std::io::stdin().read_to_string(&mut settings).unwrap();
    let [name, url, admin, ca] = settings.splitn(4, '\n').collect::<Vec<_>>().try_into().unwrap();
    let scene = Scene { url: url.to_owned(), admin: Masked::from_hex("admin key", admin), ca: ca.to_owned() };
    let mut secrets = vec![scene.admin.clone()];
    match SCENES.iter().find(|(scene, _)| *scene == name) {
        Some((_, calls)) => {
            let client = calls(&scene, &mut secrets);
            println!("in use: {}", copies(std::slice::from_ref(&scene.admin)).len());
            drop(client);
        }
        None => {
            println!("in use: 0");
            secrets.push(leak());
        }
    }
    let left = copies(&secrets);
    for Copy { secret, address, length, region } in &left {
        println!("{length} bytes of {secret} at {address:x} in {region}");
    }
    let on_the_stack = left.iter().filter(|copy| copy.region == "[stack]").count();
    println!("searched: {}\nleft: {}\non the stack: {on_the_stack}", secrets.len(), left.len());
    ExitCode::SUCCESS
}

fn leak() -> Masked {
    let secret = Masked::draw("leaked on purpose", 64);
    // An optimiser would see that nobody uses it.
    drop(black_box(String::from(secret.reveal().expose_secret())));
    secret
}
