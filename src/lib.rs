// The README's links lead to files. These definitions come first, so in the documentation they count instead.
//! [`Action`]: Action
//! [`AuditFinding`]: audit::AuditFinding
//! [`Batch`]: batch::Batch
//! [`CollectionPattern`]: CollectionPattern
//! [`CreatedKey`]: CreatedKey
//! [`EnsuredKey`]: EnsuredKey
//! [`KeyInfo`]: KeyInfo
//! [`KeysClient::builder`]: KeysClient::builder
//! [`Plan`]: plan::Plan
//! [`PreparedCreate`]: PreparedCreate
//! [`ValueRoot`]: ValueRoot
//! [`client.create()`]: KeysClient::create
//! [`client.create_many(…)`]: KeysClient::create_many
//! [`client.delete(&key)`]: KeysClient::delete
//! [`client.ensure(description)`]: KeysClient::ensure
//! [`client.get(id)`]: KeysClient::get
//! [`client.list()`]: KeysClient::list
//! [`client.plan(specs)`]: KeysClient::plan
//! [`client.rotate(&key)`]: KeysClient::rotate
//! [`info.audit()`]: KeyInfo::audit
//! [`key.scoped()`]: CreatedKey::scoped
//! [contract]: guide::contract
//! [cost]: guide::cost
//! [errors]: guide::errors
//! [retries]: guide::retries
//! [secrets]: guide::secrets
//! [server versions]: guide::server_versions
//! [tenants]: guide::tenants
#![doc = include_str!("../README.md")]
#![cfg_attr(typesense_keys_docs, feature(doc_cfg))]
// Beside the lints of Cargo.toml, which also hold for tests.
#![cfg_attr(not(test), deny(clippy::string_slice, clippy::todo, clippy::unimplemented, clippy::unreachable))]

mod action;
pub mod audit;
mod builder;
mod checked_text;
mod client;
mod collection;
mod engine;
pub mod error;
mod expiry;
#[cfg(fuzzing)]
#[doc(hidden)]
#[path = "tests/fuzzing.rs"]
pub mod fuzzing;
pub mod guide;
mod http;
mod key;
mod local_clock;
mod node;
mod operation;
mod pattern;
mod requests;
pub mod scoped;
mod secret;
mod server_version;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod typo;
mod value_root;

pub use crate::action::Action;
pub use crate::builder::ClientBuilder;
pub use crate::client::KeysClient;
pub use crate::collection::CollectionPattern;
#[doc(inline)]
pub use crate::error::{Error, ErrorKind};
pub use crate::expiry::Expiry;
pub use crate::key::{CreatedKey, KeyId, KeyInfo};
pub use crate::requests::{
    CreateKey, DeleteKey, EnsureKey, EnsuredKey, GetKey, KeyRef, KeyStream, ListKeys, PreparedCreate,
    PreparedRotation, RotateKey,
};
pub use crate::value_root::{ValueRoot, generate_value};

/// Re-exported from the crate `secrecy`: a value is read by `value.expose_secret()`.
pub use secrecy::{ExposeSecret, SecretString};

/// Many requests of one kind over a few connections.
pub mod batch {
    pub use crate::requests::{Batch, Progress, SendMany};
}

/// Keys as code: a list of specs, compared with the server's keys.
pub mod plan {
    pub use crate::requests::{
        Applied, ApplyEvent, ApplyProgress, Change, KeySpec, Plan, PlanKeys, PlannedKey, Scope,
    };
}
