//! Keys without one of their embedded parameters. What the oracle then finds shows what the parameter prevents.

use serde_json::Value;

use super::keys::{self, Key, Params};
use super::world::Stage;
use super::{generate, oracle};

/// The change that removes only the guard of the filter.
pub(crate) const GUARD: &str = "the guard of filter_by";

/// The key without an embedded parameter, or without [`GUARD`].
pub(crate) fn without(stage: &Stage, key: &Key, name: &str) -> Key {
    key.changed(stage, |params| {
        if name == GUARD {
            unguard(params);
        } else {
            assert!(params.remove(name).is_some(), "{} does not embed {name}", key.name);
        }
    })
}

fn unguard(params: &mut Params) {
    let Some(Value::String(filter)) = params.get_mut("filter_by") else { panic!("no filter") };
    let (_, plain) = filter.split_once(" || ").unwrap();
    *filter = plain.to_owned();
}

/// Everything that can be removed from a key and that this server reads.
pub(crate) fn parts(key: &Key) -> Vec<String> {
    let guard = key.params.contains_key("filter_by").then(|| GUARD.to_owned());
    let is_read = |name: &&String| generate::NAMES.lines().any(|read| read == *name);
    key.params.keys().filter(is_read).cloned().chain(guard).collect()
}

/// Prints the smallest request that reveals something to each key without one of its parameters.
pub(crate) fn search(stage: &Stage, requests: usize) {
    for key in keys::all(stage) {
        for part in &parts(&key) {
            let report = oracle::search(stage, &[without(stage, &key, part)], requests, oracle::seed(), 1);
            match report.rows.first() {
                Some(row) => println!("{:?} without {part:?} after {}: {}", key.name, report.requests, row.search),
                None => println!("{:?} without {part:?}: {} requests reveal nothing", key.name, report.requests),
            }
        }
    }
}
