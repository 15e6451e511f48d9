//! Rotation, `ensure`, batches and plans on a cluster whose leader is killed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use typesense_keys::plan::{Applied, ApplyEvent, KeySpec};
use typesense_keys::{Action, EnsureKey, EnsuredKey, Error, KeyId, KeysClient};

use super::support::Cluster;
use super::{Clusters, agreed_keys, client, request, status, with};

/// A client that prefers this node.
fn near(cluster: &Cluster, node: usize) -> KeysClient {
    let builder = KeysClient::builder().nearest_node(cluster.node(node).url()).nodes(cluster.urls());
    let builder = builder.api_key(cluster.api_key()).timeout(Duration::from_secs(20));
    builder.attempt_timeout(Duration::from_secs(3)).build().unwrap()
}

fn works_everywhere(cluster: &Cluster, value: &SecretString, id: KeyId) -> bool {
    (0..3).all(|node| status(cluster, node, value, id) == 200)
}

fn ensure(cluster: &Cluster, node: usize, value: Option<&str>) -> EnsureKey {
    let request = near(cluster, node).ensure("deploy").actions([Action::KEYS_GET]).collections(["*"]);
    let request = request.wait_for_replication(Duration::from_secs(8));
    match value {
        None => request.replace_on_drift(true),
        Some(value) => request.value(value),
    }
}

/// Runs `ensure` eight times at the same time, each with a client of its own. Returns the results.
fn eight_runs(cluster: &Cluster, value: Option<&str>) -> Vec<Result<EnsuredKey, Error>> {
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|run| scope.spawn(move || ensure(cluster, run % 3, value).send())).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

pub(crate) fn eight_runs_of_ensure(clusters: &Clusters) {
    with(clusters, |cluster| {
        for round in 0..2 {
            for (value, has_drifted) in [(None, false), (None, true), (Some("a-value-of-my-own"), false)] {
                let client = client(cluster);
                if has_drifted {
                    let drifted = client.create().description("deploy").actions(["keys:list"]).collections(["*"]);
                    drifted.wait_for_replication(Duration::from_secs(10)).send().unwrap();
                }
                let case = format!("round {round}, {value:?}, drifted: {has_drifted}");
                let results: Vec<_> = eight_runs(cluster, value)
                    .into_iter()
                    .map(|result| result.unwrap_or_else(|error| panic!("{case}: {error}")))
                    .collect();
                let keys = agreed_keys(cluster);
                assert_eq!(keys.len(), 1, "{case}: {keys:?}");
                assert!(results.iter().all(|ensured| ensured.key == keys[0]), "{case}: {results:?}");
                assert_eq!(results.iter().filter(|ensured| ensured.created).count(), 1, "{case}");
                let values: Vec<_> = results.iter().filter_map(|ensured| ensured.value.as_ref()).collect();
                assert_eq!(values.len(), if value.is_some() { 8 } else { 1 }, "{case}");
                assert!(values.iter().all(|value| works_everywhere(cluster, value, keys[0].id)), "{case}");
                client.delete(keys[0].id).wait_for_replication(Duration::from_secs(10)).send().unwrap();
            }
        }
    });
}

pub(crate) fn eight_runs_of_ensure_without_leader(clusters: &Clusters) {
    runs_of_ensure_while_the_leader_dies(clusters, None);
}

pub(crate) fn eight_runs_of_ensure_with_a_value_without_leader(clusters: &Clusters) {
    runs_of_ensure_while_the_leader_dies(clusters, Some("a-value-of-my-own"));
}

fn runs_of_ensure_while_the_leader_dies(clusters: &Clusters, value: Option<&str>) {
    with(clusters, |cluster| {
        let client = client(cluster);
        if value.is_none() {
            client.create().description("deploy").actions(["keys:list"]).collections(["*"]).send().unwrap();
        }
        cluster.kill(cluster.leader());
        let results = eight_runs(cluster, value);
        let done = results.iter().filter(|result| result.is_ok()).count();
        println!("{done} of 8 runs have ended well: {:?}", results.iter().find_map(|result| result.as_ref().err()));
        cluster.mend();
        // Whatever the results are, the next runs agree on one key, and report the keys that others have left.
        let again: Vec<_> = eight_runs(cluster, value).into_iter().map(Result::unwrap).collect();
        let keys = agreed_keys(cluster);
        let ensured = ensure(cluster, 0, value).send().unwrap();
        assert!(!ensured.created && again.iter().all(|other| other.key == ensured.key), "{again:?}, {ensured:?}");
        assert!(keys.iter().all(|key| key.actions == [Action::KEYS_GET]), "{keys:?}");
        let ids: Vec<_> = keys.iter().map(|key| key.id).collect();
        assert_eq!((ids[0], &ids[1..]), (ensured.key.id, &*ensured.duplicates));
        // The value of the key is in the result or in the error of the run that has created it.
        let values = results.iter().map(|result| match result {
            Ok(ensured) => ensured.value.as_ref(),
            Err(error) => error.value(),
        });
        let mut values = values.chain(again.iter().map(|ensured| ensured.value.as_ref())).flatten();
        assert!(values.any(|value| works_everywhere(cluster, value, ensured.key.id)), "the value is lost");
        println!("{} keys were left over", ensured.duplicates.len());
    });
}

pub(crate) fn rotations(clusters: &Clusters) {
    with(clusters, |cluster| {
        let client = client(cluster);
        let old: Vec<_> = (0..60).map(|_| request(&client).send().unwrap()).collect();
        let (done, leader) = (AtomicUsize::new(0), cluster.leader());
        let mut results = Vec::new();
        thread::scope(|scope| {
            let threads: Vec<_> = old
                .chunks(15)
                .map(|mine| {
                    let (client, done) = (&client, &done);
                    scope.spawn(move || {
                        let rotate = |id| {
                            done.fetch_add(1, Ordering::Relaxed);
                            // After the leader is killed, not every node can know the new key.
                            client.rotate(id).timeout(Duration::from_secs(12)).send()
                        };
                        mine.iter().take(4).map(|key| (key.id, rotate(key.id))).collect::<Vec<_>>()
                    })
                })
                .collect();
            while done.load(Ordering::Relaxed) < 8 {
                thread::sleep(Duration::from_millis(1));
            }
            cluster.kill(leader);
            threads.into_iter().for_each(|thread| results.extend(thread.join().unwrap()));
        });
        cluster.mend();
        let keys = agreed_keys(cluster);
        let exists = |id: KeyId| keys.iter().any(|key| key.id == id);
        let mut accounted: Vec<KeyId> = old.iter().map(|key| key.id).collect();
        let mut possible = Vec::new();
        let mut complete = 0;
        for (id, result) in results {
            match result {
                Ok(new) => {
                    complete += 1;
                    assert!(!exists(id) && works_everywhere(cluster, &new.value, new.id), "{id}: {new:?}");
                    accounted.push(new.id);
                }
                Err(Error::Incomplete(incomplete)) => {
                    // Until every node knows the new key, the old one must stay.
                    let is_left_over =
                        incomplete.key.is_some() && !matches!(incomplete.cause, Error::NotReplicated(_));
                    assert_eq!(
                        incomplete.left_over.as_ref().map(|key| key.id),
                        is_left_over.then_some(id),
                        "{incomplete}"
                    );
                    let is_old_in_doubt = is_left_over && matches!(incomplete.cause, Error::OutcomeUnknown(_));
                    assert!(is_old_in_doubt || exists(id), "{incomplete}");
                    possible.extend(incomplete.cause.value().cloned());
                    if let Some(new) = &incomplete.key {
                        assert!(works_everywhere(cluster, &new.value, new.id), "{incomplete}");
                        accounted.push(new.id);
                    }
                }
                Err(error) => assert!(exists(id), "{error}"),
            }
        }
        for key in keys.iter().filter(|key| !accounted.contains(&key.id)) {
            let is_possible = |value: &SecretString| value.expose_secret().starts_with(&key.prefix);
            assert!(possible.iter().any(is_possible), "no error has reported {key:?}");
        }
        assert!(complete >= 4, "{complete}");
        println!("{complete} of 16 rotations complete; the others have said which keys there are");
    });
}

pub(crate) fn many_keys(clusters: &Clusters) {
    with(clusters, |cluster| {
        let client = client(cluster);
        let leader = cluster.leader();
        let requests = (0..200).map(|_| request(&client).prepare().unwrap());
        let batch = client.create_many(requests).connections(4).send_with(|progress| {
            if progress.done == 60 {
                cluster.kill(leader);
            }
            ControlFlow::Continue(())
        });
        let keys = batch.into_outputs().unwrap();
        cluster.mend();
        let agreed = agreed_keys(cluster);
        assert_eq!((keys.len(), agreed.len()), (200, 200));
        for key in &keys {
            assert!(works_everywhere(cluster, &key.value, key.id), "{key:?}");
        }
    });
}

pub(crate) fn plan(clusters: &Clusters) {
    with(clusters, |cluster| {
        let client = client(cluster);
        let descriptions: Vec<String> = (0..100).map(|number| format!("plan {number}")).collect();
        // Some keys exist with another scope, and must be replaced.
        let drifted = descriptions.iter().take(4).map(|description| {
            let request = client.create().description(description).actions(["keys:list"]).collections(["*"]);
            request.wait_for_replication(Duration::from_secs(10)).prepare().unwrap()
        });
        let old: Vec<_> = client.create_many(drifted).send().into_outputs().unwrap();
        let leader = cluster.leader();
        let mut stored = BTreeMap::<String, Vec<SecretString>>::new();
        // Makes a plan, stores its values as a program would, and applies it. `created` receives the number of new
        // keys.
        let mut run = |mut created: Box<dyn FnMut(usize) + '_>| -> Applied {
            let specs = descriptions.iter().map(|of| KeySpec::new(of).actions([Action::KEYS_GET]).collections(["*"]));
            // No old key is deleted while a node is down. The wait for the node ends at this timeout.
            let request = client.plan(specs).timeout(Duration::from_secs(12));
            let plan = request.replace_on_drift(true).keep_going(true).send().unwrap();
            for (description, value) in plan.values() {
                stored.entry(description.to_owned()).or_default().push(value.clone());
            }
            let mut count = 0;
            let applied = plan.apply_with(|progress| {
                if matches!(progress.event, ApplyEvent::Created(_)) {
                    count += 1;
                    created(count);
                }
                ControlFlow::Continue(())
            });
            applied.unwrap()
        };
        let applied = run(Box::new(|count| {
            if count == 40 {
                cluster.kill(leader);
            }
        }));
        println!("{} of 100 keys, then: {:?}", applied.ensured().count(), applied.failed().next());
        cluster.mend();
        // With a lagging node, the next run would create second keys and delete them again.
        agreed_keys(cluster);
        let again = run(Box::new(|_| {}));
        assert!(again.is_complete(), "{:?}", again.failed().next());

        let keys = agreed_keys(cluster);
        let described: BTreeSet<&String> = keys.iter().map(|key| &key.description).collect();
        assert_eq!((keys.len(), described), (100, descriptions.iter().collect()));
        for key in &keys {
            assert_eq!(key.actions, [Action::KEYS_GET]);
            let values = &stored[&key.description];
            assert!(
                values.iter().any(|value| works_everywhere(cluster, value, key.id)),
                "the value of {key:?} is lost"
            );
        }
        assert!(old.iter().all(|old| keys.iter().all(|key| key.id != old.id)));
    });
}
