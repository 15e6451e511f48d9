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
pub mod guide;
mod http;
mod json;
mod key;
mod node;
mod operation;
mod requests;
mod scoped;
mod secret;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use crate::action::Action;
pub use crate::audit::AuditFinding;
pub use crate::builder::ClientBuilder;
pub use crate::client::KeysClient;
pub use crate::collection::CollectionPattern;
pub use crate::error::{
    Attempt, CallReport, Difference, Drift, Error, Incomplete, NotReplicated, OutcomeUnknown, Phase,
};
pub use crate::expiry::Expiry;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use crate::http::fuzzing;
pub use crate::key::{CreatedKey, InvalidKeyId, KeyId, KeyInfo};
pub use crate::requests::{
    Batch, CreateKey, CreateMany, DeleteKey, EnsureKey, EnsuredKey, GetKey, KeyStream, ListKeys, Progress, RotateKey,
};
pub use crate::scoped::{ExactValue, ScopedKeyBuilder, ScopedKeyInfo, ScopedKeyWarning};
