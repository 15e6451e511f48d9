//! The example `keys`, run as a user runs it: its output, its exit codes, and the proof that a value goes only to the
//! requested place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

#[cfg(unix)]
use crate::support::example::unread_pipe;
use crate::support::example::{assert_hides, example, printed};
use crate::support::fresh_directory;
use crate::support::time::wait_until;
use secrecy::ExposeSecret;
use serde_json::Value;
use typesense_keys::scoped::ScopedKeyInfo;
use typesense_keys::testing::{FakeServer, Fault, Operation, TestKey};
use typesense_keys::{Expiry, KeysClient};

/// A server, a directory for files, and the program.
struct Stage {
    server: FakeServer,
    directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self { server: FakeServer::start().unwrap(), directory: fresh_directory() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args(arguments).output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = example("keys");
        command.env("TYPESENSE_URL", self.server.url());
        command.env("TYPESENSE_API_KEY", self.server.api_key().expose_secret());
        command.current_dir(self.directory.path());
        command
    }

    fn client(&self) -> KeysClient {
        KeysClient::builder().node(self.server.url()).api_key(self.server.api_key()).build().unwrap()
    }

    /// Runs the program, which must succeed and not show the admin key. Returns its standard output.
    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        assert_hides(&printed(&output), self.server.api_key().expose_secret());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must end with this code. Returns its messages.
    #[track_caller]
    fn bad(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    }
}

/// The messages on standard error, without log records.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
}

fn value(file: &Path) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::read_to_string(file).unwrap()
}

const SEARCH: [&str; 4] = ["-a", "documents:search", "-c", "docs"];

fn create<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["create", "-d", "docs site"][..], &SEARCH, more].concat()
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let stage = Stage::new();
    let help = stage.good(&["--help"]);
    for word in
        ["create", "list", "get", "delete", "rotate", "ensure", "apply", "scope", "audit", "--json", "Exit codes"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    for command in ["create", "list", "get", "delete", "rotate", "ensure", "apply", "scope", "audit"] {
        let help = stage.good(&[command, "-h"]);
        assert!(help.contains("Usage: keys"));
        // A line about an argument or an option has two columns. The second one is the explanation.
        let listed = help.lines().filter(|line| line.starts_with("  ")).map(str::trim_start);
        for line in listed.filter(|line| line.starts_with(['-', '<', '['])) {
            assert!(line.contains("  "), "{command} does not explain `{line}`");
        }
        let (own, of_every_command) = help.split_once("Options of every command:").unwrap();
        assert!(!own.contains("--json") && of_every_command.contains("--allow-plaintext"), "{help}");
    }
}

#[test]
fn value_goes_to_a_private_file_and_nowhere_else() {
    let stage = Stage::new();
    let output = stage.run(&create(&["--expires-in", "30d", "--out", "key"]));
    assert!(output.status.success() && output.stdout.is_empty(), "{}", said(&output));
    let value = value(&stage.file("key"));
    let expiry = stage.server.keys()[0].expires_at;
    assert!(expiry.remaining().is_some_and(|left| left > Duration::from_secs(29 * 86_400)), "{expiry}");
    assert_eq!(said(&output), format!("the value of key 0 was written to key; expiry: {expiry}"));
    assert_hides(&printed(&output), &value);
    assert_eq!(stage.client().list().prefix(&value).send().unwrap().len(), 1);
}

#[test]
fn value_goes_to_standard_output_if_asked() {
    let stage = Stage::new();
    let output = stage.run(&create(&["--show"]));
    let value = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(value.len(), 32);
    assert_hides(&String::from_utf8_lossy(&output.stderr), &value);
    let neither = stage.bad(2, &create(&[]));
    assert!(neither.contains("--out <FILE>|--show"), "{neither}");
    assert_eq!(stage.server.key_count(), 1);
}

#[test]
fn keys_are_listed_as_a_table_or_as_json() {
    let stage = Stage::new();
    stage.good(&create(&["--out", "one"]));
    stage.server.seed(TestKey::new("esc \u{1b}[31m", ["keys:*"], ["docs_.*"])).unwrap();
    let table = stage.good(&["list"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("ID  VALUE  EXPIRES  ACTIONS"), "{table}");
    assert!(lines[1].starts_with("0   ") && lines[1].ends_with("docs site"), "{table}");
    assert!(lines[2].contains("docs_.*") && lines[2].ends_with("esc \\u{1b}[31m"), "{table}");
    let json = stage.good(&["list", "--json", "--allows", "documents:search", "docs"]);
    let keys: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((keys.len(), &keys[0]["id"]), (1, &Value::from(0)));
    assert!(stage.good(&["get", "1"]).lines().count() == 2);
    (2..12).for_each(|id: u32| _ = stage.server.seed(TestKey::new(id.to_string(), ["keys:get"], ["*"])).unwrap());
    let json = stage.good(&["list", "--json"]);
    let ids = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_u64().unwrap());
    assert!(ids.eq(0..12), "not in the order of the ids: {json}");
    assert!(stage.bad(1, &["get", "12"]).contains("has no key with this id"));
}

#[test]
fn keys_are_deleted_one_by_one_or_when_they_have_expired() {
    let stage = Stage::new();
    for name in ["a", "b", "c"] {
        stage.good(&create(&["--out", name]));
    }
    let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
    for expiry in [Expiry::from_unix_seconds(1), hour_ago.into()] {
        stage.server.seed(TestKey::new("expired", ["documents:get"], ["docs"]).expires_at(expiry)).unwrap();
    }
    stage.good(&["delete", "0", "2"]);
    let text = stage.bad(3, &["delete", "1", "2"]);
    assert!(
        text.starts_with("keys: 1 of 2 deleted; delete key 2: ") && text.contains("has no key with this id"),
        "{text}"
    );
    stage.good(&["delete", "--expired"]);
    let left: Vec<_> = stage.server.keys().iter().map(|key| key.expires_at.unix_seconds()).collect();
    assert_eq!(
        left,
        [Expiry::from(hour_ago).unix_seconds()],
        "a key was deleted although the server's clock may differ"
    );
    stage.good(&["delete", "4"]);
    stage.bad(2, &["delete"]);
    stage.good(&create(&["--out", "twice"]));
    let id = stage.client().list().send().unwrap()[0].id.to_string();
    assert_eq!(stage.good(&["delete", &id, &id, "--json"]), format!("{{\"id\":{id}}}\n"));
}

#[test]
fn missing_keys_do_not_prevent_the_deletion_of_the_others() {
    let stage = Stage::new();
    let ids: Vec<String> = (0..12).map(|id: u32| id.to_string()).collect();
    for id in &ids {
        stage.server.seed(TestKey::new(id, ["documents:search"], ["docs"])).unwrap();
    }
    // As after an earlier run that was killed.
    (0..6).for_each(|id: u32| assert!(stage.server.remove(id)));
    let delete = [&["delete"][..], &ids.iter().map(String::as_str).collect::<Vec<_>>()].concat();
    let text = stage.bad(3, &delete);
    assert!(text.starts_with("keys: 6 of 12 deleted; "), "{text}");
    for id in 0..12 {
        assert_eq!(text.contains(&format!("delete key {id}: ")), id < 6, "{text}");
    }
    assert_eq!(stage.server.key_count(), 0);
    let text = stage.bad(1, &delete);
    assert!(text.starts_with("keys: 0 of 12 deleted; ") && text.contains("delete key 11: "), "{text}");
}

#[test]
fn other_failure_of_a_delete_stops_the_deletion() {
    let stage = Stage::new();
    let ids: Vec<String> = (0..100).map(|id: u32| id.to_string()).collect();
    stage.server.fail(Operation::Delete).times(usize::MAX).with(Fault::Unauthorized);
    stage.bad(1, &[&["delete"][..], &ids.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    assert!(stage.server.request_count() < 20, "{} requests", stage.server.request_count());
}

#[test]
fn key_is_rotated_with_a_minority_of_nodes_down_only_if_asked() {
    let nodes = FakeServer::cluster::<3>().unwrap();
    let directory = fresh_directory();
    let rotate = |more: &[&str]| {
        let mut command = example("keys");
        command.env("TYPESENSE_URL", nodes.each_ref().map(FakeServer::url).join(","));
        command.env("TYPESENSE_API_KEY", nodes[0].api_key().expose_secret()).current_dir(directory.path());
        command.args(["rotate", "0", "--out", "new", "--timeout", "10"]).args(more).output().unwrap()
    };
    nodes[0].seed(TestKey::new("docs site", ["documents:search"], ["docs"])).unwrap();
    nodes[2].stop();
    let refused = rotate(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("nothing was changed") && nodes[0].keys()[0].id.get() == 0, "{}", said(&refused));
    let done = rotate(&["--accept-majority"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let ids: Vec<_> = nodes[0].keys().iter().map(|key| key.id.get()).collect();
    assert_eq!(ids, [1]);
}

#[test]
fn error_is_json_on_standard_error_if_asked() {
    let stage = Stage::new();
    let json = |code: i32, arguments: &[&str]| -> Value {
        let output = stage.run(arguments);
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stdout.is_empty());
        serde_json::from_str(said(&output).lines().last().unwrap()).unwrap()
    };
    let missing = json(1, &["get", "7", "--json"]);
    assert_eq!((&missing["kind"], &missing["status"]), (&"not_found".into(), &404.into()));
    assert_eq!((&missing["key_id"], &missing["may_have_acted"]), (&7.into(), &false.into()));
    assert!(missing["message"].as_str().unwrap().contains("has no key with this id"));
    stage.good(&create(&["--out", "key"]));
    let other = json(1, &create(&["--json", "--out", "key"]));
    assert_eq!(other["kind"], "program");
    stage.server.fail(Operation::Create).times(usize::MAX).with(Fault::LoseResponse);
    let unknown = json(3, &create(&["--json", "--timeout", "1", "--out", "perhaps"]));
    assert_eq!(unknown["kind"], "outcome_unknown");
    assert_hides(&unknown.to_string(), &value(&stage.file("perhaps")));
}

#[test]
fn ensure_reports_duplicates() {
    let stage = Stage::new();
    for name in ["a", "b", "c"] {
        stage.good(&create(&["--out", name]));
    }
    let output = stage.run(&[&["ensure", "docs site"][..], &SEARCH, &["--out", "key"]].concat());
    let said = said(&output);
    assert!(said.contains("key 0 exists already") && !said.contains("key 0 has"), "{said}");
    for id in [1, 2] {
        assert!(said.contains(&format!("key {id} has the same description, and was left alone")), "{said}");
    }
    assert_eq!(stage.server.key_count(), 3);
}

#[test]
fn audit_for_a_version_reports_what_it_lacks() {
    let stage = Stage::new();
    stage.good(&["create", "-d", "old", "-a", "synonyms:upsert", "-c", "docs", "--expires-in", "1d", "--out", "a"]);
    assert_eq!(stage.good(&["audit", "--check", "--for", "29.0"]), "");
    let report = stage.run(&["audit", "--check", "--for", "30.0"]);
    assert_eq!(report.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&report.stdout).contains("allows nothing on v30.0"));
}

#[test]
fn key_is_rotated() {
    let stage = Stage::new();
    stage.good(&create(&["--out", "old"]));
    stage.good(&["rotate", "0", "--keep-old", "--out", "new"]);
    assert_ne!(value(&stage.file("old")), value(&stage.file("new")));
    stage.good(&["rotate", "1", "--out", "newer"]);
    let ids: Vec<_> = stage.client().list().send().unwrap().iter().map(|key| key.id.get()).collect();
    assert_eq!(ids, [0, 2]);
    // A rotation that was interrupted before it created a key, and a completed one.
    std::fs::write(stage.file("stored"), format!("{}\n", "a".repeat(32))).unwrap();
    stage.good(&["rotate", "2", "--stored", "stored"]);
    stage.bad(3, &["rotate", "2", "--stored", "stored"]);
    stage.bad(2, &["rotate", "2"]);
    stage.bad(2, &["rotate", "2", "--stored", "stored", "--show"]);
    // If no key was created, no file with a value is left.
    stage.bad(1, &["rotate", "7", "--out", "none"]);
    assert!(!stage.file("none").exists());
}

#[test]
fn key_is_ensured_again_and_again() {
    let stage = Stage::new();
    let ensure = |more: &[&'static str]| [&["ensure", "docs site"][..], &SEARCH, more].concat();
    stage.good(&ensure(&["--out", "key"]));
    let first = value(&stage.file("key"));
    let again = stage.run(&ensure(&["--out", "again"]));
    assert!(again.status.success() && said(&again).contains("key 0 exists already"), "{}", said(&again));
    assert!(!stage.file("again").exists());
    assert_eq!(stage.good(&ensure(&["--show"])), "", "something is printed in place of a value");
    let drift = stage.bad(1, &ensure(&["-a", "documents:get", "--out", "other"]));
    assert!(drift.contains("`actions` is [\"documents:search\"], not"), "{drift}");
    stage.good(&ensure(&["-a", "documents:get", "--replace-on-drift", "--out", "other"]));
    assert_ne!(value(&stage.file("other")), first);
    assert_eq!(stage.server.key_count(), 1);
}

/// Writes the file for `apply`: a search key for each description.
fn describe(stage: &Stage, descriptions: &[&str]) {
    let spec = |description: &&str| serde_json::json!({"description": description, "actions": ["documents:search"], "collections": ["docs"]});
    let specs: Vec<Value> = descriptions.iter().map(spec).collect();
    fs::write(stage.file("keys.json"), serde_json::to_string(&specs).unwrap()).unwrap();
}

#[test]
fn keys_are_those_that_a_file_describes() {
    let stage = Stage::new();
    describe(&stage, &["app: shop", "app: blog"]);
    let apply = |more: &[&'static str]| [&["apply", "keys.json"][..], more].concat();

    let plan = stage.run(&apply(&["--plan"]));
    let shown = String::from_utf8_lossy(&plan.stdout);
    assert!(plan.status.code() == Some(5) && shown.contains("+ create `app: blog`"), "{shown}");
    let homeless = stage.bad(1, &apply(&[]));
    assert!(homeless.contains("name a place for their values"), "{homeless}");
    assert_eq!(stage.server.key_count(), 0);

    stage.good(&apply(&["--out", "values"]));
    let values: Vec<Value> = value(&stage.file("values")).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for key in stage.server.keys() {
        let stored = values.iter().find(|stored| stored["description"] == *key.description).unwrap();
        assert_eq!(stored["value"], stage.server.value_of(key.id).unwrap().expose_secret());
    }
    assert_eq!(values.len(), 2);
    let done = stage.good(&apply(&["--plan"]));
    assert!(
        done.starts_with("0 to create, 0 to replace, 0 to delete, 0 drifted, 2 to keep\nfingerprint: "),
        "{done}"
    );
    assert_eq!(stage.good(&apply(&[])), "", "something was done");

    describe(&stage, &["app: shop", "app: docs"]);
    let plan = stage.run(&apply(&["--plan", "--json", "--prune", "app: "]));
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let changes: Vec<_> =
        plan["keys"].as_array().unwrap().iter().map(|key| key["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["keep", "create", "delete"]);
    stage.good(&apply(&["--prune", "app: ", "--out", "more"]));
    let mut left: Vec<_> = stage.server.keys().into_iter().map(|key| key.description).collect();
    left.sort();
    assert_eq!(left, ["app: docs", "app: shop"]);
    stage.bad(2, &apply(&["--prune", ""]));
}

#[test]
fn drifted_key_is_replaced_only_if_asked() {
    let stage = Stage::new();
    let old = stage.server.seed(TestKey::new("app: shop", ["*"], ["*"])).unwrap();
    describe(&stage, &["app: shop"]);
    let error = stage.bad(1, &["apply", "keys.json"]);
    assert!(error.contains("! drift `app: shop`: key 0") && error.contains("nothing was changed"), "{error}");
    assert!(stage.server.value_of(old).is_some());
    let ended = stage.good(&["apply", "keys.json", "--replace-on-drift", "--out", "values", "--json"]);
    assert_eq!(ended, "{\"deleted\":[0],\"description\":\"app: shop\",\"ensured\":1}\n");
    assert!(stage.server.value_of(old).is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn exit_code_reports_changes_made_before_the_output_failed() {
    let stage = Stage::new();
    describe(&stage, &["app: shop"]);
    let mut command = stage.command();
    command.args(["apply", "keys.json", "--out", "values", "--json"]);
    let output = command.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!((output.status.code(), stage.server.key_count()), (Some(3), 1), "{}", said(&output));
    let mut command = stage.command();
    command.args(["delete", "0", "--json"]);
    let output = command.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!((output.status.code(), stage.server.key_count()), (Some(3), 0), "{}", said(&output));
}

#[test]
fn file_with_a_mistake_is_refused_before_anything_is_sent() {
    let stage = Stage::new();
    fs::write(
        stage.file("keys.json"),
        r#"[{"description": "a", "actions": ["documents:serach"], "collections": ["*"]}]"#,
    )
    .unwrap();
    let error = stage.bad(1, &["apply", "keys.json"]);
    assert!(error.contains("keys.json: key `a`: `actions[0]`: `documents:serach` is not an action"), "{error}");
    assert_eq!(stage.server.request_count(), 0);
}

#[test]
fn scoped_key_is_signed_without_a_server() {
    let stage = Stage::new();
    fs::write(stage.file("parent"), "RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127\n").unwrap();
    let mut command = example("keys");
    command.args(["scope", "--filter-by", "company_id:124", "--expires-in", "1h", "--show", "--parent"]);
    let output = command.arg(stage.file("parent")).output().unwrap();
    let scoped = String::from_utf8(output.stdout.clone()).unwrap();
    let read = ScopedKeyInfo::parse(&scoped.as_str().into()).unwrap();
    assert_eq!(read.filter_by(), Some("company_id:124"));
    assert!(read.is_signed_by(&"RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127".into()));
    assert!(stage.bad(1, &["scope", "--parent", "parent", "--filter-by", " ", "--show"]).contains("is empty"));
    stage.good(&[
        "scope",
        "--parent",
        "parent",
        "--only",
        "tenant=42",
        "--only",
        "open=true",
        "--hide",
        "cost",
        "--expires-in",
        "1h",
        "--out",
        "of42",
    ]);
    let read = ScopedKeyInfo::parse(&fs::read_to_string(stage.file("of42")).unwrap().trim().into()).unwrap();
    assert_eq!(read.filter_by(), Some("tenant:=42 && open:=true"));
    assert_eq!(read.params()["exclude_fields"], "cost,out_of");
    assert_eq!(read.warnings(), []);
    let shown = ["--show-field", "title", "--show-field", "price", "--expires-in", "1h", "--out", "shown"];
    stage.good(&[&["scope", "--parent", "parent"][..], &shown].concat());
    let read = ScopedKeyInfo::parse(&fs::read_to_string(stage.file("shown")).unwrap().trim().into()).unwrap();
    assert_eq!((&read.params()["include_fields"], read.warnings()), (&"title,price".into(), vec![]));
    for (value, is_text) in [("007", true), ("acme1", true), ("-7", false)] {
        let file = format!("of{value}");
        stage.good(&["scope", "--parent", "parent", "--only", &format!("tenant={value}"), "--out", &file]);
        let read = ScopedKeyInfo::parse(&fs::read_to_string(stage.file(&file)).unwrap().trim().into()).unwrap();
        assert_eq!(read.filter_by().unwrap().contains('`'), is_text, "{value}");
    }
    let why = stage.bad(1, &["scope", "--parent", "parent", "--only", "tenant=acme-1", "--show"]);
    assert!(why.contains("`only`"), "{why}");
}

#[test]
fn audit_reports_broad_keys() {
    let stage = Stage::new();
    stage.good(&["create", "-d", "all of it", "-a", "*", "-c", "*", "--out", "a"]);
    stage.good(&create(&["-a", "documents:get", "--expires-in", "30d", "--out", "b"]));
    let report = stage.good(&["audit"]);
    assert!(report.contains("key 0 (all of it) may do everything") && !report.contains("key 1"), "{report}");
    stage.bad(4, &["audit", "--check"]);
    stage.good(&["audit", "--check", "-d", "docs site"]);
    for (within, lines) in [("29days", 1), ("31days", 2)] {
        assert_eq!(stage.good(&["list", "--expires-within", within]).lines().count(), lines, "{within}");
    }
    let first = stage.good(&["audit", "--json"]).lines().next().unwrap().to_owned();
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["id"], &first["findings"][0]["code"]), (&0.into(), &"every_action".into()));
}

#[test]
fn wrong_usage_is_reported_before_anything_is_sent() {
    let stage = Stage::new();
    let duration = create(&["--expires-in", "3 moons", "--show"]);
    assert!(stage.bad(2, &duration).contains("unknown time unit"));
    assert!(stage.bad(2, &["get", "4294967296"]).contains("ids are whole numbers from 0 to 4294967295"));
    for (collection, says) in
        [("preifx:a", "`preifx:a`"), ("a.b", "write `exact:a.b`"), ("pattern:(", "could not compile")]
    {
        let said = stage.bad(2, &["create", "-a", "*", "-c", collection, "--show"]);
        assert!(said.contains(says), "{said}");
    }
    let action = ["create", "-a", "documents:serach", "-c", "docs", "--out", "key"];
    assert!(stage.bad(2, &action).contains("did you mean `documents:search`?"));
    assert!(stage.bad(2, &["audit", "--for", "nightly"]).contains("not the version of a server"));
    assert!(!stage.file("key").exists());
    assert_eq!(stage.server.request_count(), 0);
}

#[test]
fn key_that_may_exist_leaves_its_value_and_exit_code_3() {
    let stage = Stage::new();
    // Two seconds for all attempts.
    (0..200).for_each(|_| stage.server.inject(Fault::LoseResponse));
    let text = stage.bad(3, &create(&["--timeout", "2", "--out", "key"]));
    assert!(text.contains("its value was written to key"), "{text}");
    assert_eq!((value(&stage.file("key")).len(), stage.server.key_count()), (32, 1));
}

#[cfg(unix)]
#[test]
fn closed_standard_output_is_not_a_failure() {
    let stage = Stage::new();
    stage.client().create().actions(["documents:search"]).collections(["docs"]).send().unwrap();
    for arguments in [&["list"][..], &["list", "--json"], &["audit"]] {
        let output = stage.command().args(arguments).stdout(unread_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    }
}

#[cfg(unix)]
#[test]
fn closed_standard_error_is_not_a_failure() {
    let stage = Stage::new();
    let output = stage.command().args(create(&["--out", "key"])).stderr(unread_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(value(&stage.file("key")).len(), 32);
}

#[test]
fn plain_http_to_another_host_needs_an_option() {
    let stage = Stage::new();
    let list = |more: &[&str]| {
        let mut command = stage.command();
        // Another host by its name; the system connects it to this machine.
        command.env("TYPESENSE_URL", stage.server.url().replace("127.0.0.1", "0.0.0.0")).arg("list").args(more);
        command.output().unwrap()
    };
    let refused = list(&[]);
    assert!(said(&refused).contains("is plain http to another host"), "{}", said(&refused));
    assert!(list(&["--allow-plaintext"]).status.success());
}

/// Writes a file for `apply` in each format. All describe the same key.
fn describe_in_each_format(stage: &Stage) -> [&'static str; 3] {
    let json = r#"[{"description": "app: <b>|`shop`", "actions": ["documents:*"], "collections": ["shop"]}]"#;
    let toml = "[[key]]\ndescription = 'app: <b>|`shop`'\nactions = ['documents:*']\ncollections = ['shop']";
    let files = [("keys.json", json), ("keys.toml", toml), ("keys.yaml", json)];
    files.map(|(name, text)| {
        fs::write(stage.file(name), text).unwrap();
        name
    })
}

#[test]
fn plan_is_shown_as_a_comment_on_a_pull_request() {
    let stage = Stage::new();
    let shown = describe_in_each_format(&stage).map(|file| {
        let output = stage.run(&["apply", file, "--plan", "--format", "markdown"]);
        assert_eq!(output.status.code(), Some(5), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    });
    assert!(shown.iter().all(|text| *text == shown[0]), "{shown:?}");
    let lines: Vec<_> = shown[0].lines().collect();
    let [_, fingerprint] = lines[5..] else { panic!("{lines:#?}") };
    assert_eq!(
        lines[..5],
        [
            "### Keys: 1 to create, 0 to replace, 0 to delete, 0 drifted, 0 to keep",
            "",
            "| change | description | allows | notes |",
            "|---|---|---|---|",
            "| create | <code>app: &#60;b&#62;&#124;&#96;shop&#96;</code> | <code>documents:&#42;</code> in \
             <code>shop</code>, until never | **low**: the key never expires |",
        ]
    );
    assert!(fingerprint.starts_with("To apply exactly this: `keys apply … --expect "), "{fingerprint}");
    for misused in [&["--format", "markdown"][..], &["--plan", "--expect", "a"]] {
        stage.bad(2, &[&["apply", "keys.json"][..], misused].concat());
    }
    let misspelled = "[[key]]\ndescription = 'a'\nactions = ['keys:get']\ncollections = ['*']\nexpire_in = '1h'";
    fs::write(stage.file("keys.toml"), misspelled).unwrap();
    assert!(stage.bad(1, &["apply", "keys.toml"]).contains("key `a`: `expire_in`: is not a member"));
}

#[test]
fn only_the_reviewed_plan_is_applied() {
    let stage = Stage::new();
    describe(&stage, &["app: shop", "app: blog"]);
    let reviewed = || {
        let plan = stage.run(&["apply", "keys.json", "--plan", "--replace-on-drift", "--json"]);
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        plan["fingerprint"].as_str().unwrap().to_owned()
    };
    let apply = |expected: &str| {
        let arguments = ["apply", "keys.json", "--replace-on-drift", "--out", "values", "--expect", expected];
        stage.run(&arguments)
    };
    let before = reviewed();
    // Another program creates a key with this description.
    stage.server.seed(TestKey::new("app: shop", ["*"], ["*"])).unwrap();
    let refused = apply(&before);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("not the plan that was reviewed") && said(&refused).contains(&reviewed()));
    assert_eq!((stage.server.key_count(), stage.file("values").exists()), (1, false));
    let applied = apply(&reviewed());
    assert!(applied.status.success(), "{}", said(&applied));
    assert_eq!(stage.server.key_count(), 2);
}

#[test]
fn value_is_in_its_file_before_the_key_exists() {
    let stage = Stage::new();
    stage.server.fail(Operation::Create).with(Fault::Hang);
    let mut command = stage.command();
    let mut run = command.args(create(&["--out", "key"])).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the key is being created", || stage.server.requests(Operation::Create) > 0);
    let stored = value(&stage.file("key"));
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!((stored.len(), stage.server.key_count()), (32, 0));
}
