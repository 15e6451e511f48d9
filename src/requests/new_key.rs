//! A new key: checked, serialized as a request, and compared with the server's response.

use std::collections::BTreeSet;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use subtle::ConstantTimeEq;

use super::options::KeySettings;
use super::value::KeyValue;
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::error::{Error, Secrets, Shown};
use crate::expiry::{Expires, Expiry};
use crate::http::DecodeError;
use crate::key::{self, CreatedKey, KeyId, KeyInfo};
use crate::secret::{self, SecretBuf};
use crate::text;

/// The maximum total size of a key's texts, in bytes.
///
/// The server accepts more, but every list contains the key, and JSON needs up to six bytes for one byte of text.
/// Above this limit, the key could exceed the maximum size of a listed key.
const MAX_TEXT: usize = 128 * 1024;

/// By how much the clocks of two machines that want the same key may differ.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// A checked new key, which the server interprets as the caller intended. Serialized, it is the body of the request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NewKey {
    pub(super) description: String,
    pub(super) actions: Vec<Action>,
    pub(super) collections: Vec<CollectionPattern>,
    #[serde(serialize_with = "exposed", skip_serializing_if = "is_unknown")]
    pub(super) value: KeyValue,
    #[serde(skip_serializing_if = "is_never")]
    pub(super) expires_at: Expiry,
    /// If the expiry was given as a duration.
    #[serde(skip)]
    pub(super) expires_in: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) autodelete: Option<bool>,
    /// Members that this crate does not know, copied from another key.
    #[serde(flatten)]
    unknown: Map<String, Json>,
}

fn exposed<S: Serializer>(value: &KeyValue, serializer: S) -> Result<S::Ok, S::Error> {
    value.known().map(ExposeSecret::expose_secret).serialize(serializer)
}

fn is_unknown(value: &KeyValue) -> bool {
    value.known().is_none()
}

fn is_never(expiry: &Expiry) -> bool {
    expiry.is_never()
}

impl NewKey {
    /// Checks the settings. The value is not generated yet.
    pub(super) fn new(settings: KeySettings) -> Result<Self, Error> {
        let KeySettings { description, actions, collections, invalid, expiry, autodelete } = settings;
        if let Some(invalid) = invalid {
            return Err(invalid.into());
        }
        let why = "none is given: name at least one, such as `documents:search`";
        Error::invalid_if(actions.is_empty(), "actions", why)?;
        actions.iter().try_for_each(Action::check_form)?;
        let why = "none is given: name at least one, or `\"*\"` for all";
        Error::invalid_if(collections.is_empty(), "collections", why)?;
        collections.iter().try_for_each(CollectionPattern::validate)?;
        text::check(&description).map_err(|why| Error::invalid("description", why))?;
        check_size(&description, &actions, &collections)?;
        let expires_at = expiry.map_or(Ok(Expiry::NEVER), Expires::check)?;
        let expires_in = expiry.and_then(Expires::duration);
        let (value, unknown) = (KeyValue::default(), Map::new());
        Ok(Self { description, actions, collections, value, expires_at, expires_in, autodelete, unknown })
    }

    /// A key with the same scope and expiry as `other`, copied unchecked, as the server has them. Its value is not
    /// generated yet.
    ///
    /// A key with unknown members is refused unless they are copied, because they may restrict the key.
    pub(super) fn like(other: &KeyInfo, copies_unknown_members: bool) -> Result<Self, Error> {
        let unknown = other.unknown_members();
        // The request contains these members itself.
        let is_reserved = ["value", "id"].iter().any(|name| unknown.contains_key(*name));
        if !unknown.is_empty() && (!copies_unknown_members || is_reserved) {
            let names = unknown.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let why = format!(
                "key {} has members that this crate does not know: {}; a replacement without them might allow more",
                other.id,
                Shown(&names)
            );
            return Err(Error::invalid("copy_unknown_members", why));
        }
        if other.is_masked() {
            let why =
                "contain a secret that this client hides, so it cannot copy them: use a client with another key";
            return Err(Error::invalid("rotate", format!("the texts of key {} {why}", other.id)));
        }
        let KeyInfo { description, actions, collections, expires_at, autodelete, .. } = other.clone();
        let (value, expires_in) = (KeyValue::default(), None);
        Ok(Self { description, actions, collections, value, expires_at, expires_in, autodelete, unknown })
    }

    /// Checks that the key's texts show no secret.
    pub(super) fn check_texts(&self, secrets: Secrets<'_>) -> Result<(), Error> {
        let why = "contains the client's own key or the new value, which every list of keys would show";
        Error::invalid_if(secrets.are_described_by(&self.description), "description", why)?;
        let is_shown = self.actions.iter().any(|action| secrets.are_in(action.as_str()));
        Error::invalid_if(is_shown, "actions", why)?;
        let is_shown = self.collections.iter().any(|entry| secrets.are_in(entry.as_str()));
        Error::invalid_if(is_shown, "collections", why)
    }

    /// The body of the request.
    pub(super) fn to_json(&self) -> Result<SecretBuf, Error> {
        let mut bytes = SecretBuf::default();
        serde_json::to_writer(&mut bytes, self).map_err(|_| Error::invalid("description", "is not JSON text"))?;
        Ok(bytes)
    }

    /// Decodes the response to the request. A response about any other key is an error.
    pub(super) fn decode(&self, response: &[u8]) -> Result<CreatedKey, DecodeError> {
        #[derive(serde::Deserialize)]
        struct Body<'a> {
            id: KeyId,
            // Not a string, because serde_json would unescape it into a buffer that is not wiped.
            #[serde(borrow)]
            value: &'a RawValue,
            description: String,
            actions: Vec<Action>,
            collections: Vec<CollectionPattern>,
            expires_at: Expiry,
            autodelete: Option<bool>,
        }
        let Body { id, value, description, actions, collections, expires_at, autodelete } =
            serde_json::from_slice(response)?;
        let value = match self.value.known() {
            Some(sent) if is_json_of(value.get(), sent) => sent.clone(),
            Some(_) => return Err(DecodeError::AnotherKey),
            None => secret::from_json(value.get()).ok_or(DecodeError::NoValue)?,
        };
        let is_asked_for = description == self.description
            && actions == self.actions
            && collections == self.collections
            && expires_at == self.expires_at
            // Servers before v26 do not know this member.
            && autodelete.is_none_or(|autodelete| autodelete == self.autodelete.unwrap_or_default())
            && (self.unknown.is_empty() || self.has_unknown_members_in(response)?);
        if is_asked_for {
            Ok(CreatedKey { id, value, description, actions, collections, expires_at, autodelete })
        } else {
            Err(DecodeError::AnotherKey)
        }
    }

    /// Whether a response confirms the unknown members, which an older server ignores.
    fn has_unknown_members_in(&self, response: &[u8]) -> Result<bool, DecodeError> {
        #[derive(serde::Deserialize)]
        struct Body {
            #[serde(rename = "value")]
            _value: IgnoredAny,
            #[serde(flatten)]
            members: Map<String, Json>,
        }
        let Body { members, .. } = serde_json::from_slice(response)?;
        Ok(self.unknown.iter().all(|(name, value)| members.get(name) == Some(value)))
    }

    /// Whether a listed key may be this one: it has the same description, scope and prefix. A list shows no more.
    pub(super) fn may_be(&self, key: &KeyInfo) -> bool {
        self.has_prefix_of(key)
            && key.description == self.description
            && are_same_set(&key.actions, &self.actions)
            && are_same_set(&key.collections, &self.collections)
            // An earlier process that computed the expiry from a duration has computed another one.
            && (key.expires_at == self.expires_at || (self.value.may_be_in_use() && self.accepts(key.expires_at)))
            && (self.unknown.is_empty() || key.unknown_members() == self.unknown)
    }

    /// Whether the expiry of a listed key is as wanted.
    pub(super) fn accepts(&self, expiry: Expiry) -> bool {
        let is_within = |duration: Duration| {
            // From now, because a concurrent run may have checked its request later than this one.
            !expiry.is_never() && expiry <= Expiry::after(duration.saturating_add(CLOCK_TOLERANCE))
        };
        expiry == self.expires_at || self.expires_in.is_some_and(is_within)
    }

    /// The value, if it was given and a listed key, which is as wanted, may have it.
    pub(super) fn value_of(&self, key: &KeyInfo) -> Option<SecretString> {
        let is_given = !self.value.is_generated() && self.has_prefix_of(key);
        self.value.known().filter(|_| is_given).cloned()
    }

    /// Whether the value has the prefix of `key`. For a value shorter than the prefix, a list shows the whole value.
    pub(super) fn has_prefix_of(&self, key: &KeyInfo) -> bool {
        let value = self.value.known().map(ExposeSecret::expose_secret).unwrap_or_default();
        if key.prefix.len() < key::PREFIX { value == key.prefix } else { value.starts_with(&key.prefix) }
    }
}

fn check_size(description: &str, actions: &[Action], collections: &[CollectionPattern]) -> Result<(), Error> {
    // Each entry needs quotes and a comma.
    let of_all = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.len() + 3).sum::<usize>();
    let sizes = [
        ("description", description.len()),
        ("actions", of_all(&mut actions.iter().map(Action::as_str))),
        ("collections", of_all(&mut collections.iter().map(CollectionPattern::as_str))),
    ];
    let size: usize = sizes.iter().map(|(_, size)| size).sum();
    match sizes.into_iter().max_by_key(|(_, size)| *size) {
        Some((field, _)) if size > MAX_TEXT => {
            let why = format!("makes the key too large: {size} bytes of text, of which {MAX_TEXT} can be listed");
            Err(Error::invalid(field, why))
        }
        _ => Ok(()),
    }
}

/// Whether both contain the same items, ignoring order and repetition.
pub(super) fn are_same_set<T: Ord>(left: &[T], right: &[T]) -> bool {
    let set = |items| <[T]>::iter(items).collect::<BTreeSet<&T>>();
    // Mostly, the order is the same. A scope may have thousands of items.
    left == right || set(left) == set(right)
}

/// Whether `json` is `secret` as a JSON string. Takes constant time, wherever the two differ.
fn is_json_of(json: &str, secret: &SecretString) -> bool {
    let Some(inside) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else { return false };
    // Nearly every value is as it is in JSON, and escaping it would cost each create a few hundred instructions.
    if secret::is_plain_json(secret) {
        inside.as_bytes().ct_eq(secret.expose_secret().as_bytes()).into()
    } else {
        inside.as_bytes().ct_eq(secret::to_json(secret).as_slice()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(value: &str) -> NewKey {
        NewKey {
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec![CollectionPattern::exact("docs")],
            value: KeyValue::Provided(secret::copy(value)),
            expires_at: Expiry::NEVER,
            expires_in: None,
            autodelete: None,
            unknown: Map::new(),
        }
    }

    fn response(changes: &[(&str, serde_json::Value)]) -> Vec<u8> {
        let mut key = serde_json::json!({
            "id": 7, "value": "k3yA-value", "description": "docs", "actions": ["documents:search"],
            "collections": ["docs"], "expires_at": Expiry::NEVER.unix_seconds(),
        });
        for (member, value) in changes {
            key[member] = value.clone();
        }
        key.to_string().into_bytes()
    }

    #[test]
    fn response_about_the_requested_key_is_accepted() {
        let key = new_key("k3yA-value");
        assert_eq!(key.decode(&response(&[])).unwrap().value.expose_secret(), "k3yA-value");
        assert!(key.decode(&response(&[("autodelete", false.into())])).is_ok());
    }

    #[test]
    fn response_with_any_different_member_is_refused() {
        for change in [
            ("value", "k3yA-other".into()),
            ("value", "".into()),
            ("description", "shop".into()),
            ("actions", serde_json::json!(["*"])),
            ("collections", serde_json::json!(["docs", "shop"])),
            ("expires_at", 1.into()),
            ("autodelete", true.into()),
        ] {
            let error = new_key("k3yA-value").decode(&response(std::slice::from_ref(&change))).unwrap_err();
            assert!(matches!(error, DecodeError::AnotherKey), "{change:?}: {error}");
        }
    }

    #[test]
    fn value_is_recognized_with_and_without_escapes() {
        for value in ["k3yA-value", "clé 🔑", r#"k3yA "quoted" \ value"#, r"ends in \", "tab\t\u{7f}"] {
            let secret = secret::copy(value);
            let json = serde_json::to_string(value).unwrap();
            assert!(is_json_of(&json, &secret), "{json}");
            let inside = &json[1..json.len() - 1];
            let changed = serde_json::to_string(&value.replacen(['k', 'c', 'e', 't'], "x", 1)).unwrap();
            for other in
                [&changed, inside, &json[1..], &json[..json.len() - 1], &format!("\"{inside} \""), "\"\"", "\""]
            {
                assert!(!is_json_of(other, &secret), "{json} {other}");
            }
        }
    }

    fn restricted() -> KeyInfo {
        let json = r#"{"id": 7, "description": "docs", "actions": ["documents:search"], "collections": ["docs"],
            "expires_at": 64723363199, "value_prefix": "k3yA", "synonym_sets": ["shop"]}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn key_with_unknown_members_is_replaced_only_if_they_are_copied() {
        let error = NewKey::like(&restricted(), false).unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid request: `copy_unknown_members`: key 7 has members that this crate does not know: `synonym_sets`; a \
             replacement without them might allow more"
        );
        let mut key = NewKey::like(&restricted(), true).unwrap();
        key.value = KeyValue::Provided("k3yA-value".into());
        let sent: Json = serde_json::from_slice(key.to_json().unwrap().as_slice()).unwrap();
        assert_eq!(sent["synonym_sets"], serde_json::json!(["shop"]));
        assert!(key.may_be(&restricted()));

        let confirmed = response(&[("synonym_sets", serde_json::json!(["shop"]))]);
        assert!(key.decode(&confirmed).is_ok());
        for ignored in [response(&[]), response(&[("synonym_sets", serde_json::json!(["*"]))])] {
            assert!(matches!(key.decode(&ignored), Err(DecodeError::AnotherKey)), "the key is wider");
        }
    }

    #[test]
    fn unknown_member_with_a_reserved_name_is_never_copied() {
        let json = r#"{"id": 7, "description": "", "actions": ["*"], "collections": ["*"], "expires_at": 64723363199,
            "value_prefix": "k3yA", "value": "k3yA-value"}"#;
        let odd: KeyInfo = serde_json::from_str(json).unwrap();
        let error = NewKey::like(&odd, true).unwrap_err();
        assert!(!error.to_string().contains("k3yA-value"), "{error}");
    }

    #[test]
    fn listed_prefix_shorter_than_four_bytes_is_the_whole_value() {
        let mut listed = CreatedKey {
            id: KeyId::from(7),
            value: secret::copy("abc"),
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec![CollectionPattern::exact("docs")],
            expires_at: Expiry::NEVER,
            autodelete: None,
        }
        .info();
        assert!(new_key("abc").may_be(&listed));
        assert!(!new_key("abcd").may_be(&listed));
        listed.prefix = "abcd".to_owned();
        assert!(new_key("abcdefgh").may_be(&listed));
        assert!(!new_key("abc").may_be(&listed));
    }
}
