//! The command `keys rotate`, killed at random moments on a real server and on a cluster, and completed.

use std::fs;
use std::path::Path;
use std::process::Command;

use typesense_keys::{ExposeSecret, KeyInfo, SecretString};

use crate::support::example::example;
use crate::support::harness::cases;
use crate::support::{Random, fresh_directory};
use crate::target::{Target, is_killed};

const DESCRIPTION: &str = "nightly import";

/// The states in which processes were killed. A test whose kills interrupt nothing proves nothing.
#[derive(Debug, Default)]
struct Kills {
    /// Processes that were alive when they were killed.
    kills: usize,
    before_the_value_was_stored: usize,
    before_the_new_key_existed: usize,
    while_both_keys_existed: usize,
    after_the_old_key_was_deleted: usize,
}

impl Kills {
    fn note(&mut self, old: &KeyInfo, there: &[KeyInfo], is_stored: bool) {
        self.kills += 1;
        *match (there.contains(old), there.len(), is_stored) {
            (_, _, false) => &mut self.before_the_value_was_stored,
            (true, 1, true) => &mut self.before_the_new_key_existed,
            (true, _, true) => &mut self.while_both_keys_existed,
            (false, _, true) => &mut self.after_the_old_key_was_deleted,
        } += 1;
    }
}

fn rotate(target: &Target, old: &KeyInfo, option: &str, file: &Path) -> Command {
    let mut command = example("keys");
    command.env("TYPESENSE_URL", target.nodes.join(",")).env("TYPESENSE_API_KEY", &target.api_key);
    command.args(["rotate", &old.id.to_string(), option]).arg(file);
    command
}

fn listed(target: &Target) -> Vec<KeyInfo> {
    target.client().list().description(DESCRIPTION).send().unwrap()
}

/// Rotates one key again and again. Each rotation begins in a process that is killed, continues in another one that may
/// also be killed, and is completed in this process.
fn check_kills(target: &Target, kills: usize) {
    let (directory, client, mut random) = (fresh_directory(), target.client(), Random::new(7));
    let create = client.create().description(DESCRIPTION).actions(["documents:search"]);
    let mut key = create.collections(["docs"]).send().unwrap();
    let mut met = Kills::default();
    for round in 0.. {
        assert!(round < 5 * kills + 20, "the processes end too soon: {met:?}");
        if met.kills >= kills {
            break;
        }
        target.catch_up();
        let (old, file) = (key.info(), directory.path().join(round.to_string()));
        let stored = || fs::read_to_string(&file).ok().filter(|value| value.len() == 32);
        let moment = random.below(3);
        let has_come_so_far = || match moment {
            0 => true,
            1 => stored().is_some(),
            _ => target.count(DESCRIPTION) > 1,
        };
        if is_killed(rotate(target, &old, "--out", &file), &mut random, has_come_so_far) {
            met.note(&old, &listed(target), stored().is_some());
        }
        target.catch_up();
        let Some(value) = stored() else {
            assert_eq!(target.keys(), [old], "a key exists, but its value was not stored: {met:?}");
            continue;
        };
        if random.below(2) == 0 && listed(target).contains(&old) {
            let is_done = || listed(target).len() > 1;
            if is_killed(rotate(target, &old, "--stored", &file), &mut random, is_done) {
                met.note(&old, &listed(target), true);
            }
            target.catch_up();
        }
        let new = client.rotate(&old).stored_value(SecretString::from(value.as_str())).send().unwrap();
        target.catch_up();
        assert_eq!(target.keys(), [new.info()], "{met:?}");
        assert!(new.value.expose_secret() == value && target.allows(&value, "docs"), "{met:?}");
        assert!(!target.allows(key.value.expose_secret(), "docs"), "{met:?}");
        key = new;
    }
    println!("{met:?}");
    let interrupted = met.before_the_new_key_existed + met.while_both_keys_existed;
    assert!(interrupted > 0, "no rotation was interrupted after its value was stored: {met:?}");
}

#[test]
fn rotation_that_is_killed_and_completed_leads_to_one_key_whose_value_is_stored() {
    check_kills(&Target::server(), cases(40));
}

#[test]
fn rotation_that_is_killed_and_completed_on_a_cluster_leads_to_one_key_whose_value_is_stored() {
    check_kills(&Target::cluster(), cases(20));
}
