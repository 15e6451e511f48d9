//! The example `build_script`, run as cargo runs it: several times, offline, and after its key was revoked.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};

use crate::support::example::{assert_hides, example, printed};
use crate::support::time::wait_until;
use crate::support::{faulty, fresh_directory};

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
        let output = self.command(nodes, api_key, collection).output().unwrap();
        assert_hides(&printed(&output), api_key);
        for file in [self.file(), self.pending()].iter().filter(|file| file.exists()) {
            assert_hides(&printed(&output), &fs::read_to_string(file).unwrap());
        }
        output
    }

    fn command(&self, nodes: &str, api_key: &str, collection: &str) -> Command {
        let mut command = example("build_script");
        command.env("CARGO_MANIFEST_DIR", self.0.path()).env("SITE_COLLECTION", collection);
        command.env("TYPESENSE_URL", nodes).env("TYPESENSE_API_KEY", api_key);
        command
    }

    /// Builds, and kills the program after it has sent a create and before it has a response.
    fn kill_while_creating(&self, server: &FakeServer, fault: Fault) {
        server.fail(Operation::Create).with(fault);
        let mut command = self.command(&server.url(), server.api_key().expose_secret(), "docs");
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("the key is being created", || server.requests(Operation::Create) > 0);
        run.kill().unwrap();
        run.wait().unwrap();
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(".search-key")
    }

    fn key(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// The value of a key that may not exist yet.
    fn pending(&self) -> PathBuf {
        self.0.path().join(".search-key-pending")
    }
}

/// Checks that the only key that may search the collection has this value.
#[track_caller]
fn assert_allows(server: &FakeServer, value: &str, collection: &str) {
    let keys = server.keys();
    let key = keys.iter().find(|key| key.collections == [collection]).unwrap();
    // A key that allows only searches could sign scoped keys.
    assert_eq!(key.actions, ["documents:search", "documents:get"]);
    assert_eq!(server.value_of(key.id).unwrap().expose_secret(), value);
}

#[test]
fn site_built_again_keeps_its_one_key() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    assert!(site.build(&server, "docs").status.success());
    let key = site.key();
    assert_allows(&server, &key, "docs");
    // As a release build after a debug build, and a build after `cargo clean`.
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
    fs::write(site.pending().with_extension("new"), "of a build that was interrupted").unwrap();
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
fn checkout_whose_value_has_the_prefix_of_another_draws_another_value() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let other = TestKey::new("site search in docs, key abcd…", ["documents:search", "documents:get"], ["docs"]);
    let other = server.seed(other.value("abcd-the-value-of-the-other-one")).unwrap();
    let before = server.keys();
    fs::write(site.file(), "abcd-the-value-of-this-checkout").unwrap();
    let output = site.build(&server, "docs");
    assert!(output.status.success(), "{}", printed(&output));
    let drawn = site.key();
    assert_ne!(drawn[..4], *"abcd");
    // A later build changes nothing.
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
    server.stop();
    let output = site.build(&server, "docs");
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

/// Checks that the build fails and leaves no key, but only a value for the next build. Returns the value.
#[track_caller]
fn assert_fails_without_a_key(site: &Site, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", printed(output));
    assert!(!site.file().exists());
    fs::read_to_string(site.pending()).unwrap()
}

/// Checks that the next build creates the only key with this value.
#[track_caller]
fn assert_completes(site: &Site, server: &FakeServer, value: &str) {
    let output = site.build(server, "docs");
    assert!(output.status.success(), "{}", printed(&output));
    assert_allows(server, value, "docs");
    assert_eq!((site.key().as_str(), server.key_count(), site.pending().exists()), (value, 1, false));
}

#[test]
fn builds_without_a_server_leave_no_key_until_one_exists() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let value = assert_fails_without_a_key(&site, &site.build_offline());
    assert_eq!(assert_fails_without_a_key(&site, &site.build_offline()), value);
    assert_completes(&site, &server, &value);
}

#[test]
fn builds_with_a_refused_admin_key_leave_no_key_until_one_exists() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let refused = || site.build_with(&server.url(), "not-the-admin-key-at-all", "docs");
    let value = assert_fails_without_a_key(&site, &refused());
    assert_eq!(assert_fails_without_a_key(&site, &refused()), value);
    assert_eq!(assert_fails_without_a_key(&site, &site.build_offline()), value);
    assert_completes(&site, &server, &value);
}

#[test]
fn build_that_is_killed_leaves_no_key_until_one_is_known_to_exist() {
    let minutes = Duration::from_secs(60);
    for (fault, exists) in [(Fault::Hang, 0), (Fault::Delay(minutes), 1)] {
        let (server, site) = (FakeServer::start().unwrap(), Site::new());
        site.kill_while_creating(&server, fault);
        assert_eq!(server.key_count(), exists);
        let value = assert_fails_without_a_key(&site, &site.build_offline());
        assert_completes(&site, &server, &value);
    }
}

#[test]
fn key_of_another_collection_is_not_used_without_a_server() {
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    site.build(&server, "docs");
    server.stop();
    let output = site.build(&server, "docs");
    assert!(output.status.success(), "{}", printed(&output));
    for output in [site.build(&server, "blog"), site.build_offline()] {
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    }
}

#[test]
fn cargo_is_not_asked_to_watch_the_admin_key() {
    // Cargo would write the key into its build directory.
    let (server, site) = (FakeServer::start().unwrap(), Site::new());
    let output = printed(&site.build(&server, "docs"));
    assert!(output.contains("rerun-if-env-changed=TYPESENSE_URL"), "{output}");
    assert!(!output.contains("TYPESENSE_API_KEY"), "{output}");
}
