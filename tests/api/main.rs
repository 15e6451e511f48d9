//! Properties of the public API (auto traits, sizes, what may not appear in it) and of the source (what imports what).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod imports;

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};

use typesense_keys::*;

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
    is_send_and_sync::<SendMany<CreateItem>>();
    is_send_and_sync::<Batch<CreateItem>>();
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
    is_error::<InvalidAction>();
    is_error::<InvalidCollectionPattern>();
    is_error::<InvalidKeyId>();
    is_error::<InvalidServerVersion>();
    is_error::<InvalidExpiry>();
    is_error::<InvalidKeyId>();
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
fn client_is_a_pointer() {
    assert_eq!(size_of::<KeysClient>(), size_of::<usize>());
}

#[test]
fn known_actions_are_sorted_and_unique() {
    let texts: Vec<_> = Action::known().iter().map(Action::as_str).collect();
    assert!(texts.windows(2).all(|pair| pair[0] < pair[1]), "{texts:?}");
    assert_eq!(texts.len(), 124);
    assert!(texts.contains(&Action::DOCUMENTS_SEARCH.as_str()));
}

/// To review where secrets are exposed, these files are all there is to read.
#[test]
fn secrets_are_exposed_in_few_files() {
    let files = sources().into_iter().filter(|(_, text)| code(text).contains(".expose_secret()"));
    let files: Vec<_> = files.map(|(file, _)| file).collect();
    assert_eq!(
        files,
        [
            "error/snippet.rs",        // to cover them in a server's text
            "http/decode.rs",          // a server's message, which may repeat one, on its way to be covered
            "http/proxy.rs",           // the user and password of a proxy
            "http/tls.rs",             // a client certificate's private key
            "http/transport.rs",       // into the request, past ureq
            "key.rs",                  // a new key's prefix, which the server shows
            "requests/new_key.rs",     // the value, into the body and against its prefix
            "requests/tests/model.rs", // the model of a server, in unit tests
            "scoped/info.rs",          // a scoped key's parent, against its prefix; a scoped key, to be read
            "scoped/signature.rs",     // the parent, to sign with
            "scoped.rs",               // the parent's prefix
            "secret.rs",               // to check what a header can carry
            "testing/keys.rs",         // the fake server, which is for tests
        ]
    );
}

/// The README says why: whoever holds such a key can sign scoped keys.
#[test]
fn no_example_creates_a_search_only_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut read, mut examples) = (Vec::new(), Vec::new());
    collect(&root.join("examples"), &mut examples);
    // It signs scoped keys with one, which it keeps.
    for file in examples.iter().filter(|file| !file.ends_with("tenants.rs")).chain([&root.join("README.md")]) {
        read.push((file.display().to_string(), fs::read_to_string(file).unwrap()));
    }
    for (file, text) in sources() {
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        read.push((file, comments.collect::<Vec<_>>().join("\n")));
    }
    for (file, text) in read {
        for alone in [r#"["documents:search"]"#, "[Action::DOCUMENTS_SEARCH]"] {
            assert!(
                !text.contains(alone),
                "{file} has a key with {alone}: add `documents:get`, or use another action"
            );
        }
    }
}

#[test]
fn no_type_of_ureq_http_or_mockito_is_public() {
    let sources: Vec<_> = sources().into_iter().map(|(file, text)| (file, code(&text))).collect();
    let public_types: Vec<&str> = sources.iter().flat_map(|(_, text)| text.lines().filter_map(public_type)).collect();
    assert!(public_types.contains(&"KeysClient") && !public_types.contains(&"Engine"), "{public_types:?}");
    for (file, text) in &sources {
        // A private type may have the name of a public one.
        let private: Vec<&str> = text.lines().filter_map(private_type).collect();
        let public: Vec<&str> = public_types.iter().copied().filter(|name| !private.contains(name)).collect();
        for line in text.lines().map(str::trim) {
            assert!(!shows_a_foreign_type(line, &public), "{file}: {line}");
        }
    }
}

#[test]
fn foreign_type_is_noticed_only_where_it_is_public() {
    let shows = |line| shows_a_foreign_type(line, &["Error", "KeysClient"]);
    assert!(shows("pub fn agent(&self) -> &ureq::Agent {"));
    assert!(shows("pub use ureq;"));
    assert!(shows("impl From<ureq::Error> for Error {"));
    assert!(shows("impl AsRef<ureq::Agent> for KeysClient {"));
    assert!(!shows("impl From<Fault> for ureq::Error {"));
    assert!(!shows("impl From<crate::http::Fault> for Fault {"));
    assert!(!shows("impl Iterator for KeysClient {"));
    assert!(!shows("pub(super) fn agent(&self) -> &ureq::Agent {"));
}

/// The name of the public type that the line declares.
fn public_type(line: &str) -> Option<&str> {
    declared_type(line.strip_prefix("pub ")?)
}

fn private_type(line: &str) -> Option<&str> {
    declared_type(line.strip_prefix("pub(super) ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line))
}

fn declared_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("struct ").or(line.strip_prefix("enum "))?;
    rest.split(|c: char| !c.is_alphanumeric()).next()
}

/// Whether the line shows a type of another crate in a public item, or in an `impl` for a public type.
fn shows_a_foreign_type(line: &str, public_types: &[&str]) -> bool {
    const FOREIGN: [&str; 6] = ["ureq", "http", "mockito", "httparse", "rustls", "regex_lite"];
    let paths: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')).collect();
    let is_foreign = |path: &&str| FOREIGN.contains(&path.split("::").next().unwrap_or_default());
    let is_public =
        line.starts_with("pub ") || line.starts_with("impl") && paths.iter().any(|path| public_types.contains(path));
    is_public && !line.starts_with("pub mod ") && paths.iter().any(is_foreign)
}

/// All files of the library, by their path below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let read = |file: &PathBuf| {
        let below = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        (below, fs::read_to_string(file).unwrap())
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            files.push(path);
        }
    }
}

/// `text` without comments and tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
