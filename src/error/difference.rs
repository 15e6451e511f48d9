//! How a key differs from the request, and what to do about it.

use std::fmt;

use serde::Serialize;

use super::snippet::truncated;

/// One field in which a key differs from the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Typesense's name of the field, or `unknown members`, `client's own key` `value` or `generation`.
    pub field: &'static str,
    /// What the server has.
    pub found: String,
    /// What was requested.
    pub wanted: String,
}

/// `` `actions` is ["keys:get"], not ["keys:list"] ``
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, wanted } = self;
        let ((found, more_found), (wanted, more_wanted)) = (truncated(found), truncated(wanted));
        write!(f, "`{field}` is {found}{more_found}, not {wanted}{more_wanted}")
    }
}

/// The field name of a [`Difference`] in unknown members. They may restrict the key, so a replacement without them
/// might allow more.
pub(crate) const UNKNOWN_MEMBERS: &str = "unknown members";

/// The field name of a [`Difference`] in a key that may be the client's own. Once it is replaced, the server refuses all
/// further requests.
pub(crate) const CLIENT_KEY: &str = "client's own key";

/// The field name of a [`Difference`] in the value.
pub(crate) const VALUE: &str = "value";

/// The field name of a [`Difference`] in the generation of a derived value.
pub(crate) const GENERATION: &str = "generation";

/// The field name of a [`Difference`] in a key whose description another key has, which is as described.
pub(crate) const DUPLICATE: &str = "description";

/// What to do about the differences. Only advises what `ensure` accepts.
pub(super) fn advice(differences: &[Difference]) -> &'static str {
    let is_in = |field| differences.iter().any(|difference| difference.field == field);
    if is_in(CLIENT_KEY) {
        "it may be the client's own key, which is never replaced: use a client with another key"
    } else if is_in(DUPLICATE) {
        "delete it, or let `prune` cover it (`replace_on_drift` deletes only what is older than the key to keep)"
    } else if is_in(UNKNOWN_MEMBERS) {
        "`ensure` never replaces a key with unknown members: delete it, or choose another description"
    } else if is_in(VALUE) {
        "change the request (for example to a value that begins differently), or delete the key if you are sure that its \
         value differs (`replace_on_drift` cannot be combined with `value`)"
    } else if is_in(GENERATION) {
        "use `replace_on_drift`, with a `generation` above that of the key (which is enough if the key expires soon)"
    } else {
        "change the request, or use `replace_on_drift` (not with a `value` of your own)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replace_on_drift_is_advised_only_where_it_is_accepted() {
        let advice = |fields: &[&'static str]| {
            let differences = fields.iter().map(|field| Difference {
                field,
                found: "found".to_owned(),
                wanted: "wanted".to_owned(),
            });
            advice(&differences.collect::<Vec<_>>())
        };
        assert!(advice(&["actions", "expires_at"]).contains("or use `replace_on_drift` (not with a `value`"));
        assert!(!advice(&["actions", "value"]).contains("use `replace_on_drift`"));
        assert!(!advice(&["actions", CLIENT_KEY]).contains("replace_on_drift"));
        assert!(!advice(&["value", "unknown members"]).contains("replace_on_drift"));
    }
}
