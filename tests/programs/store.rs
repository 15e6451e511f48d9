//! The example `store`, run as users run it: it stores the value for its owner alone, before the key exists.

use std::fs::{self, File};
use std::process::Stdio;

use secrecy::ExposeSecret;
use typesense_keys::KeysClient;
use typesense_keys::testing::{FakeServer, Fault};

#[cfg(unix)]
use crate::support::example::unread_pipe;
use crate::support::example::{assert_hides, example, printed};
use crate::support::{Tap, fresh_directory};
use crate::{looks_generated, stderr, with_server};

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
    assert!(tap.values().contains(&stored), "the file does not contain exactly the value");
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

    // A full disk.
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
