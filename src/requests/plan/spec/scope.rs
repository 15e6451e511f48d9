//! What a described key allows.

use serde::Serialize;

use super::KeySpec;
use crate::action::Action;
use crate::audit::AuditFinding;
use crate::collection::CollectionPattern;
use crate::expiry::{Expires, Expiry};
use crate::key::KeyInfo;
use crate::requests::new_key::NewKey;
use crate::server_version::ServerVersion;

/// The actions, collections and expiry of a [`KeySpec`], or of a key that a plan creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Scope<'a> {
    /// What the key may do.
    pub actions: &'a [Action],
    /// Where it may do so.
    pub collections: &'a [CollectionPattern],
    /// When it stops working. A duration counts from now, or from when the plan was made.
    pub expires_at: Expiry,
    /// Whether the server deletes it after its expiry. `None` if the spec does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autodelete: Option<bool>,
}

impl<'a> From<&'a NewKey> for Scope<'a> {
    fn from(key: &'a NewKey) -> Self {
        let NewKey { actions, collections, expires_at, autodelete, .. } = key;
        Self { actions, collections, expires_at: *expires_at, autodelete: *autodelete }
    }
}

impl KeySpec {
    /// What the described key allows, unchecked: see [`validate`](Self::validate).
    pub fn scope(&self) -> Scope<'_> {
        let settings = &self.settings;
        let expires_at = match settings.expiry {
            None => Expiry::NEVER,
            Some(Expires::At(expiry)) => expiry,
            Some(Expires::In(duration)) => Expiry::after(duration),
        };
        let (actions, collections) = (&settings.actions, &settings.collections);
        Scope { actions, collections, expires_at, autodelete: settings.autodelete }
    }

    /// Audits the described key before it exists, as [`KeyInfo::audit`] does, for example in a check of a changed file.
    #[must_use]
    pub fn audit(&self) -> Vec<AuditFinding> {
        self.as_key().audit()
    }

    /// Audits the described key for servers of one version, as [`KeyInfo::audit_for`] does.
    #[must_use]
    pub fn audit_for(&self, version: ServerVersion) -> Vec<AuditFinding> {
        self.as_key().audit_for(version)
    }

    /// The key as a list may show it. It has no id and no value yet.
    fn as_key(&self) -> KeyInfo {
        let Scope { actions, collections, expires_at, autodelete } = self.scope();
        let (actions, collections) = (actions.to_vec(), collections.to_vec());
        KeyInfo::new(self.description().to_owned(), actions, collections, expires_at, autodelete)
    }
}
