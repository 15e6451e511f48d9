//! Guides: pages on questions that concern more than one type.

pub mod errors;
pub mod server_versions;
