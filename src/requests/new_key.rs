//! A key that is to be created: checked, written as a request, and compared with what the server says.

use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use subtle::ConstantTimeEq;

use super::options::{KeySettings, Value};
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::error::Error;
use crate::expiry::{Expires, Expiry};
use crate::http::DecodeError;
use crate::key::{CreatedKey, KeyId, KeyInfo};
use crate::secret::{self, SecretBuf};

/// How many bytes of a value the server shows in a list.
const PREFIX: usize = 4;

/// The most bytes of text that a key may have in all.
///
/// The server accepts more, but every list contains the key, with up to six bytes of JSON for one of text; above this
/// limit, a list would contain what this crate does not read.
const MAX_TEXT: usize = 128 * 1024;

/// A key that the server will understand as it is meant.
#[derive(Debug, Clone)]
pub(super) struct NewKey {
    pub(super) description: String,
    pub(super) actions: Vec<Action>,
    pub(super) collections: Vec<CollectionPattern>,
    /// Empty if the server generates it.
    pub(super) value: SecretString,
    pub(super) origin: Origin,
    pub(super) expires_at: Expiry,
    pub(super) autodelete: Option<bool>,
    /// Members that this crate does not know, copied from another key.
    unknown: Map<String, Json>,
}

/// Where a value comes from, and so what a 409 says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Random, and made for this key: whoever has it, this request has created it.
    Generated,
    /// The caller's: another key may have it, too.
    Provided,
    /// Made by the server for each request anew.
    ServerGenerated,
}

impl TryFrom<KeySettings> for NewKey {
    type Error = Error;

    fn try_from(settings: KeySettings) -> Result<Self, Error> {
        let KeySettings { description, actions, invalid_action, collections, value, expiry, autodelete } = settings;
        if let Some(error) = invalid_action {
            return Err(error.into());
        }
        if actions.is_empty() {
            return Err(Error::invalid("actions", "none is given: name at least one, such as `documents:search`"));
        }
        for action in &actions {
            action.check_form()?;
        }
        if collections.is_empty() {
            return Err(Error::invalid("collections", "none is given: name at least one, or `\"*\"` for all"));
        }
        for entry in &collections {
            entry.validate()?;
        }
        check_size(&description, &actions, &collections)?;
        let expires_at = expiry.map_or(Ok(Expiry::NEVER), Expires::check).map_err(Error::invalid_expiry)?;
        let (value, origin) = value.check(autodelete)?;
        Ok(Self { description, actions, collections, value, origin, expires_at, autodelete, unknown: Map::new() })
    }
}

impl NewKey {
    /// A key of the same scope as `other`, which is taken as the server has it, also if it opens nothing.
    ///
    /// `expiry` replaces that of the other key. A key with members that this crate does not know is refused, unless
    /// they are to be copied: they may restrict it.
    pub(super) fn replacing(
        other: &KeyInfo,
        value: Value,
        expiry: Option<Expires>,
        copies_unknown_members: bool,
    ) -> Result<Self, Error> {
        let unknown = other.unknown_members();
        // What the request says itself.
        let is_reserved = ["value", "id"].iter().any(|name| unknown.contains_key(*name));
        if !unknown.is_empty() && (!copies_unknown_members || is_reserved) {
            let (id, names) =
                (other.id, unknown.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
            let why = format!(
                "of key {id} that this crate does not know: {names}; a replacement without them might open more (see \
                 `copy_unknown_members`)"
            );
            return Err(Error::invalid("members", why));
        }
        let KeyInfo { id, description, actions, collections, expires_at, autodelete, .. } = other.clone();
        if expiry.is_none() && expires_at.is_past() {
            let why = format!("of key {id} is past, and so would be that of its replacement: set a new one");
            return Err(Error::invalid("expires_at", why));
        }
        let expires_at = expiry.map_or(Ok(expires_at), Expires::check).map_err(Error::invalid_expiry)?;
        let (value, origin) = value.check(autodelete)?;
        Ok(Self { description, actions, collections, value, origin, expires_at, autodelete, unknown })
    }

    /// The value, unless the server generates it.
    pub(super) fn known_value(&self) -> Option<&SecretString> {
        (self.origin != Origin::ServerGenerated).then_some(&self.value)
    }

    /// The body of the request.
    pub(super) fn to_json(&self) -> Result<SecretBuf, Error> {
        let mut bytes = SecretBuf::default();
        serde_json::to_writer(&mut bytes, self).map_err(|_| Error::invalid("description", "is not JSON text"))?;
        Ok(bytes)
    }

    /// Reads the response to the request. A response about any other key than this one is an error.
    pub(super) fn decode(&self, response: &[u8]) -> Result<CreatedKey, DecodeError> {
        #[derive(serde::Deserialize)]
        struct Response<'a> {
            id: KeyId,
            // Not a string: serde_json would unescape it into a buffer that nobody wipes.
            #[serde(borrow)]
            value: &'a RawValue,
            description: String,
            actions: Vec<Action>,
            collections: Vec<CollectionPattern>,
            expires_at: Expiry,
            autodelete: Option<bool>,
        }
        let Response { id, value, description, actions, collections, expires_at, autodelete } =
            serde_json::from_slice(response)?;
        let value = match self.known_value() {
            Some(sent) if is_json_of(value.get(), sent) => sent.clone(),
            Some(_) => return Err(DecodeError::AnotherKey),
            None => secret::from_plain_json(value.get()).ok_or(DecodeError::NoValue)?,
        };
        let is_asked_for = description == self.description
            && actions == self.actions
            && collections == self.collections
            && expires_at == self.expires_at
            // Servers before v26 do not know it.
            && autodelete.is_none_or(|autodelete| autodelete == self.autodelete.unwrap_or_default())
            && (self.unknown.is_empty() || self.has_unknown_members_in(response)?);
        if is_asked_for {
            Ok(CreatedKey { id, value, description, actions, collections, expires_at, autodelete })
        } else {
            Err(DecodeError::AnotherKey)
        }
    }

    /// Whether a response confirms the members that this crate does not know. An older server ignores them.
    fn has_unknown_members_in(&self, response: &[u8]) -> Result<bool, DecodeError> {
        #[derive(serde::Deserialize)]
        struct Response {
            #[serde(rename = "value")]
            _value: IgnoredAny,
            #[serde(flatten)]
            members: Map<String, Json>,
        }
        let Response { members, .. } = serde_json::from_slice(response)?;
        Ok(self.unknown.iter().all(|(name, value)| members.get(name) == Some(value)))
    }

    /// Whether a listed key may be this one: it has its description and scope, and its value begins alike. A list does
    /// not tell more.
    pub(super) fn may_be(&self, key: &KeyInfo) -> bool {
        self.has_prefix_of(key)
            && key.description == self.description
            && key.actions == self.actions
            && key.collections == self.collections
            && key.expires_at == self.expires_at
            && (self.unknown.is_empty() || key.unknown_members() == self.unknown)
    }

    /// Whether the value begins as that of `key` does. A value that is shorter than the prefix is shown whole.
    pub(super) fn has_prefix_of(&self, key: &KeyInfo) -> bool {
        let value = self.known_value().map(ExposeSecret::expose_secret).unwrap_or_default();
        if key.prefix.len() < PREFIX { value == key.prefix } else { value.starts_with(&key.prefix) }
    }
}

/// The request's body.
impl Serialize for NewKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { description, actions, collections, value: _, origin: _, expires_at, autodelete, unknown } = self;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("description", description)?;
        members.serialize_entry("actions", actions)?;
        members.serialize_entry("collections", collections)?;
        if let Some(value) = self.known_value() {
            members.serialize_entry("value", value.expose_secret())?;
        }
        if !expires_at.is_never() {
            members.serialize_entry("expires_at", expires_at)?;
        }
        if let Some(autodelete) = autodelete {
            members.serialize_entry("autodelete", autodelete)?;
        }
        for (name, value) in unknown {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

impl Value {
    fn check(self, autodelete: Option<bool>) -> Result<(SecretString, Origin), Error> {
        match self {
            Self::Generated => {
                let value = secret::generate().map_err(|source| Error::RandomSource(source.into()))?;
                Ok((value, Origin::Generated))
            }
            Self::Provided(_) if autodelete == Some(true) => Err(Error::invalid(
                "autodelete",
                "cannot be combined with `value`: to create that value again while some nodes of a cluster have \
                 deleted the expired key and others have not makes later deletes remove different keys on different \
                 nodes; leave `value` out",
            )),
            Self::Provided(value) => {
                check_value(&value).map_err(|why| Error::invalid("value", why))?;
                Ok((value, Origin::Provided))
            }
            Self::ServerGenerated => Ok((SecretString::default(), Origin::ServerGenerated)),
        }
    }
}

fn check_value(value: &SecretString) -> Result<(), &'static str> {
    secret::check(value)?;
    let text = value.expose_secret();
    if text.len() > PREFIX && !text.is_char_boundary(PREFIX) {
        // Seen with 0.24.1: it cuts the prefix out of the middle of a character, and from then on responds neither to
        // `GET /keys` nor to `GET /keys/{id}`, until the key is deleted.
        return Err("has a character across its fourth byte, which the server cannot list: begin with four of ASCII");
    }
    Ok(())
}

fn check_size(description: &str, actions: &[Action], collections: &[CollectionPattern]) -> Result<(), Error> {
    // Each entry has quotes and a comma besides.
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

/// Whether `json` is `secret` as a JSON string. Takes the same time wherever the two differ.
fn is_json_of(json: &str, secret: &SecretString) -> bool {
    let inside = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    inside.is_some_and(|inside| inside.as_bytes().ct_eq(secret::to_json(secret).as_slice()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key(value: &str) -> NewKey {
        NewKey {
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec!["docs".into()],
            value: secret::copy(value),
            origin: Origin::Provided,
            expires_at: Expiry::NEVER,
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
    fn response_about_another_key_is_refused_whichever_member_differs() {
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

    fn restricted() -> KeyInfo {
        let json = r#"{"id": 7, "description": "docs", "actions": ["documents:search"], "collections": ["docs"],
            "expires_at": 64723363199, "value_prefix": "k3yA", "synonym_sets": ["shop"]}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn key_with_unknown_members_is_replaced_only_if_they_are_copied() {
        let error = NewKey::replacing(&restricted(), Value::Generated, None, false).unwrap_err().to_string();
        assert!(
            error.starts_with("invalid request: `members`: of key 7 that this crate does not know: `synonym_sets`;")
        );
        let key = NewKey::replacing(&restricted(), Value::Provided("k3yA-value".into()), None, true).unwrap();
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
    fn unknown_member_that_the_request_has_itself_is_never_copied() {
        let json = r#"{"id": 7, "description": "", "actions": ["*"], "collections": ["*"], "expires_at": 64723363199,
            "value_prefix": "k3yA", "value": "k3yA-value"}"#;
        let odd: KeyInfo = serde_json::from_str(json).unwrap();
        let error = NewKey::replacing(&odd, Value::Generated, None, true).unwrap_err();
        assert!(!error.to_string().contains("k3yA-value"), "{error}");
    }

    #[test]
    fn listed_prefix_shorter_than_four_bytes_is_the_whole_value() {
        let mut listed = CreatedKey {
            id: KeyId::from(7),
            value: secret::copy("abc"),
            description: "docs".to_owned(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec!["docs".into()],
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
