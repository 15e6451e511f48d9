//! The four operations, with their routes, required actions, and names in errors.

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
}

impl Operation {
    pub(crate) fn path(self) -> String {
        match self {
            Self::Create { .. } | Self::List => "/keys".to_owned(),
            Self::Get(id) | Self::Delete(id) => format!("/keys/{id}"),
        }
    }

    /// The only status that means success.
    pub(crate) fn success(self) -> u16 {
        match self {
            Self::Create { .. } => 201,
            Self::Get(_) | Self::List | Self::Delete(_) => 200,
        }
    }

    /// The action that the client's key needs.
    pub(crate) fn needed_action(self) -> &'static str {
        match self {
            Self::Create { .. } => "keys:create",
            Self::Get(_) => "keys:get",
            Self::List => "keys:list",
            Self::Delete(_) => "keys:delete",
        }
    }

    /// The id in the request's path.
    pub(crate) fn key_id(self) -> Option<KeyId> {
        match self {
            Self::Create { .. } | Self::List => None,
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
        }
    }
}
