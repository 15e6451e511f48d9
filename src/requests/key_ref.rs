//! Which key a request is about: whichever has an id, or one key that is known.

use crate::key::{CreatedKey, KeyId, KeyInfo};

/// The key that [`delete`](crate::KeysClient::delete) deletes, or [`rotate`](crate::KeysClient::rotate) replaces:
/// whichever key has an id, or one key that was listed or created.
///
/// By a [`KeyId`] or a number, it is the key that has this id now. By a key, it is only this key: it is requested first,
/// and must look as it did. Its id may belong to another key by now: see [`KeyId`].
#[derive(Debug, Clone)]
pub struct KeyRef {
    pub(super) id: KeyId,
    pub(super) known: Option<Box<KeyInfo>>,
}

impl From<KeyId> for KeyRef {
    fn from(id: KeyId) -> Self {
        Self { id, known: None }
    }
}

impl From<u32> for KeyRef {
    fn from(id: u32) -> Self {
        KeyId::from(id).into()
    }
}

impl From<KeyInfo> for KeyRef {
    fn from(key: KeyInfo) -> Self {
        Self { id: key.id, known: Some(Box::new(key)) }
    }
}

impl From<&KeyInfo> for KeyRef {
    fn from(key: &KeyInfo) -> Self {
        key.clone().into()
    }
}

impl From<&CreatedKey> for KeyRef {
    fn from(key: &CreatedKey) -> Self {
        key.info().into()
    }
}
