//! What a parent signs a scoped key's parameters with: HMAC-SHA256 (RFC 2104).

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What SHA-256 works on at once, in bytes.
const BLOCK: usize = 64;

/// Who has it, and the parameters, has the scoped key.
pub(super) fn signature(parent: &SecretString, params: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac(parent.expose_secret().as_bytes(), params))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let hashed;
    let key = if key.len() > BLOCK {
        hashed = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(key)));
        hashed.as_slice()
    } else {
        key
    };
    let mut block = Zeroizing::new([0; BLOCK]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    block.iter_mut().for_each(|byte| *byte ^= 0x36);
    let inner = Sha256::new_with_prefix(block.as_slice()).chain_update(message).finalize();
    block.iter_mut().for_each(|byte| *byte ^= 0x36 ^ 0x5C);
    Sha256::new_with_prefix(block.as_slice()).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::hmac;

    /// RFC 4231, section 4, without the one that is cut short.
    #[test]
    fn the_test_vectors_of_the_rfc_come_out() {
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
            let hex: String = hmac(&key, &message).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }
}
