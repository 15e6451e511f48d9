//! Guides: what is too long for the documentation of one item.

pub mod errors;
