//! Errors about keys whose texts a server may have filled with secrets.

use super::{Difference, Error, Incomplete, Secrets};
use crate::key::KeyInfo;

impl Error {
    /// The same error, in whose texts the secrets are masked.
    pub(crate) fn hiding(self, secrets: Secrets<'_>) -> Self {
        match self {
            Self::Drift { key, differences } => {
                let hide = |difference: Difference| {
                    let Difference { field, found, wanted } = difference;
                    Difference { field, found: secrets.hide(&found), wanted: secrets.hide(&wanted) }
                };
                let differences = differences.into_iter().map(hide).collect();
                Self::Drift { key: Box::new(hide_in_key(*key, secrets)), differences }
            }
            Self::InvalidRequest { field, reason } => Self::InvalidRequest { field, reason: secrets.hide(&reason) },
            Self::PlanOutdated { description, reason } => {
                Self::PlanOutdated { description: secrets.hide(&description), reason: secrets.hide(&reason) }
            }
            Self::Incomplete(partial) => {
                let Incomplete { what, key, left_over, cause } = *partial;
                let cause = cause.hiding(secrets);
                Self::Incomplete(Box::new(Incomplete { what, key, left_over, cause }))
            }
            // Their texts are snippets already, or none of a server.
            other => other,
        }
    }
}

fn hide_in_key(key: KeyInfo, secrets: Secrets<'_>) -> KeyInfo {
    KeyInfo {
        description: secrets.hide(&key.description),
        actions: secrets.hide_in(key.actions),
        collections: secrets.hide_in(key.collections),
        unknown: secrets.hide_in(key.unknown),
        ..key
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::copy;

    #[test]
    fn secret_that_a_server_repeats_in_a_key_is_in_no_form_of_the_error() {
        let secret = copy("An-Admin-Key-0123456789");
        let secrets = Secrets { client_key: Some(&secret), ..Secrets::default() };
        let repeated = "An-Admin-Key-0123456789";
        let key = json!({
            "id": 7, "description": format!("for {repeated}"), "actions": [repeated, "keys:get"], "collections": [repeated],
            "expires_at": 1, "value_prefix": "k3yA", repeated: {"in": [repeated]},
        });
        let key: KeyInfo = serde_json::from_value(key).unwrap();
        let text = || format!("[{repeated:?}]");
        let differences = vec![Difference { field: "actions", found: text(), wanted: text() }];
        let drift = Error::Drift { key: Box::new(key), differences }.hiding(secrets);
        let partial = Incomplete { what: String::new(), key: None, left_over: None, cause: drift };
        let outdated = Error::PlanOutdated { description: repeated.to_owned(), reason: text() };
        for error in [
            Error::Incomplete(Box::new(partial)),
            outdated.hiding(secrets),
            Error::invalid("copy_unknown_members", text()).hiding(secrets),
        ] {
            let shown = format!("{error} {error:?} {error:#?} {}", json!(error));
            assert!(!shown.contains("Admin-K") && shown.contains("*****"), "{shown}");
        }
    }

    #[test]
    fn drift_is_one_short_line() {
        let long = "x".repeat(1 << 20);
        let key = json!({
            "id": 7, "description": format!("two\nlines{long}"), "actions": ["keys:get"], "collections": ["docs"],
            "expires_at": 1, "value_prefix": "k3yA",
        });
        let key: KeyInfo = serde_json::from_value(key).unwrap();
        let differences = vec![Difference { field: "actions", found: long.clone(), wanted: long }];
        let text = Error::Drift { key: Box::new(key), differences }.to_string();
        assert!(text.len() < 1_000 && text.contains("two\\nlines") && !text.contains('\n'), "{text}");
    }
}
