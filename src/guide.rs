//! Guide.
pub mod tenants;
