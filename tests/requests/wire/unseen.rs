//! Invisible characters in every text setting: they are trimmed, or refused by name before anything is sent.

use typesense_keys::plan::KeySpec;
use typesense_keys::{Action, ClientBuilder, Error, KeysClient};

/// Invisible characters with their names in errors. Files, web pages and editors add the first ones.
const UNSEEN: [(char, &str); 14] = [
    ('\n', "a line break (U+000A)"),
    ('\r', "a line break (U+000D)"),
    ('\t', "a tab (U+0009)"),
    ('\u{feff}', "a byte order mark (U+FEFF)"),
    ('\u{a0}', "a no-break space (U+00A0)"),
    ('\u{202f}', "a no-break space (U+202F)"),
    ('\u{200b}', "an invisible character (U+200B)"),
    ('\u{200d}', "an invisible character (U+200D)"),
    ('\u{2060}', "an invisible character (U+2060)"),
    ('\u{ad}', "an invisible character (U+00AD)"),
    ('\u{202e}', "an invisible character (U+202E)"),
    ('\u{2028}', "a line break (U+2028)"),
    ('\u{3000}', "a blank (U+3000)"),
    ('\0', "a control character (U+0000)"),
];

/// The name of a setting, a valid text for it, and a function that applies a text.
type Setting = (&'static str, &'static str, fn(&str) -> Result<(), Error>);

fn builder() -> ClientBuilder {
    KeysClient::builder().node("http://127.0.0.1:1").api_key("key").retries(false).proxy_from_env(false)
}

fn client() -> KeysClient {
    builder().build().unwrap()
}

/// Settings whose text is used exactly as it is.
const EXACT: [Setting; 7] = [
    ("api_key", "admin", |text| builder().api_key(text).build().map(drop)),
    ("description", "site", |text| scoped(client().create().description(text))),
    ("description", "site", |text| {
        client().ensure(text).actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).validate()
    }),
    ("description", "site", |text| {
        KeySpec::new(text).actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).validate()
    }),
    ("value", "a value", |text| scoped(client().create().value(text))),
    ("stored_value", "abcdefghijklmnopqrstuvwxyz012345", |text| scoped(client().create().stored_value(text))),
    ("value", "a value", |text| client().rotate(7).value(text).prepare().map(drop)),
];

fn scoped(create: typesense_keys::CreateKey) -> Result<(), Error> {
    create.actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]).prepare().map(drop)
}

/// The text with the character at the beginning, after two characters, and at the end, each with the place in words.
fn places(text: &str, unseen: char) -> [(String, &'static str, &'static str); 3] {
    let (start, end) = text.split_at(2);
    [
        (format!("{unseen}{text}"), "begins with", ""),
        (format!("{start}{unseen}{end}"), "has", " as character 3"),
        (format!("{text}{unseen}"), "ends with", ""),
    ]
}

#[test]
fn unseen_character_in_exact_text_is_named_with_its_place() {
    for (setting, text, apply) in EXACT {
        apply(text).unwrap_or_else(|error| panic!("{setting}: {error}"));
        for (unseen, name) in UNSEEN {
            for (odd, verb, place) in places(text, unseen) {
                let error = apply(&odd).expect_err(setting);
                let reason = format!("`{setting}`: {verb} {name}{place}: remove it");
                assert!(error.to_string().ends_with(&reason), "{odd:?}: {error}");
                assert!(!error.to_string().contains(text), "{error}");
            }
        }
    }
    for text in [" site", "site "] {
        let error = scoped(client().create().description(text)).unwrap_err().to_string();
        let place = if text.starts_with(' ') { "begins" } else { "ends" };
        assert_eq!(error, format!("invalid request: `description`: {place} with a space (U+0020): remove it"));
    }
}

#[test]
fn unseen_character_around_an_address_is_trimmed_and_inside_it_is_named() {
    type Address = (&'static str, fn(&str) -> ClientBuilder, &'static str);
    let settings: [Address; 3] = [
        ("node", |text| KeysClient::builder().node(text).api_key("key"), "an address "),
        ("nearest_node", |text| builder().nearest_node(text), "an address "),
        ("proxy", |text| builder().proxy(text), ""),
    ];
    for (setting, apply, what) in settings {
        let address = "http://127.0.0.1:1";
        let plain = format!("{:?}", apply(address).build().unwrap());
        for (unseen, name) in UNSEEN.into_iter().chain([(' ', "a space (U+0020)")]) {
            let [(before, ..), (inside, ..), (after, ..)] = places(address, unseen);
            for trimmed in [&before, &after, &format!("{unseen}{after}")] {
                assert_eq!(format!("{:?}", apply(trimmed).build().unwrap()), plain, "{trimmed:?}");
            }
            let or = if setting == "proxy" { ", or percent-encode it" } else { "" };
            let reason = format!("`{setting}`: {what}has {name} as character 3: remove it{or}");
            assert_eq!(apply(&inside).build().unwrap_err().to_string(), format!("invalid configuration: {reason}"));
        }
    }
}

#[test]
fn unseen_character_in_a_collection_is_named() {
    let refused = |text: &str| {
        let create = client().create().actions([Action::DOCUMENTS_SEARCH]).collections([text]);
        create.prepare().expect_err(text).to_string()
    };
    for tag in ["", "exact:", "prefix:", "pattern:", "custom:"] {
        for (unseen, name) in UNSEEN {
            for (odd, verb, place) in places("docs", unseen) {
                let shown = odd.escape_debug().to_string();
                assert_eq!(
                    refused(&format!("{tag}{odd}")),
                    format!(
                        "invalid request: `collections`: `{shown}` {verb} {name}{place}: remove it \
                         (`CollectionPattern::exact` accepts it)"
                    )
                );
            }
        }
    }
    // A name in Rust code is used as it is: a server can have such collections.
    let exact = typesense_keys::CollectionPattern::exact("docs\n");
    let create = client().create().actions([Action::DOCUMENTS_SEARCH]).collections([exact]);
    assert!(create.prepare().is_ok());
}

#[test]
fn unseen_character_in_an_action_is_shown() {
    for (unseen, _) in UNSEEN.into_iter().chain([(' ', "")]) {
        for (odd, ..) in places("documents:search", unseen) {
            let create = client().create().actions([&odd]).collections(["docs"]);
            let error = create.prepare().expect_err(&odd).to_string();
            let shown = odd.escape_debug().to_string();
            assert!(error.starts_with(&format!("invalid request: `actions`: `{shown}` is not")), "{error}");
            let custom = client().create().actions([Action::custom(odd)]).collections(["docs"]);
            assert!(custom.prepare().is_err(), "{error}");
        }
    }
}
