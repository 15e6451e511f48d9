//! A library that gives each site of a customer its own key, with the tests of its authors.

use std::time::Duration;

use typesense_keys::testing::{FakeServer, Fault, Operation};
use typesense_keys::{Action, EnsuredKey, Error, KeysClient, ValueRoot};

const YEAR: Duration = Duration::from_secs(365 * 86_400);
const MONTH: Duration = Duration::from_secs(30 * 86_400);

struct Sites {
    client: KeysClient,
    root: ValueRoot,
}

impl Sites {
    /// The key of a site, with its value. Call this as often as you like.
    fn key(&self, site: &str) -> Result<EnsuredKey, Error> {
        let actions = [Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_GET];
        let key = self.client.ensure(format!("site {site}")).actions(actions).collections([site]);
        key.derived_value(&self.root, format!("site {site}"), 1).expires_in(YEAR).send()
    }

    /// The sites whose keys expire within a month.
    fn ending(&self) -> Result<Vec<String>, Error> {
        let keys = self.client.list().expires_within(MONTH).send()?;
        Ok(keys.iter().filter_map(|key| key.description.strip_prefix("site ").map(str::to_owned)).collect())
    }

    /// Deletes the key of a site. Returns whether it existed.
    fn end(&self, site: &str) -> Result<bool, Error> {
        let keys = self.client.list().description(format!("site {site}")).send()?;
        for key in &keys {
            self.client.delete(key).send()?;
        }
        Ok(!keys.is_empty())
    }
}

fn start() -> (FakeServer, Sites) {
    let server = FakeServer::start().unwrap();
    let root = ValueRoot::new("a root that only this test knows, of 32 bytes").unwrap();
    let sites = Sites { client: server.client(), root };
    (server, sites)
}

#[test]
fn site_has_one_key_whichever_response_is_lost() {
    let (server, sites) = start();
    server.fail(Operation::Create).described("site blog").with(Fault::LoseResponse);
    let [docs, blog] = ["docs", "blog"].map(|site| sites.key(site).unwrap());
    assert_ne!(docs.key.prefix, blog.key.prefix);
    assert_eq!(sites.key("blog").unwrap().key.id, blog.key.id);
    assert_eq!(server.key_count(), 2);
}

#[test]
fn site_whose_key_expires_soon_is_named() {
    let (server, sites) = start();
    sites.key("docs").unwrap();
    server.advance(YEAR - MONTH / 2);
    sites.key("blog").unwrap();
    assert_eq!(sites.ending().unwrap(), ["docs"]);
}

#[test]
fn refused_deletion_of_one_site_leaves_the_others_usable() {
    let (server, sites) = start();
    let docs = sites.key("docs").unwrap().key.id;
    sites.key("blog").unwrap();
    server.fail(Operation::Delete).key(docs).with(Fault::Unauthorized);
    assert!(matches!(sites.end("docs"), Err(Error::Unauthorized(_))));
    assert!(sites.end("blog").unwrap() && sites.end("docs").unwrap() && !sites.end("docs").unwrap());
    assert_eq!(server.key_count(), 0);
}
