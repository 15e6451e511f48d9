//! Operations from a command line. The example `keys` has every option; this program has those that one team needs.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use typesense_keys::audit::Severity;
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{ExposeSecret, KeyId, KeysClient, SecretString};

/// Carries out a command, and returns what it prints.
fn run(client: &KeysClient, words: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    match words {
        ["list"] => {
            for key in client.list().send()? {
                writeln!(out, "{:>4}  {}  {}", key.id, key.expires_at, key.description.escape_debug())?;
            }
        }
        ["audit"] => {
            for key in client.list().send()? {
                for finding in key.audit().iter().filter(|finding| finding.severity() >= Severity::Medium) {
                    writeln!(out, "{}: key {} {finding}", finding.severity(), key.id)?;
                }
            }
        }
        ["create", description, action, collection, days, file] => {
            let lifetime = Duration::from_secs(days.parse::<u64>()? * 86_400);
            let request = client.create().description(*description).actions([*action]).collections([*collection]);
            let prepared = request.expires_in(lifetime).prepare()?;
            store(prepared.value(), file)?; // before the key exists
            writeln!(out, "key {} is in {file}", prepared.send()?.id)?;
        }
        ["rotate", id, file] => {
            let prepared = client.rotate(id.parse::<KeyId>()?).prepare()?;
            store(prepared.value(), file)?; // before the new key exists
            writeln!(out, "key {} replaces key {id}", prepared.send()?.id)?;
        }
        ["delete", id] => {
            let key = client.get(id.parse::<KeyId>()?).send()?;
            client.delete(&key).send()?;
            writeln!(out, "key {id} ({}) is deleted", key.description.escape_debug())?;
        }
        _ => {
            return Err(
                "list | audit | create DESCRIPTION ACTION COLLECTION DAYS FILE | rotate ID FILE | delete ID".into()
            );
        }
    }
    Ok(out)
}

fn store(value: &SecretString, file: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(file)?.write_all(value.expose_secret().as_bytes())
}

#[test]
fn each_command_does_what_it_prints() {
    let (server, directory) = (FakeServer::start().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    server.seed(TestKey::new("ci", ["*"], ["*"])).unwrap();
    let run = |words: &[&str]| run(&server.client(), words).map_err(|error| error.to_string());
    let stored = |name: &str, id: u32| {
        assert_eq!(std::fs::read_to_string(file(name)).unwrap(), server.value_of(id).unwrap().expose_secret());
    };

    assert_eq!(
        run(&["audit"]).unwrap(),
        "high: key 0 may do everything, as the bootstrap key may\n\
                                          medium: key 0 may act in every collection, present and future\n"
    );
    assert!(
        run(&["create", "docs", "documents:import", "docs", "90", &file("a")]).unwrap().starts_with("key 1 is in ")
    );
    stored("a", 1);
    assert_eq!(run(&["rotate", "1", &file("b")]).unwrap(), "key 2 replaces key 1\n");
    stored("b", 2);
    assert_eq!(run(&["list"]).unwrap().lines().count(), 2);
    assert_eq!(run(&["delete", "0"]).unwrap(), "key 0 (ci) is deleted\n");
    assert_eq!(server.key_count(), 1);
    assert!(run(&["rotate", "7", &file("c")]).unwrap_err().contains("has no key with this id"));
    assert!(run(&["delete"]).unwrap_err().starts_with("list | audit | "));
}
