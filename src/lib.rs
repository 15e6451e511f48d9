#![doc = include_str!("../README.md")]
#![cfg_attr(typesense_keys_docs, feature(doc_cfg))]

mod action;
mod audit;
mod builder;
mod client;
mod collection;
mod engine;
mod error;
mod expiry;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod http;
mod key;
mod node;
mod operation;
mod pattern;
mod requests;
mod scoped;
mod secret;
mod server_version;
#[cfg(feature = "testing")]
pub mod testing;

pub use crate::action::{Action, InvalidAction};
pub use crate::audit::AuditFinding;
pub use crate::builder::ClientBuilder;
pub use crate::client::KeysClient;
pub use crate::collection::{CollectionPattern, InvalidCollectionPattern};
pub use crate::error::{
    Attempt, CallReport, Difference, Drift, Error, ErrorKind, Incomplete, NodesUnavailable, NotReplicated,
    OutcomeUnknown, Phase,
};
pub use crate::expiry::{Expiry, InvalidExpiry};
pub use crate::key::{CreatedKey, InvalidKeyId, KeyId, KeyInfo};
pub use crate::requests::{
    Batch, BatchItem, CreateKey, CreateMany, DeleteKey, EnsureKey, EnsuredKey, GetKey, KeyStream, ListKeys,
    PreparedCreate, Progress, RotateKey,
};
pub use crate::scoped::{ExactValue, ScopedKeyBuilder, ScopedKeyInfo, ScopedKeyWarning};
pub use crate::server_version::{InvalidServerVersion, ServerVersion};

/// Re-exported from the crate `secrecy`: a value is read by `value.expose_secret()`.
pub use secrecy::{ExposeSecret, SecretString};
