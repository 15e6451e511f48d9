//! What a scoped key tells to whoever holds it.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::signature::signature;
use super::{PREFIX, SIGNATURE};
use crate::{Error, Expiry};

/// What a scoped search key says, to whoever holds it. Made by [`ScopedKeyInfo::parse`](super::ScopedKeyInfo::parse).
///
/// It is not proved by that: see [`is_signed_by`](Self::is_signed_by).
pub struct ScopedKeyInfo {
    signature: Zeroizing<[u8; 32]>,
    parent_prefix: String,
    /// As they were signed, byte for byte.
    json: String,
    params: Map<String, Value>,
    expires_at: Expiry,
}

impl ScopedKeyInfo {
    /// Reads a scoped key. Needs neither its parent key nor a server.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if `scoped` is not a scoped key: it may be a plain key.
    pub fn parse(scoped: &SecretString) -> Result<Self, Error> {
        Self::read(scoped.expose_secret()).map_err(|why| Error::invalid("scoped_key", why))
    }

    fn read(scoped: &str) -> Result<Self, &'static str> {
        let mut bytes = Zeroizing::new(vec![0; scoped.len()]);
        let length = STANDARD.decode_slice(scoped, &mut bytes).map_err(|_| "is not base64")?;
        let bytes = bytes.get(..length).unwrap_or_default();
        let (text, rest) = bytes.split_at_checked(SIGNATURE).ok_or("is too short")?;
        let (prefix, json) = rest.split_at_checked(PREFIX).ok_or("is too short")?;
        // Of 44 characters, 33 bytes could come.
        let mut decoded = Zeroizing::new([0; 33]);
        let length = STANDARD.decode_slice(text, decoded.as_mut_slice()).unwrap_or_default();
        let signature = decoded.get(..length).and_then(|signature| signature.try_into().ok());
        let signature = Zeroizing::new(signature.ok_or("does not begin with a signature")?);
        let prefix = std::str::from_utf8(prefix).map_err(|_| "has a prefix of its parent that is not text")?;
        let json = std::str::from_utf8(json).map_err(|_| "has parameters that are not text")?;
        let params: Map<String, Value> =
            serde_json::from_str(json).map_err(|_| "has parameters that are no JSON object")?;
        let expires_at = match params.get("expires_at") {
            None => Expiry::NEVER,
            Some(time) => {
                let seconds = time.as_i64().and_then(|seconds| u64::try_from(seconds).ok());
                Expiry::from_unix_seconds(
                    seconds.ok_or("has an expiry that no server takes: it is not in whole seconds")?,
                )
            }
        };
        Ok(Self { signature, parent_prefix: prefix.to_owned(), json: json.to_owned(), params, expires_at })
    }

    /// The first 4 bytes of the parent's value, by which the server finds it: see
    /// [`ListKeys::prefix`](crate::ListKeys::prefix).
    #[must_use]
    pub fn parent_prefix(&self) -> &str {
        &self.parent_prefix
    }

    /// The embedded search parameters, `expires_at` included.
    #[must_use]
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// The embedded filter.
    #[must_use]
    pub fn filter_by(&self) -> Option<&str> {
        self.params.get("filter_by").and_then(Value::as_str)
    }

    /// When it stops working, unless its parent does before.
    #[must_use]
    pub fn expires_at(&self) -> Expiry {
        self.expires_at
    }

    /// How long it is still valid by its own expiry and this machine's clock: nothing if that is past, `None` if it has
    /// none.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.expires_at.remaining()
    }

    /// Whether it was made from the key with this value, and not changed since. Takes the same time whatever the
    /// signature is.
    #[must_use]
    pub fn is_signed_by(&self, parent: &SecretString) -> bool {
        let expected = signature(parent, self.json.as_bytes());
        let is_prefix = parent.expose_secret().as_bytes().starts_with(self.parent_prefix.as_bytes());
        is_prefix & bool::from(expected.as_slice().ct_eq(self.signature.as_slice()))
    }
}

impl fmt::Debug for ScopedKeyInfo {
    /// Without the signature, which with the rest would be the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature: _, parent_prefix, json, params: _, expires_at } = self;
        f.debug_struct("ScopedKeyInfo")
            .field("parent_prefix", parent_prefix)
            .field("params", json)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}
