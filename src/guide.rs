//! The guide: what the reference documentation of single types does not show.
//!
//! * [`tenants`]: one key per tenant, by a scoped key or by a collection of its own.
//!
//! Each fact names its evidence: *seen* with a real server of that version, or *read* in the server's source.

pub mod tenants;
