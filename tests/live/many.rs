//! A thousand keys, created by several threads with one client.

use std::collections::HashSet;
use std::thread;

use secrecy::ExposeSecret;
use typesense_keys::{Action, CreatedKey, KeysClient};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![thousand_keys_created_by_four_threads_are_all_listed];

const THREADS: usize = 4;
const KEYS_EACH: usize = 250;

fn thousand_keys_created_by_four_threads_are_all_listed(server: &Server) {
    let stage = Stage::new(server);
    let description = unique("one of a thousand ");
    let create = |client: &KeysClient, of: &str| {
        let request = client.create().description(format!("{description} of {of}"));
        request.actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).send().unwrap()
    };

    // Half of the threads borrow the client, and half own a clone: it is `Sync`, `Send` and `Clone`.
    let made: Vec<CreatedKey> = thread::scope(|scope| {
        let makers: Vec<_> = (0..THREADS)
            .map(|number| {
                let (create, owned) = (&create, stage.client().clone());
                let borrowed = stage.client();
                scope.spawn(move || {
                    let client = if number % 2 == 0 { borrowed } else { &owned };
                    (0..KEYS_EACH).map(|_| create(client, &number.to_string())).collect::<Vec<_>>()
                })
            })
            .collect();
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    });

    let ids: HashSet<_> = made.iter().map(|key| key.id).collect();
    let values: HashSet<_> = made.iter().map(|key| key.value.expose_secret()).collect();
    assert_eq!((ids.len(), values.len()), (THREADS * KEYS_EACH, THREADS * KEYS_EACH));

    let listed = stage.client().list().send().unwrap();
    let of_ours = listed.iter().filter(|key| key.description.starts_with(&description));
    assert_eq!(of_ours.map(|key| key.id).collect::<HashSet<_>>(), ids);
    for key in &made {
        let listed = listed.iter().find(|listed| listed.id == key.id).unwrap();
        assert_eq!((&listed.description, &*listed.prefix), (&key.description, &key.value.expose_secret()[..4]));
    }

    thread::scope(|scope| {
        for share in made.chunks(KEYS_EACH) {
            let client = stage.client();
            scope.spawn(move || {
                share.iter().for_each(|key| assert_eq!(client.delete(key.id).send().unwrap(), key.id))
            });
        }
    });
    assert!(stage.client().list().send().unwrap().iter().all(|key| !ids.contains(&key.id)));
}
