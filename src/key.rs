//! A key as the server describes it: its id, its metadata and, at creation, its value.

mod unknown_members;

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use self::unknown_members::UnknownMembers;
use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::expiry::Expiry;
use crate::text::InvalidInput;

/// How many bytes of a key's value the server shows in its metadata, and a scoped key contains.
pub(crate) const PREFIX: usize = 4;

/// What stands for a secret in the text of a listed key. No server compiles it, so no pattern with it matches anything.
pub(crate) const MASK: &str = "**[masked key]**";

/// The part of `value` that the server shows; `None` if it would end inside a character.
pub(crate) fn prefix(value: &str) -> Option<&str> {
    value.get(..value.len().min(PREFIX))
}

/// The same as the server shows it: empty if it would end inside a character.
pub(crate) fn shown_prefix(value: &SecretString) -> String {
    prefix(value.expose_secret()).unwrap_or_default().to_owned()
}

/// The id of a key: a 32-bit counter that starts at 0.
///
/// A running server never uses an id again. **A server that is restored from a backup does**, and another cluster behind
/// the same address has other keys with the same ids. So an id alone does not identify a key for long: to delete a key that
/// was listed or created a while ago, give the key itself to [`delete`](crate::KeysClient::delete).
///
/// Larger numbers cannot be represented, because the server truncates them and acts on another key:
/// `DELETE /keys/4294967296` deletes key 0 (seen with 0.24.1).
///
/// ```
/// use typesense_keys::KeyId;
///
/// assert_eq!("7".parse::<KeyId>()?, KeyId::from(7));
/// assert!("4294967296".parse::<KeyId>().is_err());
/// # Ok::<(), typesense_keys::error::InvalidInput>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct KeyId(u32);

impl KeyId {
    /// The id as a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<u32> for KeyId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

impl FromStr for KeyId {
    type Err = InvalidInput;

    /// Parses decimal digits only: no sign and no space.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let id = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let why = "not the id of a key: ids are whole numbers from 0 to 4294967295";
        id.map(Self).ok_or_else(|| InvalidInput::new("id", why))
    }
}

/// An existing key without its value, which the server shows only at creation.
///
/// The server keeps no creation date. With serde, the fields have the server's names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The id.
    pub id: KeyId,
    /// What the key is for, as its creator described it.
    pub description: String,
    /// The actions that the key allows.
    #[serde(deserialize_with = "few")]
    pub actions: Vec<Action>,
    /// The collections that these actions are limited to.
    #[serde(deserialize_with = "few")]
    pub collections: Vec<CollectionPattern>,
    /// When the key stops working.
    pub expires_at: Expiry,
    /// The first 4 bytes of the value, or all of a shorter one.
    #[serde(rename = "value_prefix")]
    pub prefix: String,
    /// Whether the server deletes the key after its expiry; `None` on servers before v26.0: see [expired
    /// keys](crate::guide::server_versions#expired-keys).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autodelete: Option<bool>,
    #[serde(flatten)]
    pub(crate) unknown: UnknownMembers,
}

/// Deserializes a `Vec` that starts with room for one element. serde's own starts with room for four, but most keys
/// have one action and one collection, and the unused room would be most of the memory of a long list. To give it back
/// would cost each get about a thousand instructions.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let mut elements = Vec::with_capacity(1);
    Deserialize::deserialize_in_place(deserializer, &mut elements)?;
    Ok(elements)
}

impl KeyInfo {
    /// A key whose id and prefix are not known (0 and empty), without unknown members.
    pub(crate) fn new(
        description: String,
        actions: Vec<Action>,
        collections: Vec<CollectionPattern>,
        expires_at: Expiry,
        autodelete: Option<bool>,
    ) -> Self {
        let (id, prefix, unknown) = (KeyId(0), String::new(), UnknownMembers::default());
        Self { id, description, actions, collections, expires_at, prefix, autodelete, unknown }
    }

    /// The members of the server's response that this crate does not know, by name.
    ///
    /// A newer server may restrict a key with such a member: the key then allows less than [`allows`](Self::allows) and
    /// [`audit`](Self::audit) report. Serialization keeps the members; `Debug` shows only their names.
    ///
    /// ```
    /// use typesense_keys::KeyInfo;
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "", "value_prefix": "k3yA",
    ///         "actions": ["*"], "collections": ["*"],
    ///         "expires_at": 64723363199, "synonym_sets": ["shop"]}"#,
    /// )?;
    /// assert_eq!(key.unknown_members()["synonym_sets"], serde_json::json!(["shop"]));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn unknown_members(&self) -> Map<String, Value> {
        self.unknown.clone().into()
    }

    /// Whether the key has expired, by the local clock.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_at.is_past()
    }

    /// Whether `other`, which a server shows later, is this key and unchanged. Values are not shown, so this is all that
    /// identifies a key. What servers of different versions show differently is not compared.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let identity = |key: &Self| (key.id, key.expires_at);
        identity(self) == identity(other)
            && (&self.prefix, &self.description) == (&other.prefix, &other.description)
            && (&self.actions, &self.collections) == (&other.actions, &other.collections)
    }

    /// Its texts, as a server shows them.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let collections = self.collections.iter().map(CollectionPattern::as_str);
        let scope = self.actions.iter().map(Action::as_str).chain(collections);
        [&*self.description, &*self.prefix, &self.unknown.0].into_iter().chain(scope)
    }

    /// The same key, with [`MASK`] instead of `secret` in its texts.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        // Most texts are shorter.
        if self.texts().any(|text| text.len() >= secret.len() && text.contains(secret)) {
            let hide = |text: &str| text.replace(secret, MASK);
            self.description = hide(&self.description);
            self.prefix = hide(&self.prefix);
            self.actions = self.actions.iter().map(|text| Action::custom(hide(text.as_str()))).collect();
            self.collections =
                self.collections.iter().map(|text| CollectionPattern::custom(hide(text.as_str()))).collect();
            self.unknown = UnknownMembers(hide(&self.unknown.0).into());
        }
        self
    }

    /// Whether a secret may be masked in its texts, which are then not those that the server has.
    pub(crate) fn is_masked(&self) -> bool {
        self.texts().any(|text| text.contains(MASK))
    }

    /// Whether a node may have deleted the key because it has expired. Each node does so by its own clock.
    pub(crate) fn may_be_purged(&self) -> bool {
        self.autodelete == Some(true) && self.is_expired()
    }

    /// Whether the server would allow `action` in `collection` to a key with this scope. To find all such keys, use
    /// [`ListKeys::allows`](crate::ListKeys::allows).
    ///
    /// One of the key's actions must [cover](Action::covers) `action` and, if collections limit the action at all,
    /// one of its entries must [match](CollectionPattern::matches) `collection`. If a pattern cannot be evaluated,
    /// the result is `true`. The [expiry](Self::is_expired) is not considered.
    ///
    /// Collections limit only requests that name one. For aliases, presets, keys, `synonym_sets` and the like,
    /// `collection` is ignored; [`audit`](Self::audit) reports such actions of a key that names collections.
    /// Collections that are joined (from v28 on) are not considered. The guide has [the whole
    /// list](crate::guide::server_versions#collections).
    ///
    /// The server compares the name in the request, so an alias counts as a name of its own. To find all keys that
    /// reach a collection, check each of its aliases as well.
    ///
    /// ```
    /// use typesense_keys::{Action, KeyInfo};
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "shop", "value_prefix": "k3yA",
    ///         "actions": ["documents:*"], "collections": ["orders_.*"],
    ///         "expires_at": 64723363199}"#,
    /// )?;
    /// assert!(key.allows(&Action::DOCUMENTS_DELETE, "orders_2"));
    /// assert!(!key.allows(&Action::DOCUMENTS_DELETE, "orders"));
    /// assert!(!key.allows(&Action::COLLECTIONS_DELETE, "orders_2"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn allows(&self, action: &Action, collection: &str) -> bool {
        // The server requires a matching entry even if the request names no collection.
        let is_limited = action.acts_in_collections(None);
        self.actions.iter().any(|granted| granted.covers(action))
            && self.collections.iter().any(|entry| !is_limited || entry.matches(collection))
    }

    /// Whether this may be the client's own key, which has just listed the keys: it has the client's prefix, and may
    /// allow lists. A newer server may allow them by an action that this crate does not know.
    pub(crate) fn may_be_clients(&self, client_prefix: &str) -> bool {
        let may_list = |action: &Action| action.covers(&Action::KEYS_LIST) || action.routes().next().is_none();
        self.prefix == client_prefix && self.actions.iter().any(may_list)
    }
}

/// A new key with its value, which the server does not show again.
///
/// It deliberately implements neither `Clone` nor `Serialize`, and its `Debug` omits the value. Write
/// [`value`](Self::value)`.expose_secret()` directly to where you keep secrets: to the standard input of a secret
/// manager, or to a file that only its owner can read (as `examples/store.rs` does).
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The id.
    pub id: KeyId,
    /// The value, which is the key itself. Wiped from memory when dropped.
    pub value: SecretString,
    /// What the key is for.
    pub description: String,
    /// The actions that the key allows.
    pub actions: Vec<Action>,
    /// The collections that these actions are limited to.
    pub collections: Vec<CollectionPattern>,
    /// When the key stops working.
    pub expires_at: Expiry,
    /// Whether the server deletes the key after its expiry: see [`KeyInfo::autodelete`].
    pub autodelete: Option<bool>,
}

impl CreatedKey {
    /// A listed key, with its value.
    pub(crate) fn new(info: KeyInfo, value: SecretString) -> Self {
        let KeyInfo { id, description, actions, collections, expires_at, autodelete, .. } = info;
        Self { id, value, description, actions, collections, expires_at, autodelete }
    }

    /// The key's metadata, as the server lists it.
    pub fn info(&self) -> KeyInfo {
        let Self { id, value, description, actions, collections, expires_at, autodelete } = self;
        let (description, actions, collections) = (description.clone(), actions.clone(), collections.clone());
        let info = KeyInfo::new(description, actions, collections, *expires_at, *autodelete);
        KeyInfo { id: *id, prefix: shown_prefix(value), ..info }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_parsed_from_digits_that_fit() {
        for good in ["0", "4294967295", "007"] {
            assert!(good.parse::<KeyId>().is_ok(), "{good}");
        }
        for bad in ["", "+1", "-1", " 1", "1 ", "4294967296", "abc", "1.0"] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn key_allows_what_its_actions_cover_where_its_collections_match() {
        let allows = |actions: &[&str], collections: &[&str], action: Action, name: &str| {
            let actions = actions.iter().map(|&text| Action::custom(text)).collect();
            let collections = collections.iter().map(|&text| CollectionPattern::custom(text)).collect();
            // The expiry is not asked for.
            let key = KeyInfo::new("docs".into(), actions, collections, Expiry::from_unix_seconds(1), None);
            key.allows(&action, name)
        };
        assert!(allows(&["keys:get", "documents:*"], &["a", "ord.*"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(!allows(&["documents:get"], &["*"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(!allows(&["documents:*"], &["ord"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(allows(&["(", "*"], &["(", "[[.a.]]"], Action::DOCUMENTS_DELETE, "orders"), "it may");
        assert!(allows(&["keys:*"], &["ord"], Action::KEYS_CREATE, "orders"), "no collection limits it");
        assert!(!allows(&[], &["*"], Action::KEYS_CREATE, "orders"));
        assert!(!allows(&["*"], &[], Action::DOCUMENTS_GET, "orders"));
        assert!(
            !allows(&["*"], &[], Action::KEYS_CREATE, "orders"),
            "without an entry, the server refuses everything"
        );
    }

    #[test]
    fn key_is_serialized_as_the_server_sent_it() {
        for json in [
            r#"{"id":7,"description":"a \"b\"","actions":["*","x:y"],"collections":["a.*"],"expires_at":64723363199,"value_prefix":"abcd"}"#,
            r#"{"id":0,"description":"","actions":[],"collections":[],"expires_at":1,"value_prefix":"","autodelete":true}"#,
            r#"{"id":0,"description":"","actions":[],"collections":[],"expires_at":1,"value_prefix":"","a":[null,{"b":-1.5}],"synonym_sets":["x"]}"#,
        ] {
            let key: KeyInfo = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&key).unwrap(), json);
        }
    }

    const KEY: &str =
        r#""id":7,"description":"docs","actions":["*"],"collections":["a"],"expires_at":1,"value_prefix":"abcd""#;

    #[test]
    fn unknown_members_are_compared_and_shown_by_name_only() {
        let key = |more: &str| serde_json::from_str::<KeyInfo>(&format!("{{{KEY}{more}}}")).unwrap();
        let (plain, restricted) = (key(""), key(r#","value":"s3cr3t","synonym_sets":["shop"]"#));
        assert!(plain.unknown_members().is_empty());
        assert_eq!(restricted.unknown_members()["synonym_sets"], serde_json::json!(["shop"]));
        assert_ne!(plain, restricted);
        assert_ne!(restricted, key(r#","value":"s3cr3t","synonym_sets":["blog"]"#));
        assert_eq!(restricted, key(r#","synonym_sets":["shop"],"value":"s3cr3t""#));
        assert_eq!(
            format!("{restricted:?}"),
            "KeyInfo { id: KeyId(7), description: \"docs\", actions: [\"*\"], collections: [\"a\"], \
             expires_at: 1970-01-01T00:00:01Z, prefix: \"abcd\", autodelete: None, unknown: [\"synonym_sets\", \"value\"] }"
        );
    }

    #[test]
    fn key_with_a_missing_repeated_or_wrong_member_is_refused() {
        let without_id = KEY.replace(r#""id":7,"#, "");
        for (json, expected) in [
            (format!("{{{without_id}}}"), "missing field `id`"),
            (format!("{{{KEY},\"id\":7}}"), "duplicate field `id`"),
            (format!("{{{KEY},\"autodelete\":1}}"), "invalid type: integer `1`, expected a boolean"),
            (format!("{{{}}}", KEY.replace("[\"*\"]", "\"*\"")), "invalid type: string \"*\", expected a sequence"),
            (r#"[7,"docs",["*"],["a"],1,"abcd",null]"#.to_owned(), "invalid type: sequence, expected struct KeyInfo"),
        ] {
            let error = serde_json::from_str::<KeyInfo>(&json).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }

    #[test]
    fn created_key_shows_no_value() {
        let key = CreatedKey {
            id: KeyId(3),
            value: SecretString::from("s3cr3t-value"),
            description: "docs".into(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec![CollectionPattern::exact("docs")],
            expires_at: Expiry::NEVER,
            autodelete: None,
        };
        assert_eq!(
            format!("{key:?}"),
            "CreatedKey { id: KeyId(3), value: SecretBox<str>([REDACTED]), description: \"docs\", \
             actions: [\"documents:search\"], collections: [\"docs\"], expires_at: never, autodelete: None }"
        );
    }
}
