//! An invalid request is refused before anything is sent, with the name of the field and the fix.

use std::time::{Duration, UNIX_EPOCH};

use typesense_keys::{Action, CollectionPattern, CreateKey, Error};

use super::fixture::{Response, Wire};

/// Sends a create after `change`, which sets its scope.
#[track_caller]
fn refused(change: impl FnOnce(CreateKey) -> CreateKey, field: &str, reason: &str) {
    let server = Wire::responding(&Response { status: 500, ..Response::default() });
    let error = change(server.client().create()).send().expect_err(reason);
    assert_eq!(error.to_string(), format!("invalid request: `{field}`: {reason}"));
    assert!(matches!(&error, Error::InvalidRequest { field: named, .. } if *named == field), "{error:?}");
    assert_eq!((error.status(), error.is_retryable()), (None, false));
    assert!(error.report().is_none());
    assert!(std::error::Error::source(&error).is_none());
    assert_eq!(server.asked(), [], "something was sent");
}

fn scoped(create: CreateKey) -> CreateKey {
    create.actions([Action::DOCUMENTS_SEARCH]).collections(["docs"])
}

#[test]
fn actions_are_needed() {
    refused(
        |create| create.collections(["docs"]),
        "actions",
        "none is given: name at least one, such as `documents:search`",
    );
}

#[test]
fn actions_must_be_known_to_a_server() {
    for (action, reason) in [
        (
            "documents:serach",
            "`documents:serach` is not an action of any known server (`Action::custom` accepts those of newer \
             servers); did you mean `documents:search`?",
        ),
        ("aliases:create", "`aliases:create` allows nothing on any server; grant `aliases:upsert`"),
        ("search", "`search` is not of the form `resource:verb`"),
        ("", "`` is not of the form `resource:verb`"),
        ("collections:*, documents:*", "`collections:*, documents:*` is not of the form `resource:verb`"),
        ("documents:search,documents:get", "`documents:search,documents:get` is not of the form `resource:verb`"),
        (
            "documents: search",
            "`documents: search` is not one `resource:verb` (pass several actions as several items); did you mean \
             `documents:search`?",
        ),
        (
            "documents:search\n",
            "`documents:search\\n` is not one `resource:verb` (pass several actions as several items); did you mean \
             `documents:search`?",
        ),
    ] {
        refused(|create| scoped(create).actions([action]), "actions", reason);
    }
}

#[test]
fn collections_are_needed() {
    refused(
        |create| create.actions([Action::ALL]),
        "collections",
        "none is given: name at least one, or `\"*\"` for all",
    );
}

#[test]
fn collections_must_be_unambiguous() {
    for (text, reason) in [
        ("", "an empty name or prefix means no collection (`*` means all)".to_owned()),
        ("a.b", ambiguous("a.b")),
        ("docs_.*", ambiguous("docs_.*")),
        ("a b", ambiguous("a b")),
    ] {
        refused(|create| scoped(create).collections([text]), "collections", &reason);
    }
    refused(
        |create| scoped(create).collections(["pattern:docs_("]),
        "collections",
        "the server could not compile the pattern `docs_(`: a `(` is not closed (for a collection with exactly this name, \
         write `exact:docs_(`, in Rust `CollectionPattern::exact(\"docs_(\")`)",
    );
}

fn ambiguous(text: &str) -> String {
    format!(
        "`{text}` could be a name or a pattern, and the server reads it as both: write `exact:{text}` or \
         `pattern:{text}`, in Rust `CollectionPattern::exact(\"{text}\")` or `CollectionPattern::pattern(\"{text}\")`"
    )
}

#[test]
fn value_must_fit_into_a_header_and_is_not_shown() {
    let long = "s3cret".repeat(1_000);
    for (value, reason) in [
        ("", "is empty: every request needs a key"),
        ("s3cret\n", "ends with a line break (U+000A): remove it"),
        ("s3\0cret", "has a control character (U+0000) as character 3: remove it"),
        (" s3cret", "begins with a space (U+0020): remove it"),
        ("s3cret ", "ends with a space (U+0020): remove it"),
        (&long, "is longer than 4096 bytes"),
        ("s3cr", "has at most 4 bytes, which the server shows to whoever lists the keys: choose a longer one"),
        ("~", "has at most 4 bytes, which the server shows to whoever lists the keys: choose a longer one"),
    ] {
        refused(|create| scoped(create).value(value), "value", reason);
    }
}

#[test]
fn expiry_must_be_in_the_future() {
    let reason = "is not in the future: the key would not work";
    refused(|create| scoped(create).expires_at(UNIX_EPOCH), "expires_at", reason);
    refused(|create| scoped(create).expires_at(UNIX_EPOCH + Duration::from_secs(1_000)), "expires_at", reason);
}

#[test]
fn key_must_be_small_enough_to_be_listed() {
    let long = "x".repeat(131_100);
    let reason =
        |size: usize| format!("makes the key too large: {size} bytes of text, of which 131072 can be listed");
    refused(|create| scoped(create).description(&*long), "description", &reason(131_100 + 19 + 7));
    let tenants = (0..7_000).map(|tenant| CollectionPattern::exact(&format!("tenant-{tenant:09}")));
    refused(|create| create.actions([Action::ALL]).collections(tenants), "collections", &reason(4 + 7_000 * 19));
}
