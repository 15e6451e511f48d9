//! The example `build_script`, run as cargo runs it: again and again, offline, and after its key was revoked.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};

use super::support::example::{assert_hides, example, printed};
use super::support::{faulty, fresh_directory};

/// The program `build_script` for a site, whose sources are in a directory of their own.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        Self(fresh_directory())
    }

    fn build(&self, server: &FakeServer, collection: &str) -> Output {
        self.build_with(&server.url(), server.api_key().expose_secret(), collection)
    }

    fn build_offline(&self) -> Output {
        self.build_with(&format!("http://127.0.0.1:{}", faulty::CLOSED_PORT), "nobody's-key-at-all", "docs")
    }

    fn build_with(&self, nodes: &str, api_key: &str, collection: &str) -> Output {
        let mut command = example("build_script");
        command.env("CARGO_MANIFEST_DIR", self.0.path()).env("SITE_COLLECTION", collection);
        command.env("TYPESENSE_URL", nodes).env("TYPESENSE_API_KEY", api_key);
        let output = command.output().unwrap();
        assert_hides(&printed(&output), api_key);
        if self.file().exists() {
            assert_hides(&printed(&output), &self.key());
        }
        output
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(".search-key")
    }

    fn key(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }
}

/// The one key that may search the collection has this value.
#[track_caller]
fn assert_allows(server: &FakeServer, value: &str, collection: &str) {
    let keys = server.keys();
    let key = keys.iter().find(|key| key.collections == [collection]).unwrap();
    // A key that may search and nothing else could sign scoped keys.
    assert_eq!(key.actions, ["documents:search", "documents:get"]);
    assert_eq!(server.value_of(key.id).unwrap().expose_secret(), value);
}

#[test]
fn site_built_again_keeps_its_one_key() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    assert!(site.build(&server, "docs").status.success());
    let key = site.key();
    assert_allows(&server, &key, "docs");
    // As debug and release builds do, and as one after `cargo clean`.
    for _ in 0..2 {
        assert!(site.build(&server, "docs").status.success());
    }
    assert_eq!((server.key_count(), site.key()), (1, key));
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(site.file()).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[test]
fn revoked_key_of_a_site_is_replaced_and_never_revived() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    let revoked = site.key();
    server.remove(server.keys()[0].id);
    fs::write(site.0.path().join(".search-key.new"), "of a build that was interrupted").unwrap();
    assert!(site.build(&server, "docs").status.success());
    assert_ne!(site.key(), revoked);
    assert_allows(&server, &site.key(), "docs");
    assert_eq!(server.key_count(), 1);
}

#[test]
fn site_with_another_collection_gets_another_key() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    let first = site.key();
    assert!(site.build(&server, "blog").status.success());
    assert_ne!(site.key(), first);
    assert_allows(&server, &site.key(), "blog");
}

#[test]
fn two_checkouts_of_a_site_have_a_key_each() {
    let (server, one, two) = (FakeServer::start().unwrap(), Site::new(), Site::new());
    for site in [&one, &two, &one, &two] {
        let output = site.build(&server, "docs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_ne!(one.key(), two.key());
    assert_eq!(server.key_count(), 2);
}

#[test]
fn checkout_whose_value_begins_like_that_of_another_draws_another_value() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let other = TestKey::new("site search in docs, key abcd…", ["documents:search", "documents:get"], ["docs"]);
    let other = server.seed(other.value("abcd-the-value-of-the-other-one")).unwrap();
    let before = server.keys();
    fs::write(site.file(), "abcd-the-value-of-this-checkout").unwrap();
    let output = site.build(&server, "docs");
    assert!(output.status.success(), "{}", printed(&output));
    let drawn = site.key();
    assert_ne!(drawn[..4], *"abcd");
    // Once more, as any later build.
    assert!(site.build(&server, "docs").status.success());
    let keys = server.keys();
    assert_eq!((site.key(), keys.len(), &keys[..1]), (drawn.clone(), 2, &before[..]));
    let values = [other, keys[1].id].map(|id| server.value_of(id).unwrap().expose_secret().to_owned());
    assert_eq!(values, ["abcd-the-value-of-the-other-one".to_owned(), drawn]);
}

#[test]
fn site_built_offline_uses_the_stored_key_and_warns() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    let key = site.key();
    let output = site.build_offline();
    assert!(output.status.success(), "{}", printed(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("cargo::warning=the search key is the stored one, which was not checked: list keys: "),
        "{said}"
    );
    assert_eq!(site.key(), key);
}

#[test]
fn site_built_offline_without_a_stored_key_fails_and_says_why() {
    let site = Site::new();
    let output = site.build_offline();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("cargo::error=no search key for the site: ") && said.contains("connection refused"),
        "{said}"
    );
}

#[test]
fn refused_admin_key_fails_the_build_although_a_key_is_stored() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    let output = site.build_with(&server.url(), "not-the-admin-key-at-all", "docs");
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
}

#[test]
fn revoked_key_that_cannot_be_replaced_fails_the_build() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    server.remove(server.keys()[0].id);
    server
        .fail(Operation::Create)
        .times(usize::MAX)
        .with(Fault::RateLimited { retry_after: Some(Duration::from_secs(3_600)) });
    let output = site.build(&server, "docs");
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
}

#[test]
fn value_of_a_site_is_stored_before_its_key_exists() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    server.fail(Operation::Create).times(usize::MAX).with(Fault::Unauthorized);
    assert!(!site.build(&server, "docs").status.success());
    assert_eq!((site.key().len(), server.key_count()), (32, 0));
    server.clear_faults();
    assert!(site.build(&server, "docs").status.success());
    assert_allows(&server, &site.key(), "docs");
}

#[test]
fn cargo_is_not_asked_to_watch_the_admin_key() {
    // It would keep it in its build directory as it is.
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let output = printed(&site.build(&server, "docs"));
    assert!(output.contains("rerun-if-env-changed=TYPESENSE_URL"), "{output}");
    assert!(!output.contains("TYPESENSE_API_KEY"), "{output}");
}
