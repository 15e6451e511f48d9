//! Each request, byte by byte, and the exact error text for every kind of response.

mod blame;
mod connections;
mod failures;
mod fixture;
mod redirects;
mod requests;
mod responses;
mod settings;
#[cfg(feature = "tls")]
mod tls;
mod unseen;
mod validation;
