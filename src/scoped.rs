//! Scoped search keys: made from a search-only key without a server, and read back.

mod info;
mod signature;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

pub use self::info::ScopedKeyInfo;
use self::signature::signature;
use crate::expiry::Expires;
use crate::{Action, CreatedKey, Error, Expiry, KeyInfo, secret};

/// The length of a signature in base64.
const SIGNATURE: usize = 44;

/// How much of its parent's value a scoped key shows, in bytes.
const PREFIX: usize = 4;

/// Makes a scoped search key: one that searches as its parent does, but with parameters that whoever holds it cannot
/// take away. No server is asked.
///
/// The parent must be a key whose one action is `documents:search`. The scoped key opens nothing else, and dies with its
/// parent. An embedded parameter wins over that of a search request; only `filter_by` is joined with it, so that both
/// must hold (all seen with 0.24.1).
///
/// ```
/// use std::time::Duration;
/// use secrecy::{ExposeSecret, SecretString};
/// use typesense_keys::{ScopedKeyBuilder, ScopedKeyInfo};
///
/// let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127"); // `key.value` of a search-only key
/// let scoped = ScopedKeyBuilder::from_parent(&parent)
///     .filter_by("company_id:=124")
///     .expires_in(Duration::from_secs(3_600))
///     .sign()?;
///
/// let read = ScopedKeyInfo::parse(&scoped)?;
/// assert_eq!((read.parent_prefix(), read.filter_by()), ("RN23", Some("company_id:=124")));
/// assert!(read.is_signed_by(&parent));
/// # Ok::<(), typesense_keys::Error>(())
/// ```
#[must_use = "no key is made until `sign` is called"]
pub struct ScopedKeyBuilder<'a> {
    parent: &'a SecretString,
    known: Option<Known>,
    params: Params,
    expiry: Option<Expires>,
}

/// What is known of the parent besides its value.
struct Known {
    actions: Vec<Action>,
    expires_at: Expiry,
    prefix: String,
}

impl From<KeyInfo> for Known {
    fn from(info: KeyInfo) -> Self {
        let KeyInfo { actions, expires_at, prefix, .. } = info;
        Self { actions, expires_at, prefix }
    }
}

impl CreatedKey {
    /// Begins a [scoped search key](ScopedKeyBuilder) of this one, whose actions and expiry are known.
    pub fn scoped(&self) -> ScopedKeyBuilder<'_> {
        ScopedKeyBuilder { known: Some(self.info().into()), ..ScopedKeyBuilder::from_parent(&self.value) }
    }
}

impl<'a> ScopedKeyBuilder<'a> {
    /// Begins a scoped key of the key with this value.
    pub fn from_parent(value: &'a SecretString) -> Self {
        Self { parent: value, known: None, params: Params(Vec::new()), expiry: None }
    }

    /// What the server tells about the parent, so that [`sign`](Self::sign) can refuse what the server would.
    pub fn parent_info(mut self, info: &KeyInfo) -> Self {
        self.known = Some(info.clone().into());
        self
    }

    /// Only documents that pass this filter are found, whatever the search request filters by.
    ///
    /// A value that comes from elsewhere belongs in backticks, so that it cannot widen the filter:
    /// ``format!("tenant:=`{tenant}`")``, with the backticks in it refused.
    pub fn filter_by(self, filter: impl Into<String>) -> Self {
        self.with("filter_by".into(), filter.into())
    }

    /// The fields, by commas, that documents are shown without.
    pub fn exclude_fields(self, fields: impl Into<String>) -> Self {
        self.with("exclude_fields".into(), fields.into())
    }

    /// The only fields, by commas, that documents are shown with.
    pub fn include_fields(self, fields: impl Into<String>) -> Self {
        self.with("include_fields".into(), fields.into())
    }

    /// How many hits can be fetched by turning pages. A search for more is refused with 422 (seen with 0.24.1), also by
    /// its default of 10 a page.
    pub fn limit_hits(self, hits: u32) -> Self {
        self.with("limit_hits".into(), hits)
    }

    /// Any other search parameter, by Typesense's name: its value is text, a number, `true` or `false`.
    pub fn param(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(Cow::Owned(name.into()), value)
    }

    fn with(mut self, name: Cow<'static, str>, value: impl Into<Value>) -> Self {
        self.params.0.push((name, value.into()));
        self
    }

    /// When the scoped key stops working. Defaults to when its parent does, which may be earlier in any case.
    pub fn expires_at(mut self, expiry: impl Into<Expiry>) -> Self {
        self.expiry = Some(Expires::At(expiry.into()));
        self
    }

    /// How long after [`sign`](Self::sign) the scoped key stops working, rounded up to a whole second. Defaults to when
    /// its parent does.
    pub fn expires_in(mut self, duration: Duration) -> Self {
        self.expiry = Some(Expires::In(duration));
        self
    }

    /// Makes the key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], which names the field:
    ///
    /// * `parent` if its value is shorter than 4 bytes, or has a character across the fourth; if it is known to have
    ///   another action than `documents:search`, or more, or to have expired: the server would refuse every scoped key
    ///   of it; or if the [info](Self::parent_info) is about another key,
    /// * `filter_by` if it is empty, which the server takes for no filter at all, or no text,
    /// * `params` if a parameter is given twice, has no name, or is a list, an object or `null`, which the server
    ///   ignores in silence; or if there is neither a parameter nor an expiry,
    /// * `expires_at` if it is past, or later than the parent's.
    pub fn sign(self) -> Result<SecretString, Error> {
        let Self { parent, known, mut params, expiry } = self;
        let prefix = check_parent(parent, known.as_ref()).map_err(|why| Error::invalid("parent", why))?;
        for (at, (name, value)) in params.0.iter().enumerate() {
            check_param(name, value)?;
            if params.0.iter().take(at).any(|(before, _)| before == name) {
                let why = format!("`{name}` is given twice (to join two filters, write ` && ` between them)");
                return Err(Error::invalid("params", why));
            }
        }
        if let Some(expires_at) = expiry.map(Expires::check).transpose()?.filter(|expiry| !expiry.is_never()) {
            if let Some(known) = known.filter(|known| known.expires_at < expires_at) {
                let why = format!("is {expires_at}, but the parent expires before, {}", known.expires_at);
                return Err(Error::invalid("expires_at", why));
            }
            params.0.push(("expires_at".into(), expires_at.unix_seconds().into()));
        }
        if params.0.is_empty() {
            return Err(Error::invalid("params", "there are none: the key would be worth as much as its parent"));
        }
        let json = serde_json::to_vec(&params).map_err(|_| Error::invalid("params", "are not JSON"))?;
        let mut parts = Zeroizing::new(Vec::with_capacity(SIGNATURE + PREFIX + json.len()));
        parts.resize(SIGNATURE, 0);
        // Cannot fail: 32 bytes are 44 characters. Unlike `encode_string`, it leaves no copy on the stack.
        let _ = STANDARD.encode_slice(signature(parent, &json).as_slice(), &mut parts);
        parts.extend_from_slice(prefix.as_bytes());
        parts.extend_from_slice(&json);
        // Of exactly its length, so no copy is left behind.
        Ok(SecretString::new(STANDARD.encode(&*parts).into_boxed_str()))
    }
}

/// The prefix of the parent's value, if a server would take scoped keys of it.
fn check_parent<'a>(parent: &'a SecretString, known: Option<&Known>) -> Result<&'a str, String> {
    secret::check(parent)?;
    let value = parent.expose_secret();
    let prefix = match value.get(..PREFIX) {
        Some(prefix) => prefix,
        None if value.len() < PREFIX => return Err("is shorter than 4 bytes".to_owned()),
        None => return Err("has a character across its fourth byte".to_owned()),
    };
    let Some(Known { actions, expires_at, prefix: known_prefix }) = known else {
        return Ok(prefix);
    };
    if prefix != known_prefix {
        return Err(format!("begins with `{prefix}`, and the key that its info is about with `{known_prefix}`"));
    }
    if *actions != [Action::DOCUMENTS_SEARCH] {
        return Err(format!(
            "may do {actions:?}: a server takes scoped keys only of one that may do `documents:search` and nothing else"
        ));
    }
    if expires_at.is_past() {
        return Err("has expired".to_owned());
    }
    Ok(prefix)
}

fn check_param(name: &str, value: &Value) -> Result<(), Error> {
    match (name, value) {
        ("filter_by", Value::String(filter)) if !filter.trim().is_empty() => Ok(()),
        ("filter_by", _) => Err(Error::invalid(
            "filter_by",
            "is no filter, and every document would be found: leave it out if that is meant",
        )),
        ("expires_at", _) => Err(Error::invalid("params", "`expires_at` is set by the methods of that name")),
        (name, _) if name.trim().is_empty() => Err(Error::invalid("params", "one has no name")),
        (_, Value::String(_) | Value::Number(_) | Value::Bool(_)) => Ok(()),
        (name, Value::Null | Value::Array(_) | Value::Object(_)) => {
            let why = format!("`{name}` is not text, a number, `true` or `false`: the server would ignore it");
            Err(Error::invalid("params", why))
        }
    }
}

/// In the order in which they were given.
struct Params(Vec<(Cow<'static, str>, Value)>);

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl fmt::Debug for ScopedKeyBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parent, known: _, params, expiry } = self;
        f.debug_struct("ScopedKeyBuilder")
            .field("parent", parent)
            .field("params", &params.0)
            .field("expiry", expiry)
            .finish_non_exhaustive()
    }
}
