//! Guides: pages on questions that concern more than one type.
//!
//! | page | question |
//! |---|---|
//! | [`contract`] | What does this crate promise about keys, and what does it never delete? |
//! | [`errors`] | Which errors are there, did the server act, and what is to be done? |
//! | [`retries`] | What happens when a node, a connection or a response is lost? |
//! | [`secrets`] | How are keys protected, what is logged, and what is not promised? |
//! | [`tenants`] | How does each tenant get a key of its own? |
//! | [`server_versions`] | What differs between Typesense servers? |
//! | [`cost`] | What does the crate cost to build and to run? |
//!
//! Each fact about servers names its evidence: *seen* on a real server of that version, *read* in the server's source, or
//! *documented* upstream.

pub mod contract;
pub mod cost;
pub mod errors;
pub mod retries;
pub mod secrets;
pub mod server_versions;
pub mod tenants;
