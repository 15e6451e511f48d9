//! Values that need no store: each is derived from one secret, a label and a generation.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::error::Error;
use crate::key;
use crate::secret;

/// The shortest root, in bytes: HMAC-SHA-256 is no stronger with more.
const MIN_ROOT: usize = 32;

/// How many generations before and after the wanted one are recognized by their values.
const RECOGNIZED: u32 = 20;

/// A secret from which the values of keys are derived, so that only this secret has to be stored.
///
/// A value depends on the root, on a label such as the name of a tenant, and on a generation. Any program that has the
/// root computes it again. So a program that creates keys needs no store of values, and after a crash, the same program
/// is run again:
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # let server = typesense_keys::testing::FakeServer::start()?;
/// # let (url, admin_key) = (server.url(), server.api_key());
/// # let secret = "an example root of over 32 bytes";
/// use typesense_keys::plan::KeySpec;
/// use typesense_keys::{Action, KeysClient, ValueRoot};
///
/// let client = KeysClient::builder().node(url).api_key(admin_key).build()?;
/// let root = ValueRoot::new(secret)?;
/// let spec = |tenant: &str| {
///     KeySpec::new(tenant)
///         .actions([Action::DOCUMENTS_SEARCH, Action::DOCUMENTS_GET])
///         .collections([tenant])
/// };
/// let specs = || ["ada", "bob"].map(spec);
/// let plan = client.plan(specs()).derived_values(&root).send()?;
/// assert!(plan.apply()?.is_complete());
///
/// // To replace a key whose value has leaked, raise its generation:
/// let specs = [spec("ada"), spec("bob").generation(2)];
/// let plan = client.plan(specs).derived_values(&root);
/// let plan = plan.replace_on_drift(true).send()?;
/// assert!(plan.to_string().contains("\n    generation: 1 -> 2\n"), "{plan}");
/// assert!(plan.apply()?.is_complete());
/// let value_of_bob = root.value("bob", 2);
/// # use typesense_keys::ExposeSecret;
/// # let created = server.value_of(server.keys().last().expect("a key").id).expect("its value");
/// # assert_eq!(created.expose_secret(), value_of_bob.expose_secret());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it costs
///
/// * **Whoever has the root has the values of all keys**, also of those that are created later. Keep it where you keep
///   the bootstrap key. Use one root for each environment, so that a test system cannot compute the values of
///   production. The same root gives the same values on two clusters, which is useful for a blue and a green one.
/// * **A root cannot be changed in place.** To change it, give the new root to the program, and replace all keys by
///   [`replace_on_drift`](crate::plan::PlanKeys::replace_on_drift), if consumers need time with
///   [`keep_old`](crate::plan::PlanKeys::keep_old). Keys of the old root are shown as `generation: none`.
/// * **An old generation must not be used again.** Its value may have leaked, and to create a key with it would make
///   the leaked value work. So generations only go up, also if you delete a key by hand. A plan refuses to replace a key
///   by one of an earlier generation, if the two are at most 20 apart.
/// * **A change of the scope needs a new generation**, as does an expired key: the server does not change keys, and
///   refuses a value that it has.
///
/// # The algorithm
///
/// 32 characters of `[A-Za-z0-9]`, from HMAC-SHA-256 with the root as the key. Its bytes below 248 are taken modulo 62,
/// and the others left out, so that each character is equally likely. In Python:
///
/// ```python
/// def value(root: bytes, label: str, generation: int) -> str:
///     alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits
///     value, block = "", 0
///     while len(value) < 32:
///         message = f"typesense-keys value\n{generation}\n{block}\n{label}"
///         digest = hmac.digest(root, message.encode(), "sha256")
///         value += "".join(alphabet[byte % 62] for byte in digest if byte < 248)
///         block += 1
///     return value[:32]
/// ```
///
/// | root | label | generation | value |
/// |---|---|---|---|
/// | `an example root of over 32 bytes` | `tenant 42` | 1 | `s3D0h93aToKlIs5900y6S7MEGjegSVYy` |
/// | `an example root of over 32 bytes` | `tenant 42` | 2 | `v2yRryVpWGF6td9ciDRo1Yq0x4VE4qzn` |
/// | the bytes 0 to 31 | `tenant 42` | 1 | `c7fBYOhc2pPCvwWaNTWiZ1OIkB0K8Psa` |
#[derive(Clone)]
pub struct ValueRoot(
    /// The state after the root, which is not kept itself. Wiped when it is dropped.
    Arc<Hmac<Sha256>>,
);

impl ValueRoot {
    /// A root from text with at least 32 bytes, such as the output of `openssl rand -base64 32`. Its strength is not
    /// checked otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if it is shorter, or begins or ends with white space such as a line break, which
    /// programs do not agree on.
    pub fn new(root: impl Into<SecretString>) -> Result<Self, Error> {
        let root = root.into();
        let text = root.expose_secret();
        if text.trim().len() != text.len() {
            return Err(Error::invalid(
                "root",
                "begins or ends with white space (a line break at its end?): trim it",
            ));
        }
        Self::from_bytes(text.as_bytes())
    }

    /// A root from at least 32 bytes of any kind. The bytes of a text give the same root as the text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if there are fewer.
    pub fn from_bytes(root: &[u8]) -> Result<Self, Error> {
        match Hmac::new_from_slice(root) {
            Ok(mac) if root.len() >= MIN_ROOT => Ok(Self(Arc::new(mac))),
            _ => Err(Error::invalid("root", format!("has {} bytes: it needs at least {MIN_ROOT}", root.len()))),
        }
    }

    /// The value for a label and a generation. The first generation is 1.
    ///
    /// The label is used byte by byte: `Ada` and `ada` have different values.
    #[must_use]
    pub fn value(&self, label: &str, generation: u32) -> SecretString {
        let Ok(value) = secret::from_blocks(|block, number| {
            let message = format!("typesense-keys value\n{generation}\n{number}\n{label}");
            *block = Hmac::clone(&self.0).chain_update(message).finalize().into_bytes().into();
            Ok::<_, Infallible>(())
        });
        value
    }
}

/// Shows nothing of the root.
impl fmt::Debug for ValueRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueRoot([REDACTED])")
    }
}

/// Generates a value as this crate does for a new key: 32 characters of `[A-Za-z0-9]` from the operating system's random
/// source.
///
/// For programs that store a value before there is a request: create the key with
/// [`stored_value`](crate::CreateKey::stored_value), and no other key with this value.
///
/// # Errors
///
/// [`Error::RandomSource`].
pub fn generate_value() -> Result<SecretString, Error> {
    secret::generate().map_err(|source| Error::RandomSource(source.into()))
}

/// The value of a key, and what it is derived from.
#[derive(Debug, Clone)]
pub(crate) struct DerivedValue {
    root: ValueRoot,
    label: String,
    pub(crate) generation: u32,
    pub(crate) value: SecretString,
}

impl DerivedValue {
    pub(crate) fn new(root: &ValueRoot, label: String, generation: u32) -> Self {
        let value = root.value(&label, generation);
        Self { root: root.clone(), label, generation, value }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.label.is_empty() {
            return Err(Error::invalid("label", "is empty: each key needs one of its own"));
        }
        if self.generation == 0 {
            return Err(Error::invalid("generation", "is 0: the first one is 1"));
        }
        let value = self.value.expose_secret();
        let value = value.get(..key::PREFIX).unwrap_or(value);
        let mut earlier = self.nearby().filter(|other| *other < self.generation);
        earlier.find(|other| self.begins_with(*other, value)).map_or(Ok(()), |other| {
            let why = format!(
                "is {}, whose value begins as that of generation {other} does, so that a list does not show which of \
                 them a key has: skip it",
                self.generation
            );
            Err(Error::invalid("generation", why))
        })
    }

    /// Another generation than this one whose value begins with `prefix`.
    pub(crate) fn other_generation(&self, prefix: &str) -> Option<u32> {
        self.nearby().find(|other| prefix.len() == key::PREFIX && self.begins_with(*other, prefix))
    }

    fn begins_with(&self, generation: u32, prefix: &str) -> bool {
        self.root.value(&self.label, generation).expose_secret().starts_with(prefix)
    }

    /// The other generations that are recognized, the nearest earlier one first.
    fn nearby(&self) -> impl Iterator<Item = u32> {
        let earlier = (1..self.generation).rev().take(RECOGNIZED as usize);
        earlier.chain((1..=RECOGNIZED).filter_map(|more| self.generation.checked_add(more)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "an example root of over 32 bytes";

    fn root() -> ValueRoot {
        ValueRoot::new(ROOT).unwrap()
    }

    /// Computed by the Python program in the documentation of [`ValueRoot`].
    #[test]
    fn values_are_those_that_another_program_computes() {
        let bytes: Vec<u8> = (0..32).collect();
        let long = ValueRoot::new("a".repeat(100)).unwrap();
        for (root, label, generation, value) in [
            (root(), "tenant 42", 1, "s3D0h93aToKlIs5900y6S7MEGjegSVYy"),
            (root(), "tenant 42", 2, "v2yRryVpWGF6td9ciDRo1Yq0x4VE4qzn"),
            (root(), "clé\n1", 1, "NBXSPlUcfhLTHYxgP43S8tk1HjrHBwMF"),
            (ValueRoot::from_bytes(&bytes).unwrap(), "tenant 42", 1, "c7fBYOhc2pPCvwWaNTWiZ1OIkB0K8Psa"),
            (long, "tenant 42", u32::MAX, "nyYGxl7jANYwckhOE7krcPb1byPV4Iwa"),
        ] {
            assert_eq!(root.value(label, generation).expose_secret(), value, "{label:?} {generation}");
        }
    }

    #[test]
    fn text_and_its_bytes_are_the_same_root() {
        let bytes = ValueRoot::from_bytes(ROOT.as_bytes()).unwrap();
        assert_eq!(bytes.value("a", 1).expose_secret(), root().value("a", 1).expose_secret());
    }

    /// The label comes last in the message, after numbers that contain no line break.
    #[test]
    fn no_label_and_generation_are_taken_for_others() {
        let values =
            [("a", 1), ("a", 11), ("1\na", 1), ("0\na", 1), ("1\n0\na", 1), ("\na", 1), ("a\n", 1), ("A", 1)];
        let values: std::collections::HashSet<_> = values
            .iter()
            .map(|(label, generation)| root().value(label, *generation).expose_secret().to_owned())
            .collect();
        assert_eq!(values.len(), 8);
    }

    #[test]
    fn root_that_is_short_or_ends_with_a_line_break_is_refused() {
        for (bad, why) in [
            (&ROOT[1..], "has 31 bytes: it needs at least 32"),
            ("", "has 0 bytes"),
            (&format!("{ROOT}\n"), "a line break at its end?"),
            (&format!(" {ROOT}"), "white space"),
        ] {
            let error = ValueRoot::new(bad).unwrap_err().to_string();
            assert!(error.starts_with("invalid request: `root`: ") && error.contains(why), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
        assert!(ValueRoot::from_bytes(&[0; 31]).is_err());
        assert_eq!(format!("{:?}", root()), "ValueRoot([REDACTED])");
    }

    /// Found by search: the values of generations 20,050 and 20,068 both begin with `ffTU`.
    #[test]
    fn generation_whose_value_begins_as_that_of_an_earlier_one_is_refused() {
        let derived = |generation| DerivedValue::new(&root(), "tenant 42".to_owned(), generation);
        let error = derived(20_068).check().unwrap_err().to_string();
        assert!(
            error.contains("`generation`: is 20068, whose value begins as that of generation 20050 does"),
            "{error}"
        );
        assert!(derived(20_050).check().is_ok() && derived(20_069).check().is_ok());
        assert!(derived(0).check().is_err());
        assert!(derived(u32::MAX).check().is_ok());
        assert!(DerivedValue::new(&root(), String::new(), 1).check().is_err());
    }

    #[test]
    fn generations_nearby_are_recognized_by_the_beginning_of_their_values() {
        let derived = DerivedValue::new(&root(), "tenant 42".to_owned(), 3);
        assert_eq!(derived.other_generation("s3D0"), Some(1));
        assert_eq!(derived.other_generation("v2yR"), Some(2));
        assert_eq!(derived.other_generation(&derived.value.expose_secret()[..4]), None);
        for other in ["zzzz", "s3D", ""] {
            assert_eq!(derived.other_generation(other), None, "{other}");
        }
        let later = root().value("tenant 42", 4).expose_secret()[..4].to_owned();
        assert_eq!(derived.other_generation(&later), Some(4));
    }
}
