//! When a key expires: never, later, or during the test.

use std::time::{Duration, SystemTime};

use typesense_keys::{Action, CreateKey, Error, Expiry};

use crate::stage::Stage;
use crate::support::Server;
use crate::support::time::{wait_until, with_enough_time};

live_tests![
    key_without_an_expiry_never_expires,
    expiry_in_the_future_is_kept_and_the_key_works,
    last_second_of_the_year_9999_is_accepted_and_the_key_works,
    key_stops_working_when_it_expires_and_is_not_deleted,
];

fn lists(stage: &Stage<'_>) -> CreateKey {
    stage.client().create().description("live test").actions([Action::KEYS_LIST]).collections(["*"])
}

fn key_without_an_expiry_never_expires(server: &Server) {
    let stage = Stage::new(server);
    let key = stage.create(lists(&stage));
    assert_eq!(key.expires_at, Expiry::NEVER);
    let got = stage.client().get(key.id).send().unwrap();
    assert!(got.expires_at.is_never() && !got.is_expired());
    assert_eq!(got.expires_at.unix_seconds(), 64_723_363_199);
}

fn expiry_in_the_future_is_kept_and_the_key_works(server: &Server) {
    let stage = Stage::new(server);
    let time = SystemTime::now() + Duration::from_secs(86_400);
    let at = stage.create(lists(&stage).expires_at(time));
    assert_eq!(at.expires_at, Expiry::from(time));

    let before = Expiry::after(Duration::from_secs(60));
    let within = stage.create(lists(&stage).expires_in(Duration::from_secs(60)));
    assert!((before..=Expiry::after(Duration::from_secs(60))).contains(&within.expires_at));

    for key in [at, within] {
        assert_eq!(stage.client().get(key.id).send().unwrap().expires_at, key.expires_at);
        assert!(stage.client_with(&key.value).list().send().is_ok());
    }
}

fn last_second_of_the_year_9999_is_accepted_and_the_key_works(server: &Server) {
    let stage = Stage::new(server);
    let last: Expiry = "9999-12-31T23:59:59Z".parse().unwrap();
    let key = stage.create(lists(&stage).expires_at(last));
    assert_eq!(key.expires_at, last);
    assert!(stage.client_with(&key.value).list().send().is_ok());
}

fn key_stops_working_when_it_expires_and_is_not_deleted(server: &Server) {
    let stage = Stage::new(server);
    let (key, user) = with_enough_time(Duration::from_secs(2), |lifetime| {
        let key = stage.create(lists(&stage).expires_in(lifetime));
        let user = stage.client_with(&key.value);
        user.list().send().map_err(|error| format!("it does not work at first: {error}"))?;
        Ok((key, user))
    });
    wait_until("the key is refused", || match user.list().send() {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
            true
        }
    });
    // Not too early. Server and test have the same clock.
    assert!(key.expires_at.is_past());
    // The expired key still exists: the server deletes a key only with `autodelete`.
    assert!(stage.client().get(key.id).send().unwrap().is_expired());
}
