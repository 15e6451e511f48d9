//! Guides: pages of prose on questions that no single type answers.

pub mod server_versions;
