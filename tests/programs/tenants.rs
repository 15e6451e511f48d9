//! The example `tenants`, run as users run it: several times, and interrupted.

mod killed;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use crate::support::example::{assert_hides, example, printed};
use crate::support::{fresh_directory, random_text};
use secrecy::ExposeSecret;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{KeyInfo, ValueRoot};

/// The program `tenants` with its own file of names and its own root, on the nodes of one server.
struct Tenants {
    nodes: Vec<String>,
    api_key: String,
    root: String,
    directory: tempfile::TempDir,
}

/// The names of tenants, with the generations of their keys.
type Generations = BTreeMap<String, u32>;

impl Tenants {
    fn new(server: &FakeServer) -> Self {
        Self::on(vec![server.url()], server.api_key().expose_secret())
    }

    fn on(nodes: Vec<String>, api_key: &str) -> Self {
        Self { nodes, api_key: api_key.to_owned(), root: random_text(44), directory: fresh_directory() }
    }

    fn value(&self, name: &str, generation: u32) -> String {
        self.try_value(name, generation).unwrap()
    }

    /// `None` for a weak root.
    fn try_value(&self, name: &str, generation: u32) -> Option<String> {
        let root = ValueRoot::new(&*self.root).ok()?;
        Some(root.value(&format!("tenant {name}"), generation).expose_secret().to_owned())
    }

    fn command(&self, lines: &[impl AsRef<str>], arguments: &[&str]) -> Command {
        let [names, root] = ["names", "root"].map(|file| self.directory.path().join(file));
        fs::write(&names, lines.iter().map(AsRef::as_ref).collect::<Vec<_>>().join("\n")).unwrap();
        fs::write(&root, format!("{}\n", self.root)).unwrap();
        let mut command = example("tenants");
        command.env("TYPESENSE_URL", self.nodes.join(",")).env("TYPESENSE_API_KEY", &self.api_key);
        command.args([names, root]).args(arguments);
        command
    }

    fn run(&self, lines: &[impl AsRef<str>], arguments: &[&str]) -> Output {
        let output = self.command(lines, arguments).output().unwrap();
        for secret in [&self.api_key, &self.root] {
            assert_hides(&printed(&output), secret);
        }
        for line in lines {
            if let Some(value) = self.try_value(line.as_ref().trim(), 1) {
                assert_hides(&printed(&output), &value);
            }
        }
        output
    }

    #[track_caller]
    fn good(&self, lines: &[impl AsRef<str>], arguments: &[&str]) -> String {
        let output = self.run(lines, arguments);
        assert!(output.status.success(), "{}", printed(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn bad(&self, lines: &[impl AsRef<str>], arguments: &[&str]) -> String {
        let output = self.run(lines, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        printed(&output)
    }

    /// The contradictions between the names, the root and the keys. `allows`: whether a value is that of a key.
    fn differences(
        &self,
        names: &Generations,
        keys: &[&KeyInfo],
        allows: impl Fn(&str, &str) -> bool,
    ) -> Differences {
        let name = |key: &KeyInfo| key.description.strip_prefix("tenant ").unwrap_or_default().to_owned();
        let has_value = |key: &KeyInfo| {
            let (name, mut generations) = (name(key), 1..=names.get(&name(key)).copied().unwrap_or_default());
            generations.any(|generation| {
                let value = self.value(&name, generation);
                value.starts_with(&key.prefix) && allows(&name, &value)
            })
        };
        let mut live: BTreeMap<String, usize> = BTreeMap::new();
        keys.iter().for_each(|key| *live.entry(name(key)).or_default() += 1);
        Differences {
            orphans: keys.iter().filter(|key| !names.contains_key(&name(key))).count(),
            without_a_value: keys.iter().filter(|key| !has_value(key)).count(),
            doubles: live.values().filter(|count| **count > 1).count(),
            names_without_a_key: names
                .iter()
                .filter(|(name, generation)| !allows(name, &self.value(name, **generation)))
                .count(),
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    /// Keys of no tenant.
    orphans: usize,
    /// Keys whose value the root does not give.
    without_a_value: usize,
    /// Tenants with more than one key.
    doubles: usize,
    names_without_a_key: usize,
}

/// Checks that each tenant has one key, whose value the root gives.
#[track_caller]
fn assert_provided(server: &FakeServer, tenants: &Tenants, names: &[(&str, u32)]) {
    let names = names.iter().map(|(name, generation)| ((*name).to_owned(), *generation)).collect();
    let keys = server.keys();
    let values: Vec<_> = keys.iter().map(|key| server.value_of(key.id).unwrap()).collect();
    let allows = |_: &str, value: &str| values.iter().any(|of| of.expose_secret() == value);
    let differences = tenants.differences(&names, &keys.iter().collect::<Vec<_>>(), allows);
    assert_eq!((differences, keys.len()), (Differences::default(), names.len()));
}

#[test]
fn tenants_run_again_gives_each_tenant_one_key() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada", "bob", "cyd"], &[]);
    let before = server.keys();
    let said = tenants.good(&["ada", "bob", "cyd", "", " dee "], &[]);
    assert_eq!(said, "each of the 4 tenants has a key\n");
    assert_provided(&server, &tenants, &[("ada", 1), ("bob", 1), ("cyd", 1), ("dee", 1)]);
    assert_eq!(server.keys()[..3], before);
    let ada = before.iter().find(|key| key.description == "tenant ada").unwrap();
    assert!(ada.actions == ["documents:search", "documents:get"] && ada.collections == ["ada_.*"], "{ada:?}");
}

#[test]
fn higher_generation_replaces_the_key_of_one_tenant_and_a_lower_one_nothing() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada", "bob"], &[]);
    tenants.good(&["ada 2", "bob"], &[]);
    assert_provided(&server, &tenants, &[("ada", 2), ("bob", 1)]);
    let said = tenants.bad(&["ada", "bob", "cyd"], &[]);
    assert!(said.contains("tenant ada: ") && said.contains("`generation` is 2, not 1"), "{said}");
    // The other tenants have their keys.
    assert_provided(&server, &tenants, &[("ada", 2), ("bob", 1), ("cyd", 1)]);
}

#[test]
fn keys_of_former_tenants_are_deleted_only_if_asked() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    tenants.good(&["ada", "bob"], &[]);
    let other = server.seed(TestKey::new("of another program", ["documents:search"], ["docs"])).unwrap();
    tenants.good(&["ada"], &[]);
    assert_eq!(server.key_count(), 3);
    tenants.good(&["ada"], &["--prune"]);
    assert!(server.remove(other));
    assert_provided(&server, &tenants, &[("ada", 1)]);
}

#[test]
fn invalid_input_is_refused_before_anything_is_sent() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    for (names, says) in [
        (["ada", "Ada"], "`Ada`: invalid request: `only`: the text has characters that the server drops or folds"),
        (["ada", "ada-1"], "`ada-1`: "),
        (["ada", "ada_1"], "`ada_1`: "),
        (["ada", "b\tb"], "`b\\tb`: "),
        (["ada", "ada"], "`tenant ada` is that of specs 0 and 1"),
        (["ada", "bob two"], "`bob`: write a generation such as `bob 2`"),
        (["ada", "bob 0"], "`generation`: is 0"),
    ] {
        let said = tenants.bad(&names, &[]);
        assert!(said.contains(says), "{names:?}: {said}");
    }
    assert!(tenants.bad(&["ada"], &["--purge"]).contains("usage: tenants NAMES ROOT [--prune]"));
    let weak = Tenants { root: random_text(31), ..Tenants::new(&server) };
    assert!(weak.bad(&["ada"], &[]).contains("`root`: has 31 bytes: it needs at least 32"));
    assert_eq!(server.request_count(), 0);
}

#[test]
fn run_after_lost_responses_gives_each_tenant_one_key() {
    let server = FakeServer::start().unwrap();
    let tenants = Tenants::new(&server);
    let names: Vec<String> = (0..140).map(|number| format!("t{number}")).collect();
    server.fail(Operation::Create).nth(6).times(3).with(Fault::LoseResponse);
    server.fail(Operation::Create).nth(120).times(2).with(Fault::ErrorAfter);
    tenants.good(&names, &[]);
    assert_provided(&server, &tenants, &names.iter().map(|name| (&**name, 1)).collect::<Vec<_>>());
}
