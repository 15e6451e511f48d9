//! The keys under test, as the crate signs them, and the worlds that must look the same to each key.

use secrecy::SecretString;
use serde_json::{Map, Value};
use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};

use super::exceptions::WORD_GUESSES;
use super::world::{FIRST, HIDABLE, ORG, OTHER_ORGS, OTHER_TENANT, OTHERS, SHOWN, Stage, TENANT, World};
use crate::scoped::sign_anyway;

pub(crate) type Params = Map<String, Value>;

#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) value: SecretString,
    /// The parameters that the key embeds.
    pub(crate) params: Params,
    /// The same key for another tenant, who searches first.
    pub(crate) of_other_tenant: SecretString,
    pub(crate) other_params: Params,
    pub(crate) worlds: [World; 2],
    /// Whether a text query may show that a word exists: see [`exceptions`](super::exceptions).
    pub(crate) tells_words: bool,
}

type Restrict = for<'a> fn(ScopedKeyBuilder<'a>, i64) -> ScopedKeyBuilder<'a>;

/// The worlds of keys that limit documents, show fields, or hide fields.
const TENANTS: [World; 2] = [FIRST, OTHERS[0]];
const SHOW: [World; 2] = [FIRST, OTHERS[1]];
const TENANTS_SHOW: [World; 2] = [FIRST, OTHERS[2]];
const HIDE: [World; 2] = [FIRST, OTHERS[3]];
const TENANTS_HIDE: [World; 2] = [FIRST, OTHERS[4]];

const KEYS: &[(&str, [World; 2], Restrict)] = &[
    ("only", TENANTS, |key, tenant| key.only("tenant", tenant)),
    ("only text", TENANTS, |key, tenant| key.only("org", if tenant == TENANT { ORG } else { OTHER_ORGS[0] })),
    ("only, filter_by", TENANTS, |key, tenant| key.only("tenant", tenant).filter_by("n:>0 || ok:=true")),
    ("filter_by", TENANTS, |key, tenant| key.filter_by(format!("tenant:={tenant}"))),
    ("only, no guesses", TENANTS, |key, tenant| {
        WORD_GUESSES.iter().fold(key.only("tenant", tenant), |key, (name, off)| key.param(*name, *off))
    }),
    ("show_fields", SHOW, |key, _| key.show_fields(SHOWN)),
    ("only, show_fields", TENANTS_SHOW, |key, tenant| {
        key.only("tenant", tenant).show_fields(SHOWN).allow_facets(["title", "n"])
    }),
    ("hide_fields", HIDE, |key, _| key.hide_fields(HIDABLE)),
    ("only, hide_fields", TENANTS_HIDE, |key, tenant| key.only("tenant", tenant).hide_fields(HIDABLE)),
];

pub(crate) fn all(stage: &Stage) -> Vec<Key> {
    let key = |(name, worlds, restrict): &(&'static str, [World; 2], Restrict)| {
        let sign = |tenant| restrict(stage.parent.scoped(), tenant).sign().unwrap();
        let params = |key| ScopedKeyInfo::parse(key).unwrap().params().clone();
        let (value, of_other_tenant) = (sign(TENANT), sign(OTHER_TENANT));
        let (params, other_params) = (params(&value), params(&of_other_tenant));
        let tells_words = WORD_GUESSES.iter().any(|(name, _)| !params.contains_key(*name));
        Key { name, value, params, of_other_tenant, other_params, worlds: *worlds, tells_words }
    };
    KEYS.iter().map(key).collect()
}

impl Key {
    /// Whether the key must not see all documents.
    pub(crate) fn limits_documents(&self) -> bool {
        self.worlds[1].foreign == 1
    }

    /// Whether the key must not see all fields.
    pub(crate) fn limits_fields(&self) -> bool {
        self.worlds[1].hidden > 0
    }

    /// Whether whole objects are among the fields that the key must not see.
    pub(crate) fn hides_objects(&self) -> bool {
        self.worlds[1].hidden == 1
    }

    /// This key with other parameters.
    pub(crate) fn changed(&self, stage: &Stage, change: impl Fn(&mut Params)) -> Key {
        let mut key = self.clone();
        for (value, params) in [(&mut key.value, &mut key.params), (&mut key.of_other_tenant, &mut key.other_params)]
        {
            change(params);
            *value = sign_anyway(&stage.parent.value, &serde_json::to_string(params).unwrap());
        }
        key
    }
}
