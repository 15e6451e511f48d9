//! The example `tenants`, run as users run it: again and again, and interrupted.

mod killed;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support::example::{assert_hides, example, printed};
use crate::support::fresh_directory;
use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{Expiry, KeyInfo, ScopedKeyInfo};

/// The program `tenants`, with a file of names and a store of its own, on the nodes of one server.
struct Tenants {
    nodes: Vec<String>,
    api_key: String,
    directory: tempfile::TempDir,
}

impl Tenants {
    fn new(server: &FakeServer) -> Self {
        Self::on(vec![server.url()], server.api_key().expose_secret())
    }

    fn on(nodes: Vec<String>, api_key: &str) -> Self {
        Self { nodes, api_key: api_key.to_owned(), directory: fresh_directory() }
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    fn command(&self, names: &[impl AsRef<str>], arguments: &[&str]) -> Command {
        let file = self.directory.path().join("names");
        fs::write(&file, names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n")).unwrap();
        let mut command = example("tenants");
        command.env("TYPESENSE_URL", self.nodes.join(",")).env("TYPESENSE_API_KEY", &self.api_key);
        command.arg(file).arg(self.store()).args(arguments);
        command
    }

    fn run(&self, names: &[impl AsRef<str>], arguments: &[&str]) -> Output {
        let output = self.command(names, arguments).output().unwrap();
        assert_hides(&printed(&output), &self.api_key);
        for stored in self.stored().values() {
            assert_hides(&printed(&output), &stored.value);
        }
        output
    }

    #[track_caller]
    fn good(&self, names: &[impl AsRef<str>], arguments: &[&str]) -> String {
        let output = self.run(names, arguments);
        assert!(output.status.success(), "{}", printed(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn bad(&self, names: &[impl AsRef<str>], arguments: &[&str]) -> String {
        let output = self.run(names, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        printed(&output)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.store()).unwrap_or_default()
    }

    fn stored(&self) -> BTreeMap<String, Stored> {
        let mut keys = BTreeMap::new();
        // A process that was killed may have left a part of a line.
        for line in self.text().split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["store", _] => {}
                [name, "begun", _, value] => {
                    keys.insert(name.to_owned(), Stored { value: value.to_owned(), id: None });
                }
                [name, "done", id] => keys.get_mut(name).unwrap().id = Some(id.parse().unwrap()),
                [_, "scoped", _, _] => {}
                _ => panic!("not a line of a store: {line}"),
            }
        }
        keys
    }

    /// What does not add up between the store and the server.
    fn differences(&self, keys: &[KeyInfo]) -> Differences {
        let (stored, text) = (self.stored(), self.text());
        let Some(id) = text.lines().next().and_then(|line| line.strip_prefix("store\t")) else {
            return Differences::default();
        };
        let prefix = format!("tenants {id}: ");
        let mut live: BTreeMap<&str, Vec<&KeyInfo>> = BTreeMap::new();
        for key in keys {
            if let Some(name) = key.description.strip_prefix(&prefix) {
                live.entry(name).or_default().push(key);
            }
        }
        let is_live = |name: &str, stored: &Stored| {
            let keys = live.get(name).into_iter().flatten();
            keys.filter(|key| Some(key.id.get()) == stored.id && stored.value.starts_with(&key.prefix)).count() == 1
        };
        Differences {
            keys: live.values().map(Vec::len).sum(),
            orphans: live
                .values()
                .flatten()
                .filter(|key| stored.values().all(|of| of.id != Some(key.id.get())))
                .count(),
            values_without_a_key: stored.iter().filter(|(name, stored)| !is_live(name, stored)).count(),
            tenants_with_two: live.values().filter(|keys| keys.len() > 1).count(),
        }
    }
}

struct Stored {
    value: String,
    id: Option<u32>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    keys: usize,
    orphans: usize,
    values_without_a_key: usize,
    tenants_with_two: usize,
}

impl Differences {
    fn none(keys: usize) -> Self {
        Self { keys, ..Self::default() }
    }
}

#[test]
fn tenants_run_again_gives_each_tenant_one_key() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada", "bob", "cyd"], &[]);
    let before = tenants.stored();
    let said = tenants.good(&["ada", "bob", "cyd", "", " dee "], &[]);
    assert_eq!(said, "each of the 4 tenants has a key\n");
    assert_eq!(tenants.differences(&server.keys()), Differences::none(4));
    assert!(before.iter().all(|(name, stored)| tenants.stored()[name].value == stored.value));
    let ada = server.keys().into_iter().find(|key| key.description.ends_with(": ada")).unwrap();
    assert!(ada.actions == ["documents:search", "documents:get"] && ada.collections == ["ada_.*"], "{ada:?}");
}

#[test]
fn value_is_stored_before_its_key_exists() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    server.fail(Operation::Create).times(usize::MAX).with(Fault::Unauthorized);
    tenants.bad(&["ada", "bob"], &[]);
    let values: Vec<String> = tenants.stored().into_values().map(|stored| stored.value).collect();
    assert_eq!((values.len(), server.key_count()), (2, 0));
    server.clear_faults();
    tenants.good(&["ada", "bob"], &[]);
    assert_eq!(tenants.differences(&server.keys()), Differences::none(2));
    assert!(tenants.stored().into_values().map(|stored| stored.value).eq(values));
}

#[test]
fn key_that_exists_and_is_not_marked_as_done_is_completed() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada", "bob"], &["--expires", "2100-01-01T00:00:00Z"]);
    let begun: String =
        tenants.text().lines().filter(|line| !line.contains("done")).map(|line| format!("{line}\n")).collect();
    // The last line is cut off, as by a disk that is full.
    fs::write(tenants.store(), format!("{begun}ada\tdo")).unwrap();
    // Among many keys, another one has the same prefix.
    let keys = server.keys();
    let twin = format!("{}-another", keys[0].prefix);
    let twin = server.seed(TestKey::new("another", ["documents:get"], ["docs"]).value(twin)).unwrap();
    tenants.good(&["ada", "bob"], &[]);
    assert_eq!(tenants.differences(&keys), Differences::none(2));
    assert!(server.remove(twin));
    assert_eq!(server.keys(), keys);
    assert_eq!(server.keys()[0].expires_at.to_string(), "2100-01-01T00:00:00Z");
}

#[test]
fn tenant_whose_key_has_expired_gets_another() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada"], &[]);
    let past = Expiry::from_unix_seconds(1).to_string();
    // One key that is known to exist, and one that may.
    let text = tenants.text().replace("never", &past);
    fs::write(tenants.store(), format!("{text}bob\tbegun\t{past}\tvalue-of-bob-which-came-to-nothing\n")).unwrap();
    let said = tenants.good(&["ada", "bob"], &["--sweep"]);
    assert!(!said.contains("left over"), "what has expired is not swept by this machine's clock: {said}");
    assert_eq!(server.key_count(), 3);
    assert!(tenants.stored().values().all(|stored| stored.id.is_some()));
}

#[test]
fn left_over_key_is_reported_and_swept_only_if_asked() {
    let server = FakeServer::start().unwrap();
    let (tenants, others) = (Tenants::new(&server), Tenants::new(&server));
    others.good(&["ada", "bob"], &[]);
    tenants.good(&["ada", "bob"], &[]);
    let store = tenants.text();
    let prefix = format!("tenants {}: ", store.lines().next().unwrap().strip_prefix("store\t").unwrap());
    for description in
        [format!("{prefix}bob"), format!("{prefix}gone"), "tenants of ada".to_owned(), "ada".to_owned()]
    {
        server.seed(TestKey::new(&description, ["documents:search"], ["docs"])).unwrap();
    }
    let said = tenants.good(&["ada", "bob"], &[]);
    let report = format!("left over: key 4 ({prefix}bob)\nleft over: key 5 ({prefix}gone)\n");
    assert!(said.ends_with(&report) && server.key_count() == 8, "{said}");
    let said = tenants.good(&["ada", "bob"], &["--sweep"]);
    assert!(said.contains("deleted:   key 4\n") && said.ends_with("deleted:   key 5\n"), "{said}");
    let left: Vec<u32> = server.keys().iter().map(|key| key.id.get()).collect();
    assert_eq!(left, [0, 1, 2, 3, 6, 7]);

    // A store that is named by mistake sweeps nothing of another.
    let new = Tenants::new(&server);
    new.good(&["ada"], &["--sweep"]);
    assert_eq!(others.differences(&server.keys()), Differences::none(2));
    assert_eq!(tenants.differences(&server.keys()), Differences::none(2));
}

#[test]
fn names_that_a_server_could_confuse_are_refused_before_anything_is_sent() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    for (names, says) in [
        (["ada", "Ada"], "`Ada`: invalid request: `only`: the text has characters that the server drops or folds"),
        (["ada", "ada-1"], "`ada-1`: "),
        (["ada", "b\tb"], "`b\\tb`: "),
        (["ada", "ada"], "`ada` is named twice"),
        (["ada", "parent:ada"], "`parent:ada`: "),
    ] {
        let said = tenants.bad(&names, &[]);
        assert!(said.contains(says), "{names:?}: {said}");
    }
    assert_eq!((server.request_count(), tenants.store().exists()), (0, false));
}

#[test]
fn scoped_keys_have_one_parent_and_one_tenant_each() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    let uuid = "0b5c61f3-4a52-4c1e-9d3f-2e7a8b90c1d4";
    tenants.good(&["ada", "42"], &["--scoped", "orders"]);
    tenants.good(&["ada", "42", uuid], &["--scoped", "orders"]);
    assert_eq!(tenants.differences(&server.keys()), Differences::none(1));
    assert_eq!(server.keys()[0].actions, ["documents:search"], "the server takes scoped keys of no other");
    let parent = &tenants.stored()["parent:orders"].value;
    let text = tenants.text();
    let scoped: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [name, "scoped", "0", value] => Some((name, value)),
            _ => None,
        })
        .collect();
    assert_eq!(scoped.keys().copied().collect::<Vec<_>>(), [uuid, "42", "ada"]);
    assert_eq!(text.matches("scoped").count(), 3, "each is signed once");
    for (name, value) in scoped {
        let info = ScopedKeyInfo::parse(&value.into()).unwrap();
        assert!(info.is_signed_by(&parent.as_str().into()));
        assert_eq!(info.filter_by(), Some(format!("tenant:=[`{name}`]").as_str()));
        assert_eq!(info.params()["collection"], "orders");
    }
    // Another collection has another parent, and so other scoped keys.
    tenants.good(&["ada"], &["--scoped", "invoices"]);
    assert_eq!((server.key_count(), tenants.text().matches("scoped").count()), (2, 4));
    tenants.bad(&["ada"], &["--scoped", "a.b"]);
}

#[test]
fn file_that_is_no_store_is_left_alone() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    for text in ["ada\nbob", "ada", "{}", "store\t1\nada\tdone\t7\n"] {
        fs::write(tenants.store(), text).unwrap();
        let output = tenants.command(&["ada"], &[]).output().unwrap();
        assert!(printed(&output).contains("is not a store of this program"), "{}", printed(&output));
        assert_eq!((fs::read_to_string(tenants.store()).unwrap().as_str(), server.request_count()), (text, 0));
    }
}

#[cfg(unix)]
#[test]
fn store_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let server = FakeServer::start().unwrap();
    for is_there in [false, true] {
        let tenants = Tenants::new(&server);
        if is_there {
            fs::write(tenants.store(), "").unwrap();
        }
        tenants.good(&["ada"], &[]);
        assert_eq!(fs::metadata(tenants.store()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn lost_responses_in_between_lose_nothing() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    let names: Vec<String> = (0..140).map(|number| format!("t{number}")).collect();
    server.fail(Operation::Create).nth(6).times(3).with(Fault::LoseResponse);
    server.fail(Operation::Create).nth(120).times(2).with(Fault::ErrorAfter);
    tenants.good(&names, &[]);
    assert_eq!(tenants.differences(&server.keys()), Differences::none(140));
}
