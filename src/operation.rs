//! The four operations, and the wait for a server, with their routes, required actions, and names in errors.

use std::fmt;

use crate::key::KeyId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `repeatable`: the request contains the value, so the server itself refuses to create the key twice.
    Create {
        repeatable: bool,
    },
    Get(KeyId),
    List,
    Delete(KeyId),
    /// The cheapest request that a server which is not ready refuses: to get a key that is unlikely to exist. A server
    /// never responds to a request for a key whose prefix it cannot show.
    Ready,
}

impl Operation {
    pub(crate) fn path(self) -> String {
        match self {
            Self::Create { .. } | Self::List => "/keys".to_owned(),
            Self::Get(id) | Self::Delete(id) => format!("/keys/{id}"),
            Self::Ready => format!("/keys/{}", u32::MAX),
        }
    }

    /// The only status that means success.
    pub(crate) fn success(self) -> u16 {
        if matches!(self, Self::Create { .. }) { 201 } else { 200 }
    }

    /// The action that the client's key needs.
    pub(crate) fn needed_action(self) -> &'static str {
        match self {
            Self::Create { .. } => "keys:create",
            Self::Get(_) | Self::Ready => "keys:get",
            Self::List => "keys:list",
            Self::Delete(_) => "keys:delete",
        }
    }

    /// The id in the request's path.
    pub(crate) fn key_id(self) -> Option<KeyId> {
        match self {
            Self::Create { .. } | Self::List | Self::Ready => None,
            Self::Get(id) | Self::Delete(id) => Some(id),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { .. } => f.write_str("create a key"),
            Self::Get(id) => write!(f, "get key {id}"),
            Self::List => f.write_str("list keys"),
            Self::Delete(id) => write!(f, "delete key {id}"),
            Self::Ready => f.write_str("wait for the server"),
        }
    }
}
