//! The examples `tenants` and `build_script`, run as users run them: again and again, and interrupted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use secrecy::ExposeSecret;
use support::example::{assert_hides, example, printed};
use support::fresh_directory;
use typesense_keys::KeysClient;
use typesense_keys::testing::{FakeServer, Fault};

fn client(server: &FakeServer) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap()
}

// ---- tenants -----------------------------------------------------------------------------------

fn tenants(server: &FakeServer, directory: &Path, names: &[&str]) -> Output {
    let file = directory.join("names");
    fs::write(&file, names.join("\n")).unwrap();
    let mut command = example("tenants");
    command.env("TYPESENSE_NODES", server.url()).env("TYPESENSE_API_KEY", server.api_key().expose_secret());
    let output = command.arg(file).arg(directory.join("keys")).output().unwrap();
    assert_hides(&printed(&output), server.api_key().expose_secret());
    output
}

/// Tenant, and whether the key that is written down for it is the one that the server has.
#[track_caller]
fn check(server: &FakeServer, directory: &Path, expected: &[&str]) {
    let keys = client(server).list().send().unwrap();
    let text = fs::read_to_string(directory.join("keys")).unwrap();
    let mut seen = HashSet::new();
    for line in text.lines() {
        let [tenant, id, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(seen.insert(tenant.to_owned()), "{tenant} has two keys");
        let key = keys.iter().find(|key| key.id.to_string() == id).unwrap_or_else(|| panic!("key {id} is not there"));
        assert_eq!(key.description, format!("tenant {tenant}, search only"));
        assert!(value.len() == 32 && value.starts_with(&key.prefix));
    }
    assert_eq!(seen, expected.iter().map(|tenant| (*tenant).to_owned()).collect());
    assert_eq!(keys.len(), expected.len(), "an orphan: {keys:?}");
}

#[test]
fn each_tenant_gets_one_key_however_often_it_is_run() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let output = tenants(&server, directory.path(), &["ada", "bob", "cyd"]);
    assert!(output.status.success(), "{}", printed(&output));
    check(&server, directory.path(), &["ada", "bob", "cyd"]);
    let output = tenants(&server, directory.path(), &["ada", "bob", "cyd", "dee"]);
    assert!(printed(&output).contains("1 keys made"), "{}", printed(&output));
    check(&server, directory.path(), &["ada", "bob", "cyd", "dee"]);
}

#[test]
fn a_key_whose_value_was_lost_is_replaced() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    tenants(&server, directory.path(), &["ada", "bob"]);
    // As if it had come to an end between making the key and writing it down.
    let keys = directory.path().join("keys");
    let text = fs::read_to_string(&keys).unwrap();
    fs::write(&keys, text.lines().next().unwrap().to_owned() + "\n").unwrap();
    assert!(tenants(&server, directory.path(), &["ada", "bob"]).status.success());
    check(&server, directory.path(), &["ada", "bob"]);
}

#[test]
fn no_tenant_gets_the_collections_of_another() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let output = tenants(&server, directory.path(), &["ada", "ada_x"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        printed(&output).contains("the key of `ada` would open the collections of `ada_x`"),
        "{}",
        printed(&output)
    );
    assert_eq!(server.key_count(), 0);
}

#[test]
fn a_name_that_is_there_twice_is_one_tenant_and_the_file_becomes_private() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let keys = directory.path().join("keys");
    fs::write(&keys, "").unwrap();
    assert!(tenants(&server, directory.path(), &["ada", "ada"]).status.success());
    check(&server, directory.path(), &["ada"]);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(keys).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn a_failure_in_between_loses_nothing() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let names: Vec<String> = (0..40).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // After the list and five keys.
    (0..6).for_each(|_| server.inject(Fault::Delay(std::time::Duration::ZERO)));
    for _ in 0..3 {
        server.inject(Fault::LoseResponse);
    }
    assert!(tenants(&server, directory.path(), &names).status.success());
    check(&server, directory.path(), &names);
}

// ---- build_script ------------------------------------------------------------------------------

fn build(server: Option<&FakeServer>, directory: &Path) -> Output {
    build_for("docs", server, directory)
}

fn build_for(collection: &str, server: Option<&FakeServer>, directory: &Path) -> Output {
    let mut command = example("build_script");
    command.env("OUT_DIR", directory).env("SITE_COLLECTION", collection);
    command.env("TYPESENSE_API_KEY", "nobody's-key-at-all");
    match server {
        Some(server) => {
            command.env("TYPESENSE_NODES", server.url()).env("TYPESENSE_API_KEY", server.api_key().expose_secret())
        }
        None => command.env("TYPESENSE_NODES", format!("http://127.0.0.1:{}", support::faulty::closed_port())),
    };
    command.output().unwrap()
}

#[test]
fn a_site_gets_its_key_once_in_a_file() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let output = build(Some(&server), directory.path());
    assert!(output.status.success(), "{}", printed(&output));
    let key = fs::read_to_string(directory.path().join("search-key")).unwrap();
    assert_hides(&printed(&output), &key);
    assert_hides(&printed(&output), server.api_key().expose_secret());
    let known = client(&server).list().prefix(&key).send().unwrap();
    assert_eq!((known.len(), known[0].actions[0].as_str()), (1, "documents:search"));
    // A rebuild makes no request.
    let before = server.request_count();
    assert!(build(Some(&server), directory.path()).status.success());
    assert_eq!(server.request_count(), before);
    assert_eq!(fs::read_to_string(directory.path().join("search-key")).unwrap(), key);
    // In a directory that was cleaned, the old key is replaced.
    fs::remove_file(directory.path().join("search-key")).unwrap();
    fs::write(directory.path().join("search-key.new"), "of a build that was interrupted").unwrap();
    assert!(build(Some(&server), directory.path()).status.success());
    assert_ne!(fs::read_to_string(directory.path().join("search-key")).unwrap(), key);
    assert_eq!(server.key_count(), 1);
}

#[test]
fn another_collection_gets_another_key() {
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    build(Some(&server), directory.path());
    assert!(build_for("blog", Some(&server), directory.path()).status.success());
    let key = fs::read_to_string(directory.path().join("search-key")).unwrap();
    let known = client(&server).list().send().unwrap();
    assert_eq!((known.len(), known[0].collections[0].as_str()), (1, "blog"));
    assert!(key.starts_with(&known[0].prefix));
}

#[test]
fn cargo_is_not_asked_to_watch_the_admin_key() {
    // It would keep it in its build directory as it is.
    let (server, directory) = (FakeServer::start().unwrap(), fresh_directory());
    let output = printed(&build(Some(&server), directory.path()));
    assert!(output.contains("rerun-if-env-changed=TYPESENSE_NODES"), "{output}");
    assert!(!output.contains("TYPESENSE_API_KEY"), "{output}");
}

#[test]
fn a_build_without_a_server_fails_and_says_why() {
    let directory = fresh_directory();
    let output = build(None, directory.path());
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("cargo::error=no search key for the site: list keys: http://127.0.0.1:"), "{text}");
    assert!(text.contains("connection refused"), "{text}");
    assert!(!directory.path().join("search-key").exists());
}
