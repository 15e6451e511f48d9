//! The example `tenants`, killed at random moments on a real server and on a cluster.

use std::thread;

use typesense_keys::KeyInfo;

use super::{Differences, Generations, Tenants};
use crate::support::Random;
use crate::support::example::printed;
use crate::support::harness::cases;
use crate::target::{Target, is_killed};

/// The states in which processes were killed. A test whose kills interrupt nothing proves nothing.
#[derive(Debug, Default)]
struct Kills {
    /// Processes that were alive when they were killed.
    kills: usize,
    /// Processes that had already ended.
    too_late: usize,
    /// Kills after which some of the new keys existed, and some did not.
    while_creating: usize,
    /// Kills after which a tenant had the key of an earlier generation and its successor.
    while_replacing: usize,
}

/// Whether the key belongs to this series, whose names begin with its number.
fn belongs_to(seed: u64, key: &KeyInfo) -> bool {
    key.description.starts_with(&format!("tenant s{seed}t"))
}

fn lines(names: &Generations) -> Vec<String> {
    names.iter().map(|(name, generation)| format!("{name} {generation}")).collect()
}

/// Kills runs of `tenants` at random moments, each with more tenants and some keys to replace. The last run is not
/// killed.
fn kill(tenants: &Tenants, target: &Target, seed: u64, kills: usize) -> (Kills, Generations) {
    const MORE_TENANTS: usize = 25;
    let mut random = Random::new(seed);
    let mut names: Generations = (0..MORE_TENANTS).map(|number| (format!("s{seed}t{number}"), 1)).collect();
    // Runs again, as the error advises, because a call may time out on a busy machine.
    let to_the_end = |names: &Generations| {
        let run = || tenants.command(&lines(names), &[]).env("RUST_LOG", "warn").output().unwrap();
        let mut failed = Vec::new();
        while failed.len() < 3 {
            let output = run();
            if output.status.success() {
                return;
            }
            failed.push(printed(&output));
        }
        panic!("{failed:#?}");
    };
    to_the_end(&names);
    let mut met = Kills::default();
    while met.kills < kills {
        // Otherwise, the requests of the run before could make the plan of this one outdated.
        target.catch_up();
        // On a busy machine, a run may end before it is killed. The next run then has more work.
        let more = 1 + random.below(MORE_TENANTS * (1 + met.too_late));
        let raised: Vec<String> = names.keys().filter(|_| random.below(8) == 0).take(more).cloned().collect();
        raised.iter().for_each(|name| *names.get_mut(name).unwrap() += 1);
        names.extend((names.len()..names.len() + more).map(|number| (format!("s{seed}t{number}"), 1)));
        let prefix = format!("tenant s{seed}t");
        let count = target.count(&prefix) + random.below(more + raised.len() + 1);
        if !is_killed(tenants.command(&lines(&names), &[]), &mut random, || target.count(&prefix) >= count) {
            met.too_late += 1;
            assert!(met.too_late <= 10 + kills, "the runs end too soon: {met:?}");
            continue;
        }
        met.kills += 1;
        let keys = target.client().list().send().unwrap();
        let keys: Vec<_> = keys.iter().filter(|key| belongs_to(seed, key)).collect();
        let found = tenants.differences(&names, &keys, |_, _| true);
        // The root gives the value of each key that a killed run has left.
        assert_eq!((found.orphans, found.without_a_value), (0, 0), "{found:?}");
        let provided = names.iter().filter(|(name, generation)| {
            let value = tenants.value(name, **generation);
            keys.iter().any(|key| key.description == format!("tenant {name}") && value.starts_with(&key.prefix))
        });
        met.while_creating += usize::from(provided.count() < names.len());
        met.while_replacing += usize::from(found.doubles > 0);
    }
    to_the_end(&names);
    (met, names)
}

/// Kills the runs of 4 series at the same time, and then checks the keys on the server.
fn check_kills(target: &Target, kills_each: usize) {
    let all: Vec<Tenants> = (0..4).map(|_| Tenants::on(target.nodes.clone(), &target.api_key)).collect();
    let met: Vec<(Kills, Generations)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(&all)
            .map(|(seed, tenants)| scope.spawn(move || kill(tenants, target, seed, kills_each)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let keys = target.keys();
    for ((seed, tenants), (met, names)) in (0..).zip(&all).zip(&met) {
        println!("{met:?}, {} tenants", names.len());
        let own: Vec<_> = keys.iter().filter(|key| belongs_to(seed, key)).collect();
        let allows = |name: &str, value: &str| target.allows(value, &format!("{name}_docs"));
        assert_eq!(tenants.differences(names, &own, allows), Differences::default());
        let old = names.iter().filter(|(name, generation)| {
            (1..**generation).any(|earlier| allows(name, &tenants.value(name, earlier)))
        });
        assert_eq!(old.count(), 0, "an earlier generation still works");
    }
    assert_eq!(keys.len(), met.iter().map(|(_, names)| names.len()).sum::<usize>());
    let [creating, replacing] = [|met: &Kills| met.while_creating, |met: &Kills| met.while_replacing]
        .map(|of: fn(&Kills) -> usize| met.iter().map(|(met, _)| of(met)).sum::<usize>());
    assert!(creating > 0 && replacing > 0, "no run was interrupted while it created or replaced keys");
}

/// 200 kills with `CI=true`, otherwise 52.
#[test]
fn tenants_that_are_killed_have_one_key_each_whose_value_the_root_gives() {
    check_kills(&Target::server(), cases(20));
}

#[test]
fn tenants_that_are_killed_on_a_cluster_have_one_key_each_whose_value_the_root_gives() {
    check_kills(&Target::cluster(), cases(10));
}
