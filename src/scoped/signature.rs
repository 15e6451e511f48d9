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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, section 4, without the vector whose output is truncated.
    #[test]
    fn hmac_of_rfc_4231_vectors_matches() {
        for (key, message, expected) in [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            ((1..=25).collect(), vec![0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs \
                  to be hashed before being used by the HMAC algorithm."
                    .to_vec(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            let bytes = mac(&key, &message).unwrap().finalize().into_bytes();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn signature_of_other_parameters_or_another_parent_is_invalid() {
        let (parent, other) = (SecretString::from("parent"), SecretString::from("other"));
        let signature = sign(&parent, b"{}");
        assert!(is_valid(&signature, &parent, b"{}"));
        assert!(!is_valid(&signature, &parent, b"{ }"));
        assert!(!is_valid(&signature, &other, b"{}"));
    }
}
