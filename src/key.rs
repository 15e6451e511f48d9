//! A key as the server describes it: its id, its metadata, and, once, its value.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Action, CollectionPattern, Expiry};

/// The id of a key: a 32-bit counter that starts at 0 and is never reused.
///
/// A number that does not fit cannot be written, because the server would cut it off and act on another key:
/// `DELETE /keys/4294967296` deletes key 0 (seen with 0.24.1).
///
/// ```
/// use typesense_keys::KeyId;
///
/// assert_eq!("7".parse::<KeyId>()?, KeyId::from(7));
/// assert!(KeyId::try_from(4_294_967_296_u64).is_err());
/// assert!(KeyId::try_from(-1_i64).is_err());
/// # Ok::<(), typesense_keys::InvalidKeyId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct KeyId(u32);

impl KeyId {
    /// The id as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<u32> for KeyId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

impl From<KeyId> for u32 {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

/// A number or text that is not the id of a key: ids go from 0 to 4294967295.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a key: ids are whole numbers from 0 to 4294967295")]
pub struct InvalidKeyId(());

impl TryFrom<u64> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(id: u64) -> Result<Self, InvalidKeyId> {
        u32::try_from(id).map(Self).map_err(|_| InvalidKeyId(()))
    }
}

impl TryFrom<i64> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(id: i64) -> Result<Self, InvalidKeyId> {
        u32::try_from(id).map(Self).map_err(|_| InvalidKeyId(()))
    }
}

impl TryFrom<&str> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: &str) -> Result<Self, InvalidKeyId> {
        text.parse()
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    /// Reads decimal digits, and nothing else: no sign, no space.
    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(Self).map_err(|_| InvalidKeyId(()))
        } else {
            Err(InvalidKeyId(()))
        }
    }
}

/// What the server tells about an existing key: all but its value, which it shows once, at creation.
///
/// Serialises with the server's field names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The id, by which the key is retrieved and deleted.
    pub id: KeyId,
    /// What the key is for, in its creator's words.
    pub description: String,
    /// What the key may do.
    #[serde(deserialize_with = "few")]
    pub actions: Vec<Action>,
    /// In which collections it may do so.
    #[serde(deserialize_with = "few")]
    pub collections: Vec<CollectionPattern>,
    /// When the key stops working.
    pub expires_at: Expiry,
    /// The first 4 bytes of the value (the whole value, where it is shorter).
    #[serde(rename = "value_prefix")]
    pub prefix: String,
    /// Whether the server deletes the key after its expiry; `None` from servers before v25, which do not know this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autodelete: Option<bool>,
}

/// Reads a `Vec` with room for one element at first. serde's own has room for four, but most keys have one action and one
/// collection, and this room is most of the memory of a long list.
fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(Vec<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Vec<T>, A::Error> {
            while let Some(element) = elements.next_element()? {
                self.0.push(element);
            }
            Ok(self.0)
        }
    }

    deserializer.deserialize_seq(Few(Vec::with_capacity(1)))
}

impl KeyInfo {
    /// Whether the key's time is over, by this machine's clock.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expires_at.is_past()
    }

    /// Whether a key with this scope may do `action` in `collection`, by the server's rules: which keys can delete
    /// documents in `orders`?
    ///
    /// Some action of the key must [cover](Action::covers) it, and some entry [match](CollectionPattern::matches) the
    /// collection, if collections limit the action at all. Where a pattern cannot be followed, the answer is `true`.
    /// It does not ask whether the key is [expired](Self::is_expired). The server goes by the name in the request: who
    /// wants to know all keys that reach a collection asks for each of its aliases, too.
    ///
    /// ```
    /// use typesense_keys::{Action, KeyInfo};
    ///
    /// let key: KeyInfo = serde_json::from_str(
    ///     r#"{"id": 7, "description": "shop", "actions": ["documents:*"], "collections": ["orders_.*"],
    ///         "expires_at": 64723363199, "value_prefix": "k3yA"}"#,
    /// )?;
    /// assert!(key.allows(&Action::DOCUMENTS_DELETE, "orders_2"));
    /// assert!(!key.allows(&Action::DOCUMENTS_DELETE, "orders"));
    /// assert!(!key.allows(&Action::COLLECTIONS_DELETE, "orders_2"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn allows(&self, action: &Action, collection: &str) -> bool {
        self.actions.iter().any(|granted| granted.covers(action))
            && (!action.is_limited_by_collections() || self.collections.iter().any(|entry| entry.matches(collection)))
    }
}

/// A key that was just created: the only moment at which its value is to be had.
///
/// It is deliberately neither `Clone` nor `Serialize`, and its `Debug` shows no value. To keep the value, write
/// [`value`](Self::value)`.expose_secret()` straight to where secrets live: the standard input of a secret manager,
/// or a file that only its owner can read (`examples/store.rs` does the latter).
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// The id, by which the key is retrieved and deleted.
    pub id: KeyId,
    /// The key itself, as the server returned it. Wiped from memory when dropped.
    pub value: SecretString,
    /// What the key is for.
    pub description: String,
    /// What the key may do.
    pub actions: Vec<Action>,
    /// In which collections it may do so.
    pub collections: Vec<CollectionPattern>,
    /// When the key stops working.
    pub expires_at: Expiry,
    /// Whether the server deletes the key after its expiry; `None` from servers before v25, which do not know this.
    pub autodelete: Option<bool>,
}

impl CreatedKey {
    /// What the server tells about the key from now on: all but its value.
    #[must_use]
    pub fn info(&self) -> KeyInfo {
        let Self { id, value, description, actions, collections, expires_at, autodelete } = self;
        let value = value.expose_secret();
        // Where a character lies across the fourth byte, the server has no prefix to tell either.
        let prefix = if value.len() <= 4 { value } else { value.get(..4).unwrap_or_default() }.to_owned();
        KeyInfo {
            id: *id,
            description: description.clone(),
            actions: actions.clone(),
            collections: collections.clone(),
            expires_at: *expires_at,
            prefix,
            autodelete: *autodelete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_that_fit() {
        for good in ["0", "4294967295", "007"] {
            assert!(good.parse::<KeyId>().is_ok(), "{good}");
        }
        for bad in ["", "+1", "-1", " 1", "1 ", "4294967296", "abc", "1.0"] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_opens_what_its_actions_cover_where_its_collections_match() {
        let opens = |actions: &[&str], collections: &[&str], action: Action, name: &str| {
            let key = KeyInfo {
                id: KeyId(3),
                description: "docs".into(),
                actions: actions.iter().map(|&text| text.into()).collect(),
                collections: collections.iter().map(|&text| text.into()).collect(),
                expires_at: Expiry::from_unix_seconds(1), // which is not asked for
                prefix: "abcd".into(),
                autodelete: None,
            };
            key.allows(&action, name)
        };
        assert!(opens(&["keys:get", "documents:*"], &["a", "ord.*"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(!opens(&["documents:get"], &["*"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(!opens(&["documents:*"], &["ord"], Action::DOCUMENTS_DELETE, "orders"));
        assert!(opens(&["(", "*"], &["(", "[[.a.]]"], Action::DOCUMENTS_DELETE, "orders"), "it may");
        assert!(opens(&["keys:*"], &["ord"], Action::KEYS_CREATE, "orders"), "no collection limits it");
        assert!(!opens(&[], &["*"], Action::KEYS_CREATE, "orders"));
        assert!(!opens(&["*"], &[], Action::DOCUMENTS_GET, "orders"));
    }

    #[test]
    fn what_the_server_tells_is_written_as_it_is_read() {
        for json in [
            r#"{"id":7,"description":"a \"b\"","actions":["*","x:y"],"collections":["a.*"],"expires_at":64723363199,"value_prefix":"abcd"}"#,
            r#"{"id":0,"description":"","actions":[],"collections":[],"expires_at":1,"value_prefix":"","autodelete":true}"#,
        ] {
            let key: KeyInfo = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&key).unwrap(), json);
        }
    }

    #[test]
    fn a_created_key_shows_no_value() {
        let key = CreatedKey {
            id: KeyId(3),
            value: SecretString::from("s3cr3t-value"),
            description: "docs".into(),
            actions: vec![Action::DOCUMENTS_SEARCH],
            collections: vec!["docs".into()],
            expires_at: Expiry::NEVER,
            autodelete: None,
        };
        assert_eq!(
            format!("{key:?}"),
            "CreatedKey { id: 3, value: SecretBox<str>([REDACTED]), description: \"docs\", \
             actions: [\"documents:search\"], collections: [\"docs\"], expires_at: never, autodelete: None }"
        );
    }
}
