//! The signature of a scoped key: HMAC-SHA256 of its parameters, keyed with the parent's value.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a signature in bytes.
pub(super) const LENGTH: usize = 32;

/// The signature and the parameters together are the key: treat both as secret.
pub(super) fn sign(parent: &SecretString, params: &[u8]) -> Zeroizing<[u8; LENGTH]> {
    mac(parent.expose_secret().as_bytes(), params)
        .map_or_else(Zeroizing::default, |mac| Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// Whether `signature` is the signature of `params`. The comparison takes constant time.
pub(super) fn is_valid(signature: &[u8; LENGTH], parent: &SecretString, params: &[u8]) -> bool {
    mac(parent.expose_secret().as_bytes(), params).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

/// Always `Some`, because HMAC accepts a key of any length.
fn mac(key: &[u8], message: &[u8]) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message))
}
