//! The example `quickstart`, run as users run it: its output, its exit code, and the proof that it shows no key even if
//! everything is logged.

use secrecy::ExposeSecret;
use typesense_keys::Expiry;
use typesense_keys::testing::{FakeServer, Fault};

use crate::support::Tap;
use crate::support::example::{assert_hides, example, printed};
use crate::{looks_generated, said, with_server};

#[test]
fn quickstart_without_a_server_runs_on_a_fake_one_and_says_so() {
    let output = example("quickstart").output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said:?}");
    let first = "TYPESENSE_URL names no server: this runs on a fake one, in memory, at http://127.0.0.1:";
    assert!(said[0].starts_with(first), "{said:?}");
    let steps = said[1..].iter().map(|line| line.split_whitespace().next().unwrap());
    assert_eq!(
        steps.collect::<Vec<_>>(),
        ["created", "used", "refused", "got", "rotated", "deleted"],
        "not one line for each step: {said:?}"
    );
    assert!(said[4].contains("quickstart: may list keys") && said[4].contains("keys:list"), "{said:?}");
    for line in [1, 5] {
        let (_, date) = said[line].split_once("which expires at ").unwrap();
        assert!(date.starts_with("20") && date.ends_with('Z') && date.parse::<Expiry>().is_ok(), "{date}");
    }
}

#[test]
fn quickstart_fits_on_a_screen() {
    let source = include_str!("../../examples/quickstart.rs");
    assert!(source.lines().count() <= 60);
}

#[test]
fn quickstart_with_everything_logged_shows_no_key() {
    let output = example("quickstart").output().unwrap();
    let printed = printed(&output);
    assert!(printed.contains("[TRACE ureq"), "{printed}");
    // The test does not know the keys, but their form.
    assert!(!printed.split(|c: char| !c.is_ascii_alphanumeric()).any(looks_generated), "{printed}");
    assert!(looks_generated("mgo0aaC6hkuFPSv2iw9PGyRkuPSzKSeW"));
}

#[test]
fn quickstart_uses_the_named_server_and_leaves_no_key_there() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    assert!(!printed.contains("fake"), "{printed}");
    assert!(fake_server.request_count() >= 7);
    assert_eq!(fake_server.key_count(), 0);

    let values = tap.values();
    assert!(!values.is_empty(), "{}", tap.recorded());
    assert!(
        tap.recorded().contains(fake_server.api_key().expose_secret()),
        "the tap records no key, so the test would prove nothing"
    );
    for value in &values {
        assert_hides(&printed, value);
    }
    assert_hides(&printed, fake_server.api_key().expose_secret());
}

#[test]
fn quickstart_survives_a_lost_response() {
    let fake_server = FakeServer::start().unwrap();
    let tap = Tap::start(&fake_server.url());
    fake_server.inject(Fault::LoseResponse);
    let output = with_server("quickstart", &fake_server, &tap).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(fake_server.key_count(), 0, "a key was not deleted");
}

#[test]
fn quickstart_that_fails_says_why_on_one_line() {
    let fake_server = FakeServer::start().unwrap();
    for (nodes, key, says) in [
        (
            fake_server.url(),
            Some("wrong"),
            "the client's key is wrong, has expired, or lacks the action `keys:create`",
        ),
        (fake_server.url(), None, "invalid configuration: `TYPESENSE_API_KEY`: is not set"),
        ("localhost".to_owned(), Some("key"), "invalid configuration: `TYPESENSE_URL`"),
        ("http://10.0.0.1".to_owned(), Some("key"), "is plain http to another host"),
    ] {
        let mut quickstart = example("quickstart");
        quickstart.env("TYPESENSE_URL", nodes).envs(key.map(|key| ("TYPESENSE_API_KEY", key)));
        let output = quickstart.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = said(&output);
        assert!(matches!(&said[..], [line] if line.starts_with("quickstart: ") && line.contains(says)), "{said:?}");
    }
}
