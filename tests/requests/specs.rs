//! Specs in files of several formats, alone or as a part of a larger document; what a reviewer sees of them; and the
//! proof that the reviewed plan is the applied one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use typesense_keys::audit::Severity;
use typesense_keys::plan::{Change, KeySpec};
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{Expiry, ValueRoot};

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Serialize, Deserialize)]
struct File {
    key: Vec<KeySpec>,
}

fn spec(description: &str) -> KeySpec {
    KeySpec::new(description).actions(["documents:search", "documents:get"]).collections(["docs"])
}

#[test]
fn toml_and_yaml_describe_the_same_keys_as_json() {
    let json = r#"{"key": [
        {"description": "docs", "actions": ["documents:search", "documents:get"], "collections": ["docs"],
         "expires_in": "90days"},
        {"description": "blog", "actions": ["documents:*"], "collections": ["prefix:blog_", "exact:a.b"],
         "expires_at": "2100-01-01T00:00:00Z", "autodelete": true}
    ]}"#;
    let toml = r#"
        [[key]]
        description = "docs"
        actions = ["documents:search", "documents:get"]
        collections = ["docs"]
        expires_in = "90days"

        [[key]]
        description = "blog"
        actions = ["documents:*"]
        collections = ["prefix:blog_", "exact:a.b"]
        expires_at = 2100-01-01T00:00:00Z
        autodelete = true
    "#;
    let yaml = "
key:
  - description: docs
    actions: [documents:search, documents:get]
    collections: [docs]
    expires_in: 90days
  - description: blog
    actions: ['documents:*']
    collections: [prefix:blog_, exact:a.b]
    expires_at: 2100-01-01T00:00:00Z
    autodelete: true
";
    let read: File = serde_json::from_str(json).unwrap();
    assert_eq!(read.key[0], spec("docs").expires_in(90 * DAY));
    for other in [toml::from_str::<File>(toml).unwrap(), serde_yaml_ng::from_str(yaml).unwrap()] {
        assert_eq!(other.key, read.key);
    }
    let quoted = toml.replace("2100-01-01T00:00:00Z", "\"2100-01-01T00:00:00Z\"");
    assert_eq!(toml::from_str::<File>(&quoted).unwrap().key, read.key);
    let [toml, yaml] = [toml::to_string(&read).unwrap(), serde_yaml_ng::to_string(&read).unwrap()];
    assert_eq!(toml::from_str::<File>(&toml).unwrap().key, read.key, "{toml}");
    assert_eq!(serde_yaml_ng::from_str::<File>(&yaml).unwrap().key, read.key, "{yaml}");
}

#[test]
fn date_that_is_not_a_time_in_utc_is_refused() {
    let file = |time: &str| {
        let text = format!("description = 'a'\nactions = ['keys:get']\ncollections = ['*']\nexpires_at = {time}");
        toml::from_str::<KeySpec>(&text).unwrap_err().to_string()
    };
    for (time, says) in [
        ("2100-01-01", "key `a`: `expires_at`: not an expiry: write a time in UTC such as `2030-01-01T00:00:00Z`"),
        ("2100-01-01T00:00:00", "key `a`: `expires_at`: not an expiry"),
        ("2100-01-01T00:00:00+02:00", "key `a`: `expires_at`: not an expiry"),
        ("4102444800", "`expires_at` is not a time in UTC such as \"2030-01-01T00:00:00Z\", in quotes"),
        ("{ seconds = '7' }", "`expires_at` is not a time in UTC"),
    ] {
        let error = file(time);
        assert!(error.contains(says), "{time}: {error}");
    }
}

#[test]
fn every_form_of_a_collection_is_written_as_it_is_read() {
    for text in ["docs", "*", "pattern:docs_[0-9]+", "custom:(?!secret$).*"] {
        let json = serde_json::json!({"description": "a", "actions": ["keys:get"], "collections": [text]});
        let spec: KeySpec = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), json);
    }
}

#[test]
fn duration_is_written_in_days_if_it_is_whole_days() {
    let json = |text: &str| {
        let (actions, collections) = (["keys:get"], ["*"]);
        serde_json::json!({
            "description": "a", "actions": actions, "collections": collections, "expires_in": text, "renew_before": "1h 5m",
        })
    };
    for text in ["90days", "12h", "15days 1h 5m", "365days"] {
        let spec: KeySpec = serde_json::from_value(json(text)).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), json(text));
        let changed = spec.expires_in(30 * DAY);
        assert_eq!(serde_json::to_value(&changed).unwrap()["expires_in"], "30days");
    }
    assert_eq!(serde_json::to_value(spec("a").expires_in(DAY * 3 / 2)).unwrap()["expires_in"], "1day 12h");
}

/// A document with members of its own before the spec and after it.
#[derive(Debug, Deserialize)]
struct Service {
    owner: String,
    #[serde(flatten)]
    key: KeySpec,
    #[serde(default)]
    port: Option<u16>,
}

#[test]
fn part_of_a_larger_document_cannot_be_read_without_the_check_for_unknown_members() {
    let json = r#"{"owner": "ada", "port": 80, "description": "docs", "actions": ["documents:search", "documents:get"],
                   "expires_in": "90days", "collections": ["docs"]}"#;
    let toml = "owner = 'ada'\nport = 80\ndescription = 'docs'\nactions = ['documents:search', 'documents:get']\n\
                collections = ['docs']\nexpires_at = 2100-01-01T00:00:00Z";
    let read: Service = serde_json::from_str(json).unwrap();
    assert_eq!((read.owner.as_str(), read.port, read.key), ("ada", Some(80), spec("docs").expires_in(90 * DAY)));
    assert!(toml::from_str::<Service>(toml).is_ok());

    let misspelled = [
        serde_json::from_str::<Service>(&json.replace("expires_in", "expire_in")).map_err(|error| error.to_string()),
        toml::from_str::<Service>(&toml.replace("expires_at", "expire_at")).map_err(|error| error.to_string()),
        serde_yaml_ng::from_str::<Service>(&json.replace("owner", "ownr\": 1, \"owner"))
            .map_err(|error| error.to_string()),
    ];
    for read in misspelled {
        let error = read.unwrap_err();
        assert!(
            error.contains("key `docs`: `") && error.contains("`: is not a member: is it misspelled?"),
            "{error}"
        );
    }
    // An error of the spec names the key, as in a file of its own.
    let error = serde_json::from_str::<Service>(&json.replace("search", "serach")).unwrap_err().to_string();
    assert!(error.starts_with("key `docs`: `actions[0]`: `documents:serach` is not an action"), "{error}");
}

#[test]
fn spec_is_audited_before_its_key_exists() {
    let codes = |spec: &KeySpec| spec.audit().iter().map(|finding| finding.code()).collect::<Vec<_>>();
    assert_eq!(codes(&spec("docs").expires_in(DAY)), [""; 0]);
    assert_eq!(codes(&spec("docs")), ["never_expires"]);
    let broad = KeySpec::new("ci").actions(["*"]).collections(["*"]).expires_in(DAY);
    assert_eq!(codes(&broad), ["every_action", "every_collection"]);
    assert_eq!(broad.audit().iter().map(|finding| finding.severity()).max(), Some(Severity::High));
    let old = KeySpec::new("old").actions(["synonyms:upsert"]).collections(["docs"]).expires_in(DAY);
    assert_eq!(old.audit_for("29.0".parse().unwrap()), []);
    assert_eq!(old.audit_for("30.0".parse().unwrap())[0].code(), "not_on_server");
}

#[test]
fn created_key_has_the_scope_of_its_spec_and_of_the_planned_key() {
    let server = FakeServer::start().unwrap();
    server.seed(TestKey::new("kept", ["documents:search", "documents:get"], ["docs"])).unwrap();
    let year = Expiry::after(365 * DAY);
    let specs = [spec("new").expires_at(year).autodelete(true), spec("kept")];
    let scope = specs[0].scope();
    assert_eq!((scope.actions.len(), scope.collections.len()), (2, 1));
    assert_eq!((scope.expires_at, scope.autodelete), (year, Some(true)));
    assert_eq!(specs[1].scope().expires_at, Expiry::NEVER);

    let plan = server.client().plan(specs.clone()).send().unwrap();
    assert_eq!(plan.keys().iter().map(|planned| planned.change).collect::<Vec<_>>(), [Change::Create, Change::Keep]);
    assert_eq!(plan.keys()[0].wanted(), Some(scope));
    assert_eq!(plan.keys()[1].wanted(), None);
    let created = plan.apply().unwrap().ensured().next().unwrap().key.clone();
    assert_eq!((&created.actions[..], created.expires_at), (scope.actions, year));
}

#[test]
fn fingerprint_depends_on_every_change_and_on_nothing_else() {
    let server = FakeServer::start().unwrap();
    let seed =
        |description: &str, actions: &[&str]| server.seed(TestKey::new(description, actions, ["docs"])).unwrap();
    seed("kept", &["documents:search", "documents:get"]);
    let drifted = seed("drifted", &["documents:*"]);
    let fingerprint = |specs: &[KeySpec]| {
        let plan = server.client().plan(specs.to_vec()).replace_on_drift(true).send().unwrap();
        plan.fingerprint()
    };
    let specs = [spec("new").expires_in(DAY), spec("drifted"), spec("kept")];
    let reviewed = fingerprint(&specs);
    assert_eq!(reviewed.len(), 64);
    server.advance(Duration::from_secs(60));
    assert_eq!(fingerprint(&specs), reviewed, "the fingerprint depends on values or on the time");
    assert_eq!(fingerprint(&specs[..2]), reviewed, "the fingerprint depends on a kept key");

    let [new, other, _] = specs.clone();
    for changed in [
        vec![],
        vec![new.clone()],
        vec![other.clone()],
        vec![other.clone(), new.clone()],
        vec![new.clone().actions(["documents:update"]), other.clone()],
        vec![new.clone().collections(["blog"]), other.clone()],
        vec![new.clone().expires_in(2 * DAY), other.clone()],
        vec![new.clone().autodelete(false), other.clone()],
        vec![spec("renamed").expires_in(DAY), other.clone()],
    ] {
        assert_ne!(fingerprint(&changed), reviewed, "{changed:?}");
    }
    let root = ValueRoot::new("a root of at least 32 bytes, for this test").unwrap();
    let of_generation = |generation| {
        let specs = [spec("derived").generation(generation)];
        server.client().plan(specs).derived_values(&root).send().unwrap().fingerprint()
    };
    assert_eq!(of_generation(1), of_generation(1));
    assert_ne!(of_generation(1), of_generation(2));

    seed("drifted", &["documents:*"]);
    let with_two = fingerprint(&specs);
    assert_ne!(with_two, reviewed, "the fingerprint does not depend on a second key to replace");
    assert!(server.remove(drifted));
    assert!(
        ![reviewed, with_two].contains(&fingerprint(&specs)),
        "the fingerprint does not depend on which key is replaced"
    );
}
