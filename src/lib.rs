//! x
#![allow(missing_docs, dead_code)]
mod action;
mod collections;
mod expiry;
mod key;
mod secret;
mod text;
pub use action::Action;
pub use collections::Collections;
pub use expiry::Expiry;
pub use key::{CreatedKey, InvalidKeyId, KeyId, KeyInfo};
