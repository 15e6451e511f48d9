//! Scoped search keys: signed locally with a search-only key, and parsed.

mod embed;
mod exact;
mod fields;
mod filter;
mod info;
mod params;
mod table;
#[cfg(test)]
mod tests;
mod warning;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use log::warn;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use self::embed::Settings;
pub use self::exact::ExactValue;
pub use self::info::ScopedKeyInfo;
pub use self::warning::ScopedKeyWarning;
use crate::action::Action;
use crate::error::{Error, Secrets};
use crate::expiry::{Expires, Expiry};
use crate::key::{self, CreatedKey, KeyInfo, PREFIX};
use crate::secret;

/// The length of a signature in base64.
const SIGNATURE: usize = 44;

/// Signs a scoped search key: it searches like its parent, with embedded parameters that its holder cannot remove. No
/// request is sent.
///
/// The parent must be a key whose only action is `documents:search`. The scoped key allows nothing else, and stops
/// working with its parent. An embedded parameter replaces that of a search request, even if it is empty. An embedded
/// `filter_by` is combined with that of the request, so that both must hold (all seen with 0.24.1).
///
/// Keep the parent's value on your servers: whoever has it can sign any other scoped key, and can search collections
/// that the parent's own collections exclude by embedding `collection` (seen with 0.24.1, read in v29.0).
///
/// ```
/// use std::time::Duration;
/// use secrecy::SecretString;
/// use typesense_keys::scoped::{ScopedKeyBuilder, ScopedKeyInfo};
///
/// // `key.value` of a search-only key.
/// let parent = SecretString::from("RN23GFr1s6jQ9kgSNg2O7fYcAUXU7127");
/// let scoped = ScopedKeyBuilder::from_parent(&parent)
///     .only("company_id", 124)
///     .show_fields(["title", "price"])
///     .expires_in(Duration::from_secs(3_600))
///     .sign()?;
///
/// let info = ScopedKeyInfo::parse(&scoped)?;
/// assert_eq!(info.parent_prefix(), "RN23");
/// assert_eq!(info.filter_by(), Some("company_id:=124"));
/// assert!(info.warnings().is_empty());
/// assert!(info.is_signed_by(&parent));
/// # Ok::<(), typesense_keys::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "no key is made until `sign` is called"]
pub struct ScopedKeyBuilder<'a> {
    parent: &'a SecretString,
    settings: Settings,
}

impl CreatedKey {
    /// Returns a builder of a [scoped search key](ScopedKeyBuilder) of this key.
    pub fn scoped(&self) -> ScopedKeyBuilder<'_> {
        ScopedKeyBuilder::from_parent(&self.value).parent_info(&self.info())
    }
}

impl<'a> ScopedKeyBuilder<'a> {
    /// Returns a builder of a scoped key of the key with this value.
    pub fn from_parent(value: &'a SecretString) -> Self {
        Self { parent: value, settings: Settings::default() }
    }

    /// Sets the parent's metadata, so that [`sign`](Self::sign) can refuse a parent that the server would refuse.
    /// Defaults to unknown.
    pub fn parent_info(mut self, info: &KeyInfo) -> Self {
        self.settings.info = Some(info.clone());
        self
    }

    /// Limits searches to documents whose `field` has exactly this value, such as one tenant's. Several values, and
    /// [`filter_by`](Self::filter_by), must all hold.
    ///
    /// [`ExactValue`] says which values are exact. The field must be `string`, `int32`, `int64`, `bool` or an array of
    /// these (a document in several tenants), with neither `stem` nor `stem_dictionary`, which make different words
    /// equal (v26 and v28; read in v29, `Tokenizer::next`), and without `locale`. A `float` field compares with 24
    /// bits: 16777217 finds 16777216 (seen with 0.24.1). `token_separators` and `symbols_to_index` are harmless (seen
    /// with 0.24.1). On a text field, `42` and `"42"` are the same value; on an integer field, text makes every
    /// search fail.
    ///
    /// The values in the documents must be exact, too: a document with `Acme-1` is found as `acme1`.
    ///
    /// Embeds the same guard and parameters as [`filter_by`](Self::filter_by). Defaults to no restriction.
    pub fn only(mut self, field: impl Into<String>, value: impl Into<ExactValue>) -> Self {
        self.settings.only.push((field.into(), value.into()));
        self
    }

    /// Limits searches to documents that pass this filter, in addition to the request's own filter.
    ///
    /// Prefer [`only`](Self::only) for tenants: a filter on text is not exact. ``tenant:=`acme-1` `` also finds the
    /// documents of `acme1` and `Acme-1` (seen with 0.24.1): see [`guide::tenants`](crate::guide::tenants).
    ///
    /// The filter is embedded behind a guard, because a request can escape a plain filter with an open back-tick
    /// (seen with 0.24.1, read up to v30).
    ///
    /// Every search parameter that is not known to be harmless is switched off, because some of them show documents
    /// outside of the filter. The page on [tenants](crate::guide::tenants#search-parameters) lists them. A request that
    /// sets one of them is not refused; the server ignores its value. The most noticeable one is `sort_by`: embed an
    /// order with `param("sort_by", …)`, or leave it to requests with [`allow_params`](Self::allow_params), which is
    /// safe in a collection without a vector field.
    ///
    /// To embed a filter byte for byte, use `param("filter_by", …)`.
    ///
    /// One gap remains: for up to a minute, this key may get the response to the same request of a key without `cache_ttl`
    /// 0 from the server's cache (seen with 0.24.1). So do not use `use_cache` with less restricted keys on the same
    /// server.
    ///
    /// A second call overwrites the first. Defaults to no filter.
    pub fn filter_by(mut self, filter: impl Into<String>) -> Self {
        self.settings.filter = Some(filter.into());
        self
    }

    /// Shows these fields and no others, in documents, facets, groups and highlights. A name of an object shows its
    /// members that are in the collection's schema. Several calls add up.
    ///
    /// No other field's name should begin the name of a shown one: with `owner` shown, a list of objects named `own` is
    /// shown as empty objects, with those of its elements that are no objects (seen with 0.24.1).
    ///
    /// Prefer this to [`hide_fields`](Self::hide_fields): a field that is added later, or forgotten, stays hidden.
    ///
    /// Embeds `include_fields`, and switches off the parameters that show or compute values in another way, such as
    /// `facet_by`, `group_by`, `highlight_fields`, `sort_by` and `vector_query`. The page on
    /// [tenants](crate::guide::tenants#search-parameters) lists them. To open one, set its value with
    /// [`param`](Self::param) or [`allow_facets`](Self::allow_facets), or leave it to requests with
    /// [`allow_params`](Self::allow_params).
    ///
    /// A hidden value can still be *guessed*: `filter_by` and `query_by` reveal whether a document has it.
    /// `param("query_by", …)` closes the second; `filter_by` cannot be closed. Keep values that must not be guessed in
    /// another collection. A field that is named `none` is shown in highlights. Defaults to all fields.
    pub fn show_fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.shown.get_or_insert_default().extend(fields.into_iter().map(Into::into));
        self
    }

    /// Removes these fields from every response: from documents, facets, groups and highlights. Several calls add up.
    ///
    /// Embeds `exclude_fields`, and switches off the same parameters as [`show_fields`](Self::show_fields). What can be
    /// guessed there can be guessed here, too.
    ///
    /// The server removes only those members of an object that are in the collection's schema: with `owner.name` in the
    /// schema, hiding `owner` still shows `owner.phone`. The same holds for arrays of objects, and arrays in arrays (seen
    /// with 0.24.1). `show_fields` hides them. Defaults to no hidden fields.
    pub fn hide_fields(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.hidden.get_or_insert_default().extend(fields.into_iter().map(Into::into));
        self
    }

    /// Makes every search count exactly these facets, instead of the request's `facet_by`. Several calls add up.
    /// Defaults to none with [`show_fields`](Self::show_fields) and [`hide_fields`](Self::hide_fields), otherwise to
    /// those of the request.
    pub fn allow_facets(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.facets.get_or_insert_default().extend(fields.into_iter().map(Into::into));
        self
    }

    /// Omits these fields, separated by commas, from documents to shorten responses. This protects nothing: a request
    /// can still show their values with facets, groups and highlights. To protect fields, use
    /// [`hide_fields`](Self::hide_fields). Defaults to none.
    pub fn exclude_fields(self, fields: impl Into<String>) -> Self {
        self.param("exclude_fields", fields.into())
    }

    /// Keeps only these fields, separated by commas, in documents to shorten responses. This protects nothing, like
    /// [`exclude_fields`](Self::exclude_fields). From v26 on, documents of a collection that the request's filter joins
    /// are added (read in v29.0). Defaults to all fields.
    pub fn include_fields(self, fields: impl Into<String>) -> Self {
        self.param("include_fields", fields.into())
    }

    /// Limits the number of hits over all pages. The server refuses a search for later hits with 422. Facets and
    /// `found` still count all hits (both seen with 0.24.1).
    ///
    /// Two more parameters are embedded, unless [`param`](Self::param) sets them:
    ///
    /// * `group_limit` as 1, because the server counts groups, not hits, in a search with `group_by` (seen with
    ///   0.24.1). So such a search shows one hit of each group. With another `group_limit`, it can show that many
    ///   times as many hits as the limit.
    /// * for a limit below 10, the default page size, the same number as `per_page`, because the server would refuse
    ///   every search without it.
    ///
    /// Defaults to no limit.
    pub fn limit_hits(mut self, hits: u32) -> Self {
        self.settings.limits_groups = true;
        self.param("limit_hits", hits)
    }

    /// Leaves these search parameters to requests, although the key would switch them off. Several calls add up. The
    /// page on [tenants](crate::guide::tenants#search-parameters) says what each of them can reveal, and
    /// [`warnings`](ScopedKeyInfo::warnings) names it. Defaults to none.
    pub fn allow_params(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Limits searches to one collection.
    ///
    /// Up to v29.0, and on v30.0 and v30.1, it replaces the collection that a request names (seen with 0.24.1, read in
    /// v29.0): the request must name one that the parent may search, and gets the documents of this one. On v29.1 and
    /// from v30.2 on, it is used if the request names none, and another name is refused with 401 (documented upstream,
    /// not seen). So name the same collection in requests. Defaults to the parent's collections.
    pub fn collection(self, name: impl Into<String>) -> Self {
        self.param("collection", name.into())
    }

    /// Embeds any search parameter under Typesense's name: text, a number, `true` or `false`. It replaces that of a request,
    /// and the value with which the key would switch the parameter off. `exclude_fields` is given `out_of`, too, in a key
    /// with a filter; everything else is unchanged.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.params.push((name.into(), value.into()));
        self
    }

    /// When the scoped key stops working. Defaults to the parent's expiry, which also ends the scoped key.
    pub fn expires_at(mut self, expiry: impl Into<Expiry>) -> Self {
        self.settings.expiry = Some(Expires::At(expiry.into()));
        self
    }

    /// How long after [`sign`](Self::sign) the scoped key stops working, rounded up to a whole second. Defaults to
    /// the parent's expiry, which also ends the scoped key.
    pub fn expires_in(mut self, duration: Duration) -> Self {
        self.settings.expiry = Some(Expires::In(duration));
        self
    }

    /// Signs the key. Logs each of its [warnings](ScopedKeyInfo::warnings) at `warn`, without any value.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`], which names the field:
    ///
    /// * `parent` if its value is shorter than 4 bytes or has a character across the fourth byte; if it is known to
    ///   have another action than `documents:search` or to have expired, because a server refuses every scoped key of
    ///   it; or if the [metadata](Self::parent_info) belongs to another key,
    /// * `only` if a field is not a name, or a value is not [exact](ExactValue),
    /// * `filter_by` if it is empty, which a server reads as no filter; if it has an unmatched back-tick or bracket, or
    ///   joins a collection; if it has more clauses than a server takes (46 joined by `||`, of which the request's own
    ///   filter needs some; `n:=[1,2]` is one); or if it is not text,
    /// * `show_fields`, `hide_fields` or `allow_facets` if it is empty or a field is not a name, or if a facet is hidden,
    /// * `allow_params` if a name is not that of a parameter, or the parameter is embedded,
    /// * `collection` if it is empty or not text, or if the known parent may not search it,
    /// * `params` if a parameter is given twice, is misspelled, or is a list, an object or `null`, which a server ignores
    ///   up to v27.0; if text begins or ends with white space, or has characters that nobody sees; if `limit_hits`,
    ///   `per_page` or `group_limit` is not a whole number below 2^31; or if there is neither a parameter nor an expiry,
    /// * `expires_at` if it has passed, or is later than the parent's.
    pub fn sign(self) -> Result<SecretString, Error> {
        let Self { parent, settings } = self;
        let prefix = check_parent(parent, settings.info.as_ref()).map_err(|why| Error::invalid("parent", why))?;
        let json = serde_json::to_string(&settings.embed()?).map_err(|_| Error::invalid("params", "are not JSON"))?;
        let is_shown = Secrets { client_key: Some(parent), ..Secrets::default() }.are_in(&json);
        let why = "contain the parent's value, which whoever has the scoped key could read";
        Error::invalid_if(is_shown, "params", why)?;
        let mut parts = Zeroizing::new(Vec::with_capacity(SIGNATURE + PREFIX + json.len()));
        parts.extend_from_slice(&*signature(parent, json.as_bytes()));
        parts.extend_from_slice(prefix.as_bytes());
        parts.extend_from_slice(json.as_bytes());
        // The string has its exact capacity, so that no copy is left behind.
        let key = SecretString::new(STANDARD.encode(&*parts).into_boxed_str());
        for warning in ScopedKeyInfo::parse(&key).iter().flat_map(ScopedKeyInfo::warnings) {
            warn!("scoped key: {warning}");
        }
        Ok(key)
    }
}

/// The signature of the parameters, in base64. Both together are the key: treat both as secret.
fn signature(parent: &SecretString, params: &[u8]) -> Zeroizing<[u8; SIGNATURE]> {
    let mut signature = Zeroizing::new([0; SIGNATURE]);
    // Neither can fail: HMAC accepts a key of any length, and 32 bytes are 44 characters.
    if let Ok(mac) = Hmac::<Sha256>::new_from_slice(parent.expose_secret().as_bytes()) {
        let bytes = Zeroizing::new(<[u8; 32]>::from(mac.chain_update(params).finalize().into_bytes()));
        // Unlike `encode_string`, it leaves no copy on the stack.
        _ = STANDARD.encode_slice(bytes.as_slice(), signature.as_mut_slice());
    }
    signature
}

/// The prefix of the parent's value, if a server would accept scoped keys of it.
fn check_parent<'a>(parent: &'a SecretString, info: Option<&KeyInfo>) -> Result<&'a str, String> {
    secret::check(parent)?;
    let value = parent.expose_secret();
    if value.len() < PREFIX {
        return Err("is shorter than 4 bytes".to_owned());
    }
    let prefix = key::prefix(value).ok_or("has a character across its fourth byte")?;
    match info {
        Some(KeyInfo { prefix: other, .. }) if prefix != other => {
            Err(format!("begins with `{prefix}`, but the key in `parent_info` begins with `{other}`"))
        }
        Some(KeyInfo { actions, .. }) if *actions != [Action::DOCUMENTS_SEARCH] => {
            Err(format!("may do {actions:?}: the parent must allow `documents:search` and nothing else"))
        }
        Some(info) if info.is_expired() => Err("has expired".to_owned()),
        _ => Ok(prefix),
    }
}
