//! The example `tenants`, killed at random moments on a real server and on a cluster.

use std::collections::BTreeSet;
use std::thread;

use super::{Differences, Tenants};
use crate::support::Random;
use crate::support::example::printed;
use crate::support::harness::cases;
use crate::target::{Target, is_killed};

/// What the kills met, so that a test that never interrupts anything is seen to prove nothing.
#[derive(Debug, Default)]
struct Kills {
    /// Processes that were alive when they were killed.
    kills: usize,
    /// Processes that had ended before.
    too_late: usize,
    /// Kills after which the store had a value that was not marked as done.
    with_unfinished: usize,
}

/// Kills runs of `tenants` at random moments, each with some more tenants to provide, then runs it to the end.
fn kill(tenants: &Tenants, seed: u64, kills: usize) -> (Kills, Vec<String>) {
    const MORE_TENANTS: usize = 25;
    /// So many bytes, roughly: a name and a value, and the name again with an id.
    const LINES_OF_A_TENANT: usize = 70;
    let mut random = Random::new(seed);
    let mut names: Vec<String> = (0..MORE_TENANTS).map(|number| format!("s{seed}t{number}")).collect();
    let to_the_end = |names: &[String]| {
        let output = tenants.command(names, &[]).env("RUST_LOG", "warn").output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
    };
    to_the_end(&names);
    let mut met = Kills::default();
    while met.kills < kills {
        // More work after each run that had ended before this thread came to kill it, as on a busy machine.
        let more = 1 + random.below(2 * MORE_TENANTS * (1 + met.too_late));
        names.extend((names.len()..names.len() + more).map(|number| format!("s{seed}t{number}")));
        let length = tenants.store().metadata().unwrap().len() + random.below(LINES_OF_A_TENANT * more) as u64;
        let has_grown = || tenants.store().metadata().unwrap().len() >= length;
        if !is_killed(tenants.command(&names, &[]), &mut random, has_grown) {
            met.too_late += 1;
            assert!(met.too_late <= 10 + kills, "the runs end too soon: {met:?}");
            continue;
        }
        met.kills += 1;
        met.with_unfinished += usize::from(tenants.stored().values().any(|stored| stored.id.is_none()));
    }
    to_the_end(&names);
    (met, names)
}

/// Kills `stores` series of runs, and checks what the server has in the end.
fn check_kills(target: &Target, stores: u64, kills_each: usize) {
    let all: Vec<Tenants> = (0..stores).map(|_| Tenants::on(target.nodes.clone(), &target.api_key)).collect();
    let met: Vec<(Kills, Vec<String>)> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..).zip(&all).map(|(seed, tenants)| scope.spawn(move || kill(tenants, seed, kills_each))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keys = target.keys();
    let mut values = 0;
    for (tenants, (met, names)) in all.iter().zip(&met) {
        println!("{met:?}, {} tenants", names.len());
        assert_eq!(tenants.differences(&keys), Differences::none(names.len()));
        let stored = tenants.stored();
        assert!(stored.keys().collect::<BTreeSet<_>>() == names.iter().collect(), "a tenant without a key");
        for (name, stored) in &stored {
            let allows = target.allows(&stored.value, &format!("{name}_docs"));
            assert!(allows, "the stored value of {name} allows nothing");
        }
        values += stored.len();
    }
    assert_eq!(keys.len(), values, "a key that is in no store");
    let unfinished: usize = met.iter().map(|(met, _)| met.with_unfinished).sum();
    assert!(unfinished > 0, "no run was interrupted between storing and creating");
}

#[test]
fn tenants_that_are_killed_have_one_key_each_and_it_is_stored() {
    check_kills(&Target::server(), 4, cases(50));
}

#[test]
fn tenants_that_are_killed_on_a_cluster_have_one_key_each_and_it_is_stored() {
    check_kills(&Target::cluster(), 4, 10);
}
