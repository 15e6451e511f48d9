//! The command `keys apply`, killed at random moments on a real server and on a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use typesense_keys::KeyInfo;

use crate::support::example::{example, printed};
use crate::support::harness::cases;
use crate::support::{Random, fresh_directory};
use crate::target::{Target, is_killed};

/// Runs of `keys apply` with a file that changes, each with a new file for the values.
struct Series<'a> {
    target: &'a Target,
    /// The prefix of the descriptions in this series.
    prefix: String,
    directory: TempDir,
    /// The descriptions in the file, and how often the scope of each has changed. A scope never changes back, because a
    /// newer key would then stay as a duplicate of the old one.
    specs: BTreeMap<String, usize>,
    runs: usize,
}

impl<'a> Series<'a> {
    fn new(target: &'a Target, seed: u64) -> Self {
        let prefix = format!("series {seed}, ");
        Self { target, prefix, directory: fresh_directory(), specs: BTreeMap::new(), runs: 0 }
    }

    /// Changes some scopes of earlier runs, removes some descriptions, and adds `more`. Returns the prefix of the added
    /// ones.
    fn change(&mut self, random: &mut Random, more: usize) -> String {
        let mut earlier: Vec<_> = self.specs.keys().cloned().collect();
        for count in 0..4 * usize::from(!earlier.is_empty()) {
            let description = earlier.swap_remove(random.below(earlier.len()));
            match count {
                0 => _ = self.specs.remove(&description),
                _ => *self.specs.get_mut(&description).unwrap() += 1,
            }
        }
        let of_this_run = format!("{}run {}, ", self.prefix, self.runs);
        self.specs.extend((0..more).map(|number| (format!("{of_this_run}key {number}"), 0)));
        of_this_run
    }

    /// The next run. First, each node must know what the run before has created. Otherwise, this run could create a
    /// second key for a description, and be killed before it deletes that key.
    fn command(&mut self) -> Command {
        self.target.catch_up();
        let spec = |(description, version): (&String, &usize)| {
            let collections = ["docs".to_owned(), version_name(*version)];
            json!({"description": description, "actions": ["documents:search"], "collections": collections})
        };
        let specs: Vec<Value> = self.specs.iter().map(spec).collect();
        let file = self.directory.path().join("keys.json");
        fs::write(&file, serde_json::to_string(&specs).unwrap()).unwrap();
        self.runs += 1;
        let mut command = example("keys");
        command.env("TYPESENSE_URL", self.target.nodes.join(",")).env("TYPESENSE_API_KEY", &self.target.api_key);
        command.arg("apply").arg(file).args(["--replace-on-drift", "--prune", &self.prefix]);
        command.arg("--out").arg(self.directory.path().join(format!("values {}", self.runs)));
        command
    }

    fn run_to_the_end(&mut self) {
        let output = self.command().env("RUST_LOG", "warn").output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    }

    /// A plan exits with 5 if there are changes.
    fn assert_nothing_is_left_to_do(&mut self) {
        let output = self.command().env("RUST_LOG", "warn").arg("--plan").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "something is left to do: {}", printed(&output));
    }

    /// The values in the files of all runs, by description.
    fn stored(&self) -> BTreeMap<String, Vec<String>> {
        let mut stored = BTreeMap::<_, Vec<_>>::new();
        for run in 1..=self.runs {
            let text = fs::read_to_string(self.directory.path().join(format!("values {run}"))).unwrap_or_default();
            // A killed process may have left a part of a line.
            for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
                let line: Value = serde_json::from_str(line).unwrap();
                let [description, value] = ["description", "value"].map(|of| line[of].as_str().unwrap().to_owned());
                stored.entry(description).or_default().push(value);
            }
        }
        stored
    }

    /// The keys of this series.
    fn keys<'k>(&self, keys: &'k [KeyInfo]) -> Vec<&'k KeyInfo> {
        keys.iter().filter(|key| key.description.starts_with(&self.prefix)).collect()
    }

    /// The contradictions between the file, the values and the server.
    fn differences(&self, keys: &[KeyInfo]) -> Differences {
        let keys = self.keys(keys);
        let live: BTreeSet<_> = keys.iter().map(|key| &key.description).collect();
        let stored = self.stored();
        let is_stored = |key: &KeyInfo| {
            let values = stored.get(&key.description).into_iter().flatten();
            values.filter(|value| value.starts_with(&key.prefix) && self.target.allows(value, "docs")).count() == 1
        };
        let is_as_described = |key: &KeyInfo| {
            let version = self.specs.get(&key.description).copied();
            version.is_some_and(|version| key.collections == ["docs", &version_name(version)])
        };
        let is_duplicate =
            |key: &KeyInfo| keys.iter().filter(|other| other.description == key.description).count() > 1;
        let shown = |key: &&KeyInfo| format!("key {}: {}", key.id, key.description);
        Differences {
            without_a_stored_value: keys.iter().filter(|key| !is_stored(key)).map(shown).collect(),
            not_as_described: keys.iter().filter(|key| !is_as_described(key)).map(shown).collect(),
            descriptions_without_a_key: self.specs.keys().filter(|of| !live.contains(of)).cloned().collect(),
            duplicates: keys.iter().filter(|key| is_duplicate(key)).map(shown).collect(),
        }
    }
}

/// The collection in the scope after this many changes.
fn version_name(version: usize) -> String {
    format!("docs{version}")
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    without_a_stored_value: Vec<String>,
    not_as_described: Vec<String>,
    descriptions_without_a_key: Vec<String>,
    duplicates: Vec<String>,
}

/// The states in which processes were killed. A test whose kills interrupt nothing proves nothing.
#[derive(Debug, Default)]
struct Kills {
    /// Processes that were alive when they were killed.
    kills: usize,
    /// Processes that had already ended.
    too_late: usize,
    /// Kills after which some of the new keys existed, and some did not.
    while_creating: usize,
    /// Kills after which all described keys existed, and others that were to be deleted.
    while_deleting: usize,
}

/// Kills runs of `keys apply` at random moments, then runs it to the end.
fn kill(series: &mut Series<'_>, seed: u64, kills: usize) -> Kills {
    const MORE_KEYS: usize = 20;
    let (target, mut random, mut met) = (series.target, Random::new(seed), Kills::default());
    series.change(&mut random, MORE_KEYS);
    series.run_to_the_end();
    while met.kills < kills {
        // On a busy machine, a run may end before it is killed. The next run then has more work.
        let more = 1 + random.below(2 * MORE_KEYS * (1 + met.too_late));
        let new = series.change(&mut random, more);
        // Often, all new keys exist already, and the run deletes old ones.
        let count = random.below(more * 3 / 2 + 2).min(more);
        if !is_killed(series.command(), &mut random, || target.count(&new) >= count) {
            met.too_late += 1;
            assert!(met.too_late <= 10 + kills, "the runs end too soon: {met:?}");
            continue;
        }
        met.kills += 1;
        let keys = target.client().list().send().unwrap();
        let keys = series.keys(&keys);
        let is_there = |description: &String| keys.iter().any(|key| key.description == *description);
        let created =
            series.specs.keys().filter(|description| description.starts_with(&new) && is_there(description));
        met.while_creating += usize::from((1..more).contains(&created.count()));
        met.while_deleting += usize::from(series.specs.keys().all(is_there) && keys.len() > series.specs.len());
    }
    series.run_to_the_end();
    met
}

/// Kills the runs of 4 series at the same time, and then checks the keys on the server.
fn check_kills(target: &Target, kills_each: usize) {
    let mut series: Vec<(Series<'_>, Kills)> = thread::scope(|scope| {
        let kill = |seed| {
            let mut series = Series::new(target, seed);
            let met = kill(&mut series, seed, kills_each);
            (series, met)
        };
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || kill(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keys = target.keys();
    for (series, met) in &mut series {
        series.assert_nothing_is_left_to_do();
        println!("{met:?}, {} keys", series.specs.len());
        assert_eq!(series.differences(&keys), Differences::default());
    }
    assert_eq!(keys.len(), series.iter().map(|(series, _)| series.specs.len()).sum::<usize>());
    let interrupted: usize = series.iter().map(|(_, met)| met.while_creating + met.while_deleting).sum();
    assert!(interrupted > 0, "no run was interrupted while it created or deleted keys");
}

#[test]
fn apply_that_is_killed_leads_to_one_key_each_whose_value_is_stored() {
    check_kills(&Target::server(), cases(15));
}

#[test]
fn apply_that_is_killed_on_a_cluster_leads_to_one_key_each_whose_value_is_stored() {
    check_kills(&Target::cluster(), 3);
}
