//! Keys as code: a file of services, each with the key that it needs. A pull request shows the plan. Only the reviewed
//! plan is applied.

use std::error::Error;

use serde::Deserialize;
use typesense_keys::audit::Severity;
use typesense_keys::plan::{KeySpec, Plan};
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{KeysClient, ValueRoot};

#[derive(Deserialize)]
struct Service {
    team: String,
    #[serde(flatten)]
    key: KeySpec,
}

/// The plan of a file; an error if an audit finds a key too broad.
fn plan(client: &KeysClient, yaml: &str, root: &ValueRoot) -> Result<Plan, Box<dyn Error>> {
    let services: Vec<Service> = serde_yaml_ng::from_str(yaml)?;
    for Service { team, key } in &services {
        if let Some(finding) = key.audit().iter().find(|finding| finding.severity() == Severity::High) {
            return Err(format!("{team}: the key `{}` {finding}", key.description()).into());
        }
    }
    let specs = services.into_iter().map(|service| service.key).collect::<Vec<_>>();
    let plan = client.plan(specs).derived_values(root).replace_on_drift(true);
    Ok(plan.prune(|key| key.description.starts_with("app: ")).send()?)
}

/// Applies the plan only if it has this fingerprint.
fn apply(plan: Plan, reviewed: &str) -> Result<usize, Box<dyn Error>> {
    if plan.fingerprint() != reviewed {
        return Err(format!("the plan has changed since its review:\n{plan}").into());
    }
    let applied = plan.apply()?;
    match applied.failed().next() {
        Some((description, error)) => Err(format!("{description}: {error}").into()),
        None => Ok(applied.ensured().count()),
    }
}

const FILE: &str = "
- team: shop
  description: 'app: shop'
  actions: [documents:search, documents:get]
  collections: [shop]
- team: docs
  description: 'app: docs import'
  actions: [documents:import]
  collections: ['prefix:docs_']
  expires_in: 90days
";

#[test]
fn only_the_reviewed_plan_is_applied() {
    let server = FakeServer::start().unwrap();
    let (client, root) = (server.client(), ValueRoot::new("a root that only this test knows, of 32 bytes").unwrap());
    server.seed(TestKey::new("app: forgotten", ["documents:get"], ["docs"])).unwrap();
    let shown = plan(&client, FILE, &root).unwrap();
    assert!(shown.to_string().ends_with("2 to create, 0 to replace, 1 to delete, 0 drifted, 0 to keep"), "{shown}");
    let reviewed = shown.fingerprint();

    let other = plan(&client, &FILE.replace("90days", "91days"), &root).unwrap();
    assert!(apply(other, &reviewed).unwrap_err().to_string().starts_with("the plan has changed since its review:"));
    assert_eq!(server.key_count(), 1);
    assert_eq!(apply(plan(&client, FILE, &root).unwrap(), &reviewed).unwrap(), 2);
    assert!(!plan(&client, FILE, &root).unwrap().has_changes());
}

#[test]
fn dangerous_or_misspelled_key_is_refused_before_anything_is_sent() {
    let server = FakeServer::start().unwrap();
    let root = ValueRoot::new("a root that only this test knows, of 32 bytes").unwrap();
    for (from, to, says) in [
        (
            "[documents:import]",
            "['*']",
            "docs: the key `app: docs import` may do everything, as the bootstrap key may",
        ),
        ("expires_in", "expire_in", "key `app: docs import`: `expire_in`: is not a member"),
        ("documents:import", "documents:imprt", "did you mean `documents:import`?"),
    ] {
        let error = plan(&server.client(), &FILE.replace(from, to), &root).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(server.request_count(), 0);
}
