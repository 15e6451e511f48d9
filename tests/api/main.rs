//! Properties of the public API (auto traits, sizes, types of other crates) and of the source (which module imports
//! which).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod imports;
mod search_parameters;
mod source;

use std::collections::BTreeSet;
use std::error::Error as StdError;

use typesense_keys::batch::{Batch, SendMany};
use typesense_keys::error::*;
use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};
use typesense_keys::*;

/// The README is also the first page of the documentation, where its links to source files lead nowhere.
#[test]
fn every_link_of_the_readme_leads_into_the_documentation() {
    let of = |text: &'static str, prefix: &'static str| {
        let definitions = text.lines().filter_map(move |line| line.strip_prefix(prefix)?.split_once("]: "));
        definitions.collect::<Vec<_>>()
    };
    let documented: BTreeSet<_> =
        of(include_str!("../../src/lib.rs"), "//! [").into_iter().map(|link| link.0).collect();
    let links = of(include_str!("../../README.md"), "[");
    let missing: Vec<_> =
        links.iter().filter(|(label, path)| path.starts_with("src/") && !documented.contains(label)).collect();
    assert!(links.len() > 20 && missing.is_empty(), "{missing:?}");
}

#[test]
fn every_type_is_send_and_sync() {
    fn is_send<T: Send + 'static>() {}
    is_send::<KeyStream>();
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<KeysClient>();
    is_send_and_sync::<ClientBuilder>();
    is_send_and_sync::<CreateKey>();
    is_send_and_sync::<GetKey>();
    is_send_and_sync::<ListKeys>();
    is_send_and_sync::<RotateKey>();
    is_send_and_sync::<EnsureKey>();
    is_send_and_sync::<EnsuredKey>();
    is_send_and_sync::<SendMany<CreatedKey>>();
    is_send_and_sync::<Batch<CreatedKey>>();
    is_send_and_sync::<ScopedKeyBuilder<'static>>();
    is_send_and_sync::<ScopedKeyInfo>();
    is_send_and_sync::<DeleteKey>();
    is_send_and_sync::<CreatedKey>();
    is_send_and_sync::<KeyInfo>();
    is_send_and_sync::<Error>();
}

#[test]
fn error_fits_into_anyhow_and_is_small_enough_to_return() {
    fn is_error<T: StdError>() {}
    is_error::<Error>();
    is_error::<InvalidInput>();
    is_error::<OutcomeUnknown>();
    is_error::<NotReplicated>();
    is_error::<Incomplete>();
    assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
}

#[test]
fn values_compare_hash_and_copy_as_expected() {
    fn is_map_key<T: Copy + Ord + std::hash::Hash>() {}
    is_map_key::<KeyId>();
    is_map_key::<Expiry>();
    is_map_key::<ErrorKind>();
    is_map_key::<Phase>();
    fn is_hashed<T: Clone + Eq + std::hash::Hash>() {}
    is_hashed::<KeyInfo>();
    is_hashed::<Action>();
    is_hashed::<CollectionPattern>();
}

#[test]
fn client_is_as_small_as_a_pointer() {
    assert_eq!(size_of::<KeysClient>(), size_of::<usize>());
}

#[test]
fn known_actions_are_sorted_and_unique() {
    let texts: Vec<_> = Action::known().iter().map(Action::as_str).collect();
    assert!(texts.windows(2).all(|pair| pair[0] < pair[1]), "{texts:?}");
    assert_eq!(texts.len(), 124);
    assert!(texts.contains(&Action::DOCUMENTS_SEARCH.as_str()));
}

/// Only these files expose secrets, so only these must be read to review that.
#[test]
fn secrets_are_exposed_in_few_files() {
    let exposes = |file: &source::File| file.tokens.iter().any(|token| token == "expose_secret");
    let modules: Vec<_> =
        source::files().iter().filter(|file| exposes(file)).map(|file| file.module.join("::")).collect();
    assert_eq!(
        modules,
        [
            "error::snippet",          // to cover them in a server's text
            "http::proxy",             // the user and password of a proxy
            "http::response",          // a server's message, which may repeat one, on its way to be covered
            "http::tls",               // a client certificate's private key
            "http::transport",         // into the request, past ureq
            "key",                     // a new key's prefix, which the server shows
            "requests::list::decoder", // the name of a member, which is unescaped into wiped memory
            "requests::new_key",       // the value, into the body and against its prefix
            "requests::value",         // a given value, to be checked
            "scoped",                  // the parent's prefix
            "scoped::info",            // a scoped key's parent, against its prefix; a scoped key, to be read
            "secret",                  // to check what a header can carry
            "testing::keys",           // the fake server, which is for tests
            "value_root",              // to derive a value from it
        ]
    );
}

/// A seeded map panics without a random source, and `thread::spawn` panics at the limit of threads. After a create,
/// such a panic would lose the value of the key.
#[test]
fn no_call_panics_without_a_random_source_or_a_thread() {
    for file in source::files() {
        let module = file.module.join("::");
        for seeded in ["HashMap", "HashSet", "RandomState"] {
            assert!(!file.tokens.iter().any(|token| token == seeded), "{module}: {seeded}");
        }
        let spawns = file.tokens.windows(3).any(|tokens| tokens == ["thread", "::", "spawn"]);
        assert!(!spawns, "{module}: thread::spawn");
    }
}

/// `public-api.txt` lists the whole public API; `.ci/run` compares it with the source.
#[test]
fn public_api_shows_types_of_few_crates() {
    let api = include_str!("../public-api.txt");
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths = api.split(|c| !is_part(c)).filter(|path| !path.starts_with("::"));
    // Nothing separates an associated type from its bound: `Errorcore::convert::Into`.
    let krate =
        |path: &'static str| Some(path.split_once("::")?.0.trim_start_matches("Error").trim_start_matches("Item"));
    let crates: BTreeSet<_> = paths.filter_map(krate).filter(|&name| name != "Self").collect();
    let permitted =
        ["alloc", "core", "secrecy", "serde_core", "serde_json", "std", "typesense_keys"].into_iter().collect();
    assert_eq!(crates, permitted);
}
