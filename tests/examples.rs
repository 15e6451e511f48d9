//! The examples `quickstart` and `store`, run as users run them: what they print, how they end, and that no key is in it
//! even if everything is logged.

// A test may fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use secrecy::ExposeSecret;
#[cfg(unix)]
use support::example::unread_pipe;
use support::example::{assert_hides, example, printed};
use support::{Tap, fresh_directory};
use typesense_keys::testing::{FakeServer, Fault};
use typesense_keys::{Expiry, KeysClient};

/// An example that uses a fake server in this process, through a tap.
fn with_server(name: &str, fake_server: &FakeServer, tap: &Tap) -> Command {
    let mut command = example(name);
    command.env("TYPESENSE_URL", tap.url()).env("TYPESENSE_API_KEY", fake_server.api_key().expose_secret());
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
fn quickstart_without_a_server_runs_on_a_fake_one_and_says_so() {
    let output = example("quickstart").output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said:?}");
    let first = "TYPESENSE_URL names no server: this runs on a fake one, in memory, at http://127.0.0.1:";
    assert!(said[0].starts_with(first), "{said:?}");
    let steps = said[1..].iter().map(|line| line.split_whitespace().next().unwrap());
    assert_eq!(
        steps.collect::<Vec<_>>(),
        ["created", "used", "refused", "got", "rotated", "deleted"],
        "one line for each step: {said:?}"
    );
    assert!(said[4].contains("quickstart: may list keys") && said[4].contains("keys:list"), "{said:?}");
    for line in [1, 5] {
        let (_, date) = said[line].split_once("which expires at ").unwrap();
        assert!(date.starts_with("20") && date.ends_with('Z') && date.parse::<Expiry>().is_ok(), "{date}");
    }
}

#[test]
fn quickstart_fits_on_a_screen() {
    let source = include_str!("../examples/quickstart.rs");
    assert!(source.lines().count() <= 60);
}

#[test]
fn quickstart_with_everything_logged_shows_no_key() {
    let output = example("quickstart").output().unwrap();
    let printed = printed(&output);
    assert!(printed.contains("[TRACE ureq"), "{printed}");
    // The keys are not known here, but their form is.
    assert!(!printed.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_generated), "{printed}");
    assert!(looks_generated("mgo0aaC6hkuFPSv2iw9PGyRkuPSzKSeW"));
}

/// Whether it looks like a generated value. (One without any capital comes once in 30 million.)
fn looks_generated(word: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    let is_alphanumeric = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    word.len() == 32 && is_alphanumeric && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

#[test]
fn quickstart_uses_the_named_server_and_leaves_no_key_there() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(!printed.contains("fake"), "{printed}");
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
fn quickstart_survives_a_lost_response() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    fake_server.inject(Fault::LoseResponse);
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(fake_server.key_count(), 0, "every key was deleted");
}

#[test]
fn quickstart_that_fails_says_why_on_one_line() {
    let fake_server = FakeServer::start().unwrap();
    for (nodes, key, says) in [
        (
            fake_server.url(),
            Some("wrong"),
            "the client's key is wrong, has expired, or lacks the action `keys:create`",
        ),
        (fake_server.url(), None, "invalid configuration: `TYPESENSE_API_KEY`: is not set"),
        ("localhost".to_owned(), Some("key"), "invalid configuration: `TYPESENSE_URL`"),
        ("http://10.0.0.1".to_owned(), Some("key"), "is plain http to another host"),
    ] {
        let mut quickstart = example("quickstart");
        quickstart.env("TYPESENSE_URL", nodes).envs(key.map(|key| ("TYPESENSE_API_KEY", key)));
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
    assert!(stderr(&output).contains(&format!("key 0 is in {}; it expires at 20", file.display())), "{printed}");

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
fn store_without_a_server_says_that_the_key_allows_nothing() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let output = example("store").arg(&file).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("the key is a fake server's, and allows nothing"), "{printed}");
    let stored = fs::read_to_string(&file).unwrap();
    assert!(looks_generated(&stored));
    assert_hides(&printed, &stored);
}

#[test]
fn store_writes_the_key_and_nothing_else_to_a_pipe() {
    let output = example("store").arg("-").output().unwrap();
    let stored = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success() && looks_generated(&stored), "{}", stderr(&output));
    assert_hides(&stderr(&output), &stored);
}

#[test]
fn store_to_a_file_that_exists_creates_no_key() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    fs::write(&file, "another key").unwrap();
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("store", &fake_server, &tap).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no key was created"), "{}", stderr(&output));
    assert_eq!((fake_server.request_count(), fs::read_to_string(&file).unwrap()), (0, "another key".to_owned()));

    let nowhere = directory.path().join("absent").join("key");
    let output = with_server("store", &fake_server, &tap).arg(nowhere).output().unwrap();
    assert_eq!((output.status.code(), fake_server.request_count()), (Some(1), 0));
}

#[test]
fn store_that_creates_no_key_leaves_no_file() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    for (node, key) in [(tap.url(), "wrong"), ("no url".to_owned(), "key")] {
        let mut store = example("store");
        store.env("TYPESENSE_URL", node).env("TYPESENSE_API_KEY", key).arg(&file);
        let output = store.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        assert!(!file.exists());
    }
}

#[test]
fn store_that_cannot_write_the_value_creates_no_key() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    #[cfg(unix)]
    {
        let mut store = with_server("store", &fake_server, &tap);
        let output = store.arg("-").stdout(unread_pipe()).output().unwrap();
        let complaint = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains("standard output could not be written"), "{complaint}");
        assert!(complaint.contains("no key was created"), "{complaint}");
    }

    // A disk that is full.
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let output = with_server("store", &fake_server, &tap).arg("-").stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
    }
    assert_eq!(fake_server.request_count(), 0);
}

#[test]
fn store_writes_the_value_before_the_key_exists() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    fake_server.inject(Fault::Hang);
    let mut store = with_server("store", &fake_server, &tap);
    let mut running = store.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while tap.values().is_empty() && running.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(!tap.values().is_empty(), "the program ended without sending a value");
    assert_eq!((fs::read_to_string(&file).unwrap(), fake_server.key_count()), (tap.values().remove(0), 0));
}

#[test]
fn store_after_a_lost_response_keeps_the_value() {
    let directory = fresh_directory();
    let file = directory.path().join("key");
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let client = KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key()).build().unwrap();
    let maker = client.create().actions(["keys:create"]).collections(["*"]).send().unwrap();
    // The key is created, the response is lost, and the client's key may not list.
    fake_server.inject(Fault::LoseResponse);
    let mut store = with_server("store", &fake_server, &tap);
    let output = store.env("TYPESENSE_API_KEY", maker.value.expose_secret()).arg(&file).output().unwrap();
    assert_eq!((output.status.code(), fake_server.key_count()), (Some(1), 2));
    let stored = fs::read_to_string(&file).unwrap();
    assert!(tap.values().contains(&stored));
    let complaint = stderr(&output);
    assert!(complaint.contains(&format!("{} has its value", file.display())), "{complaint}");
    assert_hides(&complaint, &stored);
}

#[test]
fn store_without_a_place_prints_its_usage() {
    for arguments in [&[][..], &["a", "b"]] {
        let output = example("store").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("usage: store FILE"));
    }
}
