//! The examples, run as users run them: what they print, how they end, and that no key is among it even where
//! everything is logged.

// A test may fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Output, Stdio};

use secrecy::ExposeSecret;
use support::example::{assert_hides, example, printed};
use support::{Tap, fresh_directory};
use typesense_keys::KeysClient;
use typesense_keys::testing::{FakeServer, Fault};

/// An example as a client of a stand-in in this process, by way of a tap.
fn with_server(name: &str, fake_server: &FakeServer, tap: &Tap) -> Command {
    let mut command = example(name);
    command.env("TYPESENSE_NODES", tap.url()).env("TYPESENSE_API_KEY", fake_server.api_key().expose_secret());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Lines that were not logged.
fn said(output: &Output) -> Vec<String> {
    let printed = printed(output);
    printed.lines().filter(|line| !line.starts_with('[')).map(str::to_owned).collect()
}

// ---- quickstart --------------------------------------------------------------------------------

#[test]
fn the_quickstart_tells_a_keys_life_on_a_stand_in_and_says_so() {
    let output = example("quickstart").output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said:?}");
    let first = "No server is named in TYPESENSE_NODES: this runs on a stand-in, in memory, at http://127.0.0.1:";
    assert!(said[0].starts_with(first), "{said:?}");
    let steps = said[1..].iter().map(|line| line.split_whitespace().next().unwrap());
    assert_eq!(
        steps.collect::<Vec<_>>(),
        ["created", "used", "refused", "listed", "got", "deleted", "gone"],
        "one line for each step: {said:?}"
    );
    assert!(said[5].contains("quickstart: may list keys") && said[5].contains("keys:list"), "{said:?}");
}

#[test]
fn the_quickstart_shows_no_key_even_with_its_own_stand_in_and_everything_logged() {
    let output = example("quickstart").output().unwrap();
    let printed = printed(&output);
    assert!(printed.contains("[TRACE ureq"), "{printed}");
    assert!(!printed.contains("[DEBUG mockito"), "the stand-in's server logs whole requests:\n{printed}");
    // The keys are not known here, but what they look like is.
    assert!(!printed.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_drawn), "{printed}");
    assert!(looks_drawn("mgo0aaC6hkuFPSv2iw9PGyRkuPSzKSeW"));
}

/// As a server, or this crate, draws a key's value. (One without any capital comes once in 30 million.)
fn looks_drawn(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_alphanumeric = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    word.len() == 32 && is_alphanumeric && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

#[test]
fn the_quickstart_uses_the_server_that_is_named_and_leaves_nothing_there() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(!printed.contains("stand-in"), "{printed}");
    assert!(fake_server.request_count() >= 7);
    assert_eq!(fake_server.key_count(), 0);

    let values = tap.values();
    assert!(!values.is_empty(), "{}", tap.recorded());
    assert!(tap.recorded().contains(fake_server.api_key().expose_secret()), "the tap sees what the log must not");
    for value in &values {
        assert_hides(&printed, value);
    }
    assert_hides(&printed, fake_server.api_key().expose_secret());
}

#[test]
fn the_quickstart_rides_out_a_lost_reply() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    fake_server.inject(Fault::LoseResponse);
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(fake_server.key_count(), 0, "one key was made, and deleted");
}

#[test]
fn the_quickstart_says_on_one_line_what_went_wrong_and_fails() {
    let fake_server = FakeServer::start().unwrap();
    for (nodes, key, says) in [
        (
            fake_server.url(),
            Some("wrong"),
            "the client's key is wrong, has expired, or lacks the action `keys:create`",
        ),
        (fake_server.url(), None, "invalid configuration: `TYPESENSE_API_KEY`: is not set"),
        ("localhost".to_owned(), Some("key"), "invalid configuration: `TYPESENSE_NODES`"),
        ("http://10.0.0.1".to_owned(), Some("key"), "is plain http to another host"),
    ] {
        let mut quickstart = example("quickstart");
        quickstart.env("TYPESENSE_NODES", nodes).envs(key.map(|key| ("TYPESENSE_API_KEY", key)));
        let output = quickstart.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(matches!(&said[..], [line] if line.starts_with("quickstart: ") && line.contains(says)), "{said:?}");
    }
}

// ---- store -------------------------------------------------------------------------------------

#[test]
fn store_writes_the_key_to_a_file_for_its_owner_alone() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("store", &fake_server, &tap).arg(&file).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).contains(&format!("key 0 was written to {}", file.display())), "{printed}");

    let stored = fs::read_to_string(&file).unwrap();
    assert!(tap.values().contains(&stored), "the file holds the key and nothing else, no line end either");
    assert_hides(&printed, &stored);
    assert_hides(&printed, fake_server.api_key().expose_secret());
    assert_owner_only(&file);

    assert_eq!(fake_server.key_count(), 1);
    let client = KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key()).build().unwrap();
    assert_eq!(client.list().send().unwrap()[0].prefix, stored[..4]);
}

#[cfg(unix)]
fn assert_owner_only(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn assert_owner_only(_: &std::path::Path) {}

#[test]
fn store_runs_on_a_stand_in_and_says_that_the_key_opens_nothing() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let output = example("store").arg(&file).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("the key is a stand-in's, and opens nothing"), "{printed}");
    let stored = fs::read_to_string(&file).unwrap();
    assert!(looks_drawn(&stored));
    assert_hides(&printed, &stored);
}

#[test]
fn store_writes_the_key_and_nothing_else_to_a_pipe() {
    let output = example("store").arg("-").output().unwrap();
    let stored = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && looks_drawn(&stored), "{}", stderr(&output));
    assert_hides(&stderr(&output), &stored);
}

#[test]
fn store_overwrites_nothing_and_makes_no_key_then() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    fs::write(&file, "another key").unwrap();
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("store", &fake_server, &tap).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no key was made"), "{}", stderr(&output));
    assert_eq!((fake_server.request_count(), fs::read_to_string(&file).unwrap()), (0, "another key".to_owned()));

    let nowhere = directory.path().join("absent").join("key");
    let output = with_server("store", &fake_server, &tap).arg(nowhere).output().unwrap();
    assert_eq!((output.status.code(), fake_server.request_count()), (Some(1), 0));
}

#[test]
fn store_leaves_no_file_behind_when_no_key_is_made() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    for (node, key) in [(tap.url(), "wrong"), ("no url".to_owned(), "key")] {
        let mut store = example("store");
        store.env("TYPESENSE_NODES", node).env("TYPESENSE_API_KEY", key).arg(&file);
        let output = store.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        assert!(!file.exists());
    }
}

#[test]
fn store_deletes_a_key_again_that_it_could_not_write() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    // A pipe that nobody reads any more.
    let mut store = with_server("store", &fake_server, &tap);
    let mut running = store.arg("-").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(running.stdout.take());
    let mut complaint = String::new();
    running.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(1), "{complaint}");
    assert!(complaint.contains("standard output could not be written"), "{complaint}");
    assert!(complaint.contains("key 0 is deleted again"), "{complaint}");
    assert_eq!(fake_server.key_count(), 0);
    let values = tap.values();
    assert_hides(&complaint, values.first().expect("a key was made"));

    // A disk that is full.
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let output = with_server("store", &fake_server, &tap).arg("-").stdout(full).output().unwrap();
        assert_eq!((output.status.code(), fake_server.key_count()), (Some(1), 0));
    }
}

#[test]
fn store_keeps_the_value_of_a_key_that_may_live() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let client = KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key()).build().unwrap();
    let maker = client.create().actions(["keys:create"]).collections(["*"]).send().unwrap();
    // The key is made, its reply is lost, and its maker may not look it up.
    fake_server.inject(Fault::LoseResponse);
    let mut store = with_server("store", &fake_server, &tap);
    let output = store.env("TYPESENSE_API_KEY", maker.value.expose_secret()).arg(&file).output().unwrap();
    assert_eq!((output.status.code(), fake_server.key_count()), (Some(1), 2));
    let stored = fs::read_to_string(&file).unwrap();
    assert!(tap.values().contains(&stored));
    let complaint = stderr(&output);
    assert!(complaint.contains(&format!("it was written to {}", file.display())), "{complaint}");
    assert_hides(&complaint, &stored);
}

#[test]
fn store_without_a_place_says_how_to_call_it() {
    for arguments in [&[][..], &["a", "b"]] {
        let output = example("store").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("usage: store FILE"));
    }
}
