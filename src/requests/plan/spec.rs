//! A key as a file describes it.

mod scope;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

pub use self::scope::Scope;
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::error::Error;
use crate::expiry::{Expires, Expiry};
use crate::key::KeyInfo;
use crate::requests::options::KeySettings;
use crate::requests::survey::{Succession, Target};
use crate::requests::value::KeyValue;
use crate::text::without_keys;
use crate::value_root::{DerivedValue, ValueRoot};

/// The description and scope of a key that should exist, as an entry of a configuration file or built in code. See
/// [`KeysClient::plan`](crate::KeysClient::plan).
///
/// With serde, it has these members:
///
/// | member | text |
/// |---|---|
/// | `description` | required; identifies the key |
/// | `actions` | required; such as `documents:search`, checked; `custom:` before an action that only newer servers know |
/// | `collections` | required; `docs`, `*`, `exact:a.b`, `prefix:docs_`, `pattern:docs_[0-9]+` or `custom:…` |
/// | `expires_at` | a time in UTC such as `2030-01-01T00:00:00Z`, or `never`, the default |
/// | `expires_in` | instead of `expires_at`: at most how long the key works after it is created, such as `90days` |
/// | `autodelete` | optional: see [`autodelete`](Self::autodelete) |
/// | `renew_before` | optional, with `expires_in`: such as `7days`, see [`renew_before`](Self::renew_before) |
/// | `generation` | optional, for derived values: see [`generation`](Self::generation) |
///
/// It is checked while it is read. The error names the key and the member:
///
/// ```
/// use typesense_keys::plan::KeySpec;
/// use typesense_keys::Action;
///
/// let text = r#"{ "description": "docs site",
///     "actions": ["documents:get"], "collections": ["docs"] }"#;
/// let spec: KeySpec = serde_json::from_str(text)?;
/// let same = KeySpec::new("docs site").actions([Action::DOCUMENTS_GET]);
/// assert_eq!(spec, same.collections(["docs"]));
///
/// let text = text.replace(":get", ":gett");
/// let error = serde_json::from_str::<KeySpec>(&text).unwrap_err().to_string();
/// let start = "key `docs site`: `actions[0]`: `documents:gett` is not an action";
/// assert!(error.starts_with(start), "{error}");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// It can be read from every format that names its members, such as JSON, YAML and TOML (with `expires_at` as text or as
/// a date of TOML). A part of a larger document may be a spec, with `#[serde(flatten)]`, and members of its own; a
/// member that is neither the document's nor the spec's is an error, too, so that a misspelled `expire_in` cannot make a
/// key that never expires. If a document has several flattened parts, the spec must be the last one.
///
/// ```
/// use typesense_keys::plan::KeySpec;
///
/// #[derive(serde::Deserialize)]
/// struct Service {
///     owner: String,
///     #[serde(flatten)]
///     key: KeySpec,
/// }
///
/// let text = r#"{ "owner": "ada", "description": "docs", "expires_in": "90days",
///     "actions": ["documents:get"], "collections": ["docs"] }"#;
/// let service: Service = serde_json::from_str(text)?;
/// assert_eq!(service.owner, "ada");
/// assert_eq!(service.key.description(), "docs");
///
/// let misspelled = text.replace("expires_in", "expire_in");
/// let error = serde_json::from_str::<Service>(&misspelled).err().unwrap();
/// let why = "key `docs`: `expire_in`: is not a member";
/// assert!(error.to_string().starts_with(why), "{error}");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// Two specs are equal if they have the same members in the same order.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Members")]
pub struct KeySpec {
    settings: KeySettings,
    generation: Option<u32>,
    renew_before: Option<Duration>,
}

impl KeySpec {
    /// A key with this description. Add at least one action and one collection.
    pub fn new(description: impl Into<String>) -> Self {
        Self::of(KeySettings { description: description.into(), ..KeySettings::default() })
    }

    fn of(settings: KeySettings) -> Self {
        Self { settings, generation: None, renew_before: None }
    }

    /// The description, which identifies the key.
    pub fn description(&self) -> &str {
        &self.settings.description
    }

    scope_methods!();

    /// When the key stops working, by the server's clock. A key with any other expiry has drifted. Defaults to never.
    pub fn expires_at(mut self, expiry: impl Into<Expiry>) -> Self {
        self.settings.expiry = Some(Expires::At(expiry.into()));
        self
    }

    /// At most how long the key works after it is created. A key that expires within this duration from now, and five
    /// minutes because clocks differ, is kept; one that has expired is created again. Defaults to never.
    pub fn expires_in(mut self, duration: Duration) -> Self {
        self.settings.expiry = Some(Expires::In(duration));
        self
    }

    renewal_method!(renew_before);
    autodelete_method!();

    /// The generation of the key's value, if values are [derived](super::PlanKeys::derived_values). Defaults to 1.
    /// Raise it to replace the key by one with another value, or because its scope is to change: see
    /// [`ValueRoot`].
    pub fn generation(mut self, generation: u32) -> Self {
        self.generation = Some(generation);
        self
    }

    /// Checks the description and the scope. [`plan`](crate::KeysClient::plan) makes the same check.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`].
    pub fn validate(&self) -> Result<(), Error> {
        self.clone().target(Succession::default()).map(drop)
    }

    /// [`validate`](Self::validate), with an error that names the key.
    fn check_named(&self) -> Result<(), String> {
        self.validate().map_err(|error| match error {
            Error::InvalidRequest { field, reason } => of_key(self.description(), &field, &reason),
            error => error.to_string(),
        })
    }

    /// The described key, which has no value yet.
    fn target(self, succession: Succession) -> Result<Target, Error> {
        Error::invalid_if(self.generation == Some(0), "generation", "is 0: the first one is 1")?;
        Target::new(self.settings, Succession { renew_before: self.renew_before, ..succession })
    }

    /// The described key, with a value only if it is derived: most keys exist already.
    pub(super) fn check(self, succession: Succession, root: Option<&ValueRoot>) -> Result<Target, Error> {
        let generation = self.generation;
        let mut target = self.target(succession)?;
        let why = "is only for derived values: use `derived_values`";
        Error::invalid_if(root.is_none() && generation.is_some(), "generation", why)?;
        if let Some(root) = root {
            let derived = DerivedValue::new(root, target.key.description.clone(), generation.unwrap_or(1));
            target.key.value = KeyValue::Derived(derived).check(target.key.autodelete)?;
        }
        Ok(target)
    }
}

/// The description and scope of an existing key, for example to begin a file with the keys of a server. Members that
/// this crate does not know are left out.
///
/// Serializing the spec fails if [`validate`](KeySpec::validate) does, for example for a key that has
/// [expired](KeyInfo::is_expired), or that expires after the year 9999 but not never. Leave such keys out.
impl From<&KeyInfo> for KeySpec {
    fn from(key: &KeyInfo) -> Self {
        let KeyInfo { description, actions, collections, expires_at, autodelete, .. } = key.clone();
        let expiry = (!expires_at.is_never()).then_some(Expires::At(expires_at));
        Self::of(KeySettings { description, actions, collections, expiry, autodelete, ..KeySettings::default() })
    }
}

/// The members as text.
#[derive(Deserialize, Serialize)]
struct Members {
    description: String,
    actions: Vec<String>,
    collections: Vec<String>,
    #[serde(default, deserialize_with = "date", skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_in: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    autodelete: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renew_before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    /// Not `deny_unknown_fields`, by which the outer members of a flattened spec would be ignored.
    #[serde(flatten, skip_serializing)]
    unknown: BTreeMap<String, IgnoredAny>,
}

/// A date that is text, or that is not quoted in TOML.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`expires_at` is not a time in UTC such as \"2030-01-01T00:00:00Z\", in quotes")]
enum Date {
    Text(String),
    /// As the crate `toml` shows it.
    Toml {
        #[serde(rename = "$__toml_private_datetime")]
        text: String,
    },
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let date = Option::<Date>::deserialize(deserializer)?;
    Ok(date.map(|(Date::Text(text) | Date::Toml { text })| text))
}

/// Marks an action that is not checked.
const CUSTOM: &str = "custom:";

impl TryFrom<Members> for KeySpec {
    type Error = String;

    fn try_from(members: Members) -> Result<Self, String> {
        let of_key = |field: &dyn Display, why: &dyn Display| of_key(&members.description, field, why);
        if let Some(name) = members.unknown.keys().next() {
            let why = "is not a member: is it misspelled? (`KeySpec` lists them all)";
            return Err(of_key(&without_keys(name), &why));
        }
        let duration = |field: &str, text: &str| {
            let why = |error| format!("{error} (write a duration such as `90days` or `12h`)");
            humantime::parse_duration(text).map_err(|error| of_key(&field, &why(error)))
        };
        let renew_before = members.renew_before.as_ref().map(|text| duration("renew_before", text)).transpose()?;
        let expiry = match (&members.expires_at, &members.expires_in) {
            (None, None) => None,
            (Some(time), None) => Some(Expires::At(time.parse().map_err(|error| of_key(&"expires_at", &error))?)),
            (None, Some(text)) => Some(Expires::In(duration("expires_in", text)?)),
            (Some(_), Some(_)) => return Err(of_key(&"expires_in", &"cannot be combined with `expires_at`")),
        };
        let actions = each("actions", &members.actions, of_key, |text| match text.strip_prefix(CUSTOM) {
            Some(custom) => Ok(Action::custom(custom)),
            None => text.parse(),
        })?;
        let collections = each("collections", &members.collections, of_key, str::parse::<CollectionPattern>)?;
        let Members { description, autodelete, generation, .. } = members;
        let settings =
            KeySettings { description, actions, collections, expiry, autodelete, ..KeySettings::default() };
        let spec = Self { settings, generation, renew_before };
        spec.check_named()?;
        Ok(spec)
    }
}

/// An error that names the key and the member.
fn of_key(description: &str, field: &dyn Display, why: &dyn Display) -> String {
    format!("key `{}`: `{field}`: {why}", without_keys(description))
}

/// Parses each item of a list. An error names the position of the item.
fn each<T, E: Display>(
    field: &str,
    texts: &[String],
    of_key: impl Fn(&dyn Display, &dyn Display) -> String,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let parse = |(at, text): (usize, &String)| parse(text).map_err(|error| of_key(&format!("{field}[{at}]"), &error));
    texts.iter().enumerate().map(parse).collect()
}

/// Writes what deserialization reads. Fails for a spec that it would refuse, and for a collection pattern that no
/// accepted text produces.
impl Serialize for KeySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.check_named().map_err(ser::Error::custom)?;
        let KeySettings { description, actions, collections, invalid: _, expiry, autodelete } = &self.settings;
        let expires_at = if let Some(Expires::At(expiry)) = expiry { Some(expiry.to_string()) } else { None };
        let collections = collections.iter().map(collection_text).collect::<Result<_, _>>();
        let members = Members {
            description: description.clone(),
            actions: actions.iter().map(action_text).collect(),
            collections: collections.map_err(ser::Error::custom)?,
            expires_at,
            expires_in: expiry.and_then(Expires::duration).map(duration_text),
            autodelete: *autodelete,
            renew_before: self.renew_before.map(duration_text),
            generation: self.generation,
            unknown: BTreeMap::new(),
        };
        members.serialize(serializer)
    }
}

/// In whole days if possible: humantime writes `90days` as `2months 29days 3h …`.
fn duration_text(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % 86_400 == 0 && duration.subsec_nanos() == 0 => format!("{}days", seconds / 86_400),
        _ => humantime::format_duration(duration).to_string(),
    }
}

fn action_text(action: &Action) -> String {
    let custom = if action.validate().is_err() { CUSTOM } else { "" };
    format!("{custom}{}", action.as_str())
}

/// The text that is parsed to the same entry.
fn collection_text(entry: &CollectionPattern) -> Result<String, String> {
    let text = entry.as_str();
    let candidates = [text.to_owned(), format!("pattern:{text}"), format!("custom:{text}")];
    let found = candidates.into_iter().find(|candidate| candidate.parse() == Ok(entry.clone()));
    found.ok_or_else(|| format!("the collection `{}` cannot be written", without_keys(text)))
}
