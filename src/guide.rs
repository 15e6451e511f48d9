//! Guides: pages on questions that concern more than one type.
//!
//! Each fact names its evidence: *seen* with a real server of that version, or *read* in the server's source.

pub mod errors;
pub mod server_versions;
pub mod tenants;
