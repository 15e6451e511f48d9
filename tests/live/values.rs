//! What a key's value may be: one's own, the server's, short or long, of any characters that a header carries.

use secrecy::ExposeSecret;
use typesense_keys::{Action, CreateKey, Error};

use crate::stage::{Stage, unique};
use crate::support::Server;

live_tests![
    value_of_ones_own_comes_back_and_works_as_a_key,
    value_beyond_ascii_comes_back_and_works_as_a_key,
    value_that_the_server_could_not_list_is_refused,
    server_draws_a_value_when_asked,
    thousand_and_one_characters_are_a_key_too,
];

fn lists(stage: &Stage<'_>) -> CreateKey {
    stage.client().create().description("live test").actions([Action::KEYS_LIST]).collections(["*"])
}

/// Creates a key of this value; it is what came back, what the server lists the beginning of, and a key that works.
#[track_caller]
fn assert_works(stage: &Stage<'_>, value: &str) {
    let key = stage.create(lists(stage).value(value));
    assert_eq!(key.value.expose_secret(), value);
    assert_eq!(stage.client().get(key.id).send().unwrap().prefix.as_bytes(), &value.as_bytes()[..4.min(value.len())]);
    let seen = stage.client_with(&key.value).list().send();
    assert!(seen.as_ref().is_ok_and(|keys| keys.iter().any(|listed| listed.id == key.id)), "{value:?}: {seen:?}");
}

fn value_of_ones_own_comes_back_and_works_as_a_key(server: &Server) {
    let stage = Stage::new(server);
    for special in [
        "",
        "\"quoted\" 'and' `so`",
        "back\\slash \\n \\u0041 \\",
        "spaces  in   side",
        "a:b, c;d=e&f?g#h%20%s{}[]()<>|^~@!$*+/",
        "null",
        "Bearer x",
        "0",
    ] {
        assert_works(&stage, &format!("{}{special}", unique("own-")));
        // The other way round, with what is special in the prefix, and at both ends.
        assert_works(&stage, &format!("{special}{}\"", unique("-own")));
    }
    // Shorter than the prefix that the server shows.
    for short in ["~", "~\"", "~\\~"] {
        assert_works(&stage, short);
    }
}

fn value_beyond_ascii_comes_back_and_works_as_a_key(server: &Server) {
    let stage = Stage::new(server);
    for special in ["é", "日本語", "😀", "e\u{301}"] {
        assert_works(&stage, &format!("{}{special}", unique("own-")));
    }
    // Characters that end where the prefix does.
    for start in ["éé", "😀", "ab😀", "日x"] {
        let value = format!("{start}{}", unique("-own"));
        match value.is_char_boundary(4) {
            true => assert_works(&stage, &value),
            false => assert!(matches!(lists(&stage).value(value).send(), Err(Error::InvalidRequest { .. }))),
        }
    }
}

fn value_that_the_server_could_not_list_is_refused(server: &Server) {
    let stage = Stage::new(server);
    for value in
        ["日本語 has a character across its fourth byte", "line\nbreak", "", " leads", "nul\0", &"x".repeat(4097)]
    {
        match lists(&stage).value(value).send() {
            Err(Error::InvalidRequest { field: "value", reason, .. }) => {
                assert!(value.is_empty() || !reason.contains(value), "it repeats the secret");
            }
            other => panic!("{value:?}: {other:?}"),
        }
    }
}

fn server_draws_a_value_when_asked(server: &Server) {
    let stage = Stage::new(server);
    let [one, other] = [(); 2].map(|()| stage.create(lists(&stage).server_generated()));
    for key in [&one, &other] {
        let value = key.value.expose_secret();
        assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(stage.client().get(key.id).send().unwrap().prefix == value[..4]);
        assert!(stage.client_with(&key.value).list().send().is_ok());
    }
    assert_ne!(one.value.expose_secret(), other.value.expose_secret());
}

fn thousand_and_one_characters_are_a_key_too(server: &Server) {
    let stage = Stage::new(server);
    for length in [5, 1001, 4096] {
        let value = format!("{}{}", unique("own-"), "k".repeat(length));
        assert_works(&stage, &value[..length]);
    }
}
