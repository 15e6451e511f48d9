use std::time::Duration;

use secrecy::SecretString;

use super::*;
use crate::Expiry;
use crate::requests::settings::{Settings, Value};

/// A key of the description that is wanted, with the scope that is wanted.
fn key(id: u32) -> KeyInfo {
    let text = r#"{"id": 0, "description": "docs", "actions": ["keys:get", "keys:list"], "collections": ["a", "b"],
        "expires_at": 64723363199, "value_prefix": "own-"}"#;
    KeyInfo { id: KeyId::from(id), ..serde_json::from_str(text).unwrap() }
}

fn drifted(id: u32) -> KeyInfo {
    KeyInfo { actions: vec![crate::Action::ALL], ..key(id) }
}

fn expired(id: u32) -> KeyInfo {
    KeyInfo { expires_at: Expiry::from_unix_seconds(1), ..key(id) }
}

fn another(id: u32) -> KeyInfo {
    KeyInfo { description: "another".to_owned(), ..key(id) }
}

fn wanted() -> Wanted {
    let settings = Settings {
        description: "docs".to_owned(),
        actions: vec![crate::Action::KEYS_LIST, crate::Action::KEYS_GET],
        collections: vec!["b".into(), "a".into(), "b".into()],
        ..Settings::default()
    };
    Wanted {
        key: NewKey::try_from(settings).unwrap(),
        expiry: None,
        replace_on_drift: false,
        own: None,
        standing: Standing::Unknown,
        removed: Vec::new(),
    }
}

fn with_own_value(standing: Standing) -> Wanted {
    let value = Value::Provided(SecretString::from("own-value"));
    let key = NewKey::replacing(&key(0), value, None).unwrap();
    Wanted { key, standing, ..wanted() }
}

fn replacing(wanted: Wanted) -> Wanted {
    Wanted { replace_on_drift: true, ..wanted }
}

/// After this run has created key 5.
fn created(wanted: Wanted) -> Wanted {
    Wanted { own: Some(KeyId::from(5)), standing: Standing::Free, ..wanted }
}

#[track_caller]
fn next(wanted: &Wanted, keys: &[KeyInfo], expected: &str) {
    let step = match wanted.next(keys) {
        Step::Create => "create".to_owned(),
        Step::Undo => "undo".to_owned(),
        Step::Remove { old, by, was_live } => {
            let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
            format!("remove {old}{by}{}", if was_live { ", live" } else { "" })
        }
        Step::Wait => "wait".to_owned(),
        Step::Refuse(key, differences) => {
            let fields: Vec<_> = differences.iter().map(|difference| difference.field).collect();
            format!("refuse {}: {}", key.id, fields.join(", "))
        }
        Step::Done(key) => format!("done {}", key.id),
    };
    assert_eq!(step, expected);
}

#[test]
fn one_of_the_same_scope_is_left_alone_and_none_is_created() {
    next(&wanted(), &[another(1), key(2)], "done 2");
    next(&wanted(), &[another(1)], "create");
    next(&wanted(), &[], "create");
}

#[test]
fn of_several_the_lowest_id_stays_and_a_run_undoes_its_own() {
    next(&wanted(), &[key(10), key(2), key(5)], "done 2");
    next(&created(wanted()), &[key(10), key(5), key(7)], "done 5");
    next(&created(wanted()), &[key(10), key(5), key(4)], "undo");
}

#[test]
fn a_list_without_the_runs_own_key_tells_nothing() {
    next(&created(wanted()), &[], "wait");
    next(&created(wanted()), &[key(4)], "wait");
}

#[test]
fn drift_is_refused_or_replaced() {
    next(&wanted(), &[drifted(1), drifted(2)], "refuse 2: actions");
    next(&replacing(wanted()), &[drifted(1)], "create");
    next(&replacing(created(wanted())), &[drifted(1), key(5)], "remove 1 by 5, live");
    // That of another run is older than what is found now: that run removes it, or the next.
    next(&replacing(wanted()), &[drifted(1), key(3)], "remove 1 by 3, live");
    next(&wanted(), &[drifted(1), key(3)], "done 3");
    // It came meanwhile, and may not be replaced.
    next(&created(wanted()), &[drifted(1), key(5)], "undo");
}

#[test]
fn a_later_key_of_another_scope_is_a_later_runs_and_left_alone() {
    next(&replacing(created(wanted())), &[key(5), drifted(6)], "done 5");
}

#[test]
fn what_has_expired_is_replaced_without_being_asked() {
    next(&wanted(), &[expired(1)], "create");
    next(&created(wanted()), &[expired(1), key(5)], "remove 1 by 5");
    next(&wanted(), &[expired(1), key(3)], "remove 1 by 3");
}

#[test]
fn what_is_removed_and_still_listed_is_gone() {
    let wanted = Wanted { removed: vec![KeyId::from(1)], ..replacing(created(wanted())) };
    next(&wanted, &[drifted(1), key(5)], "done 5");
}

#[test]
fn an_expiry_is_compared_as_it_was_said() {
    let in_an_hour = |expires_at| KeyInfo { expires_at, ..key(1) };
    let hour = Duration::from_secs(3_600);
    let limited = Wanted { expiry: Some(Expires::In(hour)), ..wanted() };
    let limited = Wanted { key: NewKey { expires_at: Expiry::after(hour), ..limited.key }, ..limited };
    next(&limited, &[in_an_hour(Expiry::after(hour / 2))], "done 1");
    next(&limited, &[in_an_hour(Expiry::after(hour * 2))], "refuse 1: expires_at");
    next(&limited, &[key(1)], "refuse 1: expires_at");
    let exactly = Expiry::from_unix_seconds(5_000_000_000);
    let fixed = Wanted { key: NewKey { expires_at: exactly, ..wanted().key }, ..wanted() };
    let fixed = Wanted { expiry: Some(Expires::At(exactly)), ..fixed };
    next(&fixed, &[in_an_hour(exactly)], "done 1");
    next(&fixed, &[in_an_hour(Expiry::from_unix_seconds(4_999_999_999))], "refuse 1: expires_at");
    next(&wanted(), &[in_an_hour(exactly)], "refuse 1: expires_at");
}

#[test]
fn a_server_that_does_not_know_autodelete_does_not_differ_in_it() {
    let wanted = Wanted { key: NewKey { autodelete: Some(true), ..wanted().key }, ..wanted() };
    next(&wanted, &[key(1)], "done 1");
    next(&wanted, &[KeyInfo { autodelete: Some(true), ..key(1) }], "done 1");
    next(&wanted, &[KeyInfo { autodelete: Some(false), ..key(1) }], "refuse 1: autodelete");
}

#[test]
fn that_a_value_is_in_use_is_for_the_server_to_say() {
    next(&with_own_value(Standing::Unknown), &[key(1)], "create");
    next(&with_own_value(Standing::Taken), &[key(1)], "done 1");
    // It was not, so what begins alike is another, which differs in its value.
    next(&created(with_own_value(Standing::Free)), &[key(1), key(5)], "undo");
    next(&with_own_value(Standing::Free), &[key(1)], "refuse 1: value");
    next(&replacing(created(with_own_value(Standing::Free))), &[key(1), key(5)], "remove 1 by 5, live");
    let differs = KeyInfo { prefix: "diff".to_owned(), ..key(1) };
    next(&with_own_value(Standing::Unknown), &[differs], "refuse 1: value");
}

#[test]
fn a_key_that_is_in_the_way_of_its_value_goes_first_if_it_may() {
    next(&with_own_value(Standing::Taken), &[drifted(1)], "refuse 1: actions");
    next(&replacing(with_own_value(Standing::Taken)), &[drifted(1)], "remove 1");
    next(&with_own_value(Standing::Taken), &[expired(1)], "remove 1");
    // The node lags, or the value is that of a key which is not listed.
    next(&with_own_value(Standing::Taken), &[], "wait");
    next(&replacing(with_own_value(Standing::Taken)), &[another(3)], "wait");
    // Whose value it is cannot be told.
    next(&replacing(with_own_value(Standing::Taken)), &[drifted(1), another(3)], "wait");
}
