//! The readable content of a scoped key.

use std::fmt;

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::warning::{ScopedKeyWarning, warnings};
use super::{SIGNATURE, filter, signature};
use crate::error::Error;
use crate::expiry::Expiry;
use crate::key::PREFIX;

/// The content of a scoped search key, which anyone who has the key can read. Made by [`ScopedKeyInfo::parse`].
///
/// Parsing does not prove that the key is genuine: see [`is_signed_by`](Self::is_signed_by).
pub struct ScopedKeyInfo {
    /// In base64, as a server compares it.
    signature: Zeroizing<[u8; SIGNATURE]>,
    parent_prefix: String,
    /// The signed parameters, byte for byte.
    json: String,
    params: Map<String, Value>,
    expires_at: Expiry,
    /// The number of characters of the key.
    length: usize,
    /// Whether the key is exactly its base64 form.
    is_canonical: bool,
}

/// Decodes as a server does: without padding, and whatever the last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The part that a server reads: its decoder stops at the first foreign character, also at `=` (read in v29.0,
/// `StringUtils::base64_decode`).
fn up_to_foreign(scoped: &str) -> &str {
    let is_foreign = |character: char| !character.is_ascii_alphanumeric() && character != '+' && character != '/';
    let end = scoped.find(is_foreign).unwrap_or(scoped.len());
    // A single character is less than a byte.
    scoped.get(..end - usize::from(end % 4 == 1)).unwrap_or_default()
}

impl ScopedKeyInfo {
    /// Parses a scoped key. Needs neither its parent nor a server. Reads what servers accept: also a key without its
    /// padding, or with a line break or other text after it, with a [warning](ScopedKeyWarning::OtherEncoding).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] with the field `scoped_key` if this is not a scoped key, but for example a plain one.
    pub fn parse(scoped: &SecretString) -> Result<Self, Error> {
        Self::read(scoped.expose_secret()).map_err(|why| Error::invalid("scoped_key", why))
    }

    fn read(scoped: &str) -> Result<Self, &'static str> {
        let mut bytes = Zeroizing::new(vec![0; scoped.len()]);
        let strict = STANDARD.decode_slice(scoped, &mut bytes);
        let is_canonical = strict.is_ok();
        let length = strict.or_else(|_| LENIENT.decode_slice(up_to_foreign(scoped), &mut bytes));
        let bytes = bytes.get(..length.unwrap_or_default()).unwrap_or_default();
        let (text, rest) = bytes.split_at_checked(SIGNATURE).ok_or("is too short")?;
        let (prefix, json) = rest.split_at_checked(PREFIX).ok_or("is too short")?;
        // 44 characters decode to at most 33 bytes.
        let mut decoded = Zeroizing::new([0; 33]);
        let is_signature = STANDARD.decode_slice(text, decoded.as_mut_slice()) == Ok(32);
        let signature = text.try_into().ok().filter(|_| is_signature).map(Zeroizing::new);
        let signature = signature.ok_or("does not begin with a signature")?;
        let prefix = std::str::from_utf8(prefix).map_err(|_| "has a prefix of its parent that is not text")?;
        let json = std::str::from_utf8(json).map_err(|_| "has parameters that are not text")?;
        let params: Map<String, Value> =
            serde_json::from_str(json).map_err(|_| "has parameters that are not a JSON object")?;
        let expires_at = params.get("expires_at").map_or(Ok(Expiry::NEVER), |time| {
            let seconds =
                time.as_i64().and_then(|seconds| u64::try_from(seconds).ok()).map(Expiry::from_unix_seconds);
            seconds.ok_or("has an expiry that is not in whole seconds, which a server refuses")
        })?;
        let (parent_prefix, json) = (prefix.to_owned(), json.to_owned());
        Ok(Self { signature, parent_prefix, json, params, expires_at, length: scoped.len(), is_canonical })
    }

    /// The first 4 bytes of the parent's value, with which the server finds the parent: see
    /// [`ListKeys::prefix`](crate::ListKeys::prefix).
    pub fn parent_prefix(&self) -> &str {
        &self.parent_prefix
    }

    /// The embedded search parameters, including `expires_at`.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// The embedded filter, without the guard that [`ScopedKeyBuilder`](crate::scoped::ScopedKeyBuilder) adds.
    pub fn filter_by(&self) -> Option<&str> {
        let embedded = self.params.get("filter_by").and_then(Value::as_str)?;
        Some(filter::unguarded(embedded).unwrap_or(embedded))
    }

    /// The gaps and errors that the parameters reveal. Empty for a key that was signed with only
    /// [`only`](crate::scoped::ScopedKeyBuilder::only), [`show_fields`](crate::scoped::ScopedKeyBuilder::show_fields) and an expiry.
    #[must_use]
    pub fn warnings(&self) -> Vec<ScopedKeyWarning> {
        let mut found = warnings(&self.params, self.length);
        found.extend((!self.is_canonical).then_some(ScopedKeyWarning::OtherEncoding));
        found
    }

    /// When the key expires, unless its parent expires earlier.
    pub fn expires_at(&self) -> Expiry {
        self.expires_at
    }

    /// Whether the key was signed with this parent and not changed since. The comparison takes constant time.
    #[must_use]
    pub fn is_signed_by(&self, parent: &SecretString) -> bool {
        let is_prefix = parent.expose_secret().as_bytes().starts_with(self.parent_prefix.as_bytes());
        is_prefix & bool::from(signature(parent, self.json.as_bytes()).ct_eq(&*self.signature))
    }
}

impl fmt::Debug for ScopedKeyInfo {
    /// Omits the signature, which together with the rest is the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { signature: _, parent_prefix, json, params: _, expires_at, length: _, is_canonical: _ } = self;
        f.debug_struct("ScopedKeyInfo")
            .field("parent_prefix", parent_prefix)
            .field("params", json)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}
