//! What a plan would do, as a short text: to apply what was reviewed, or nothing.

use sha2::{Digest, Sha256};

use super::{Plan, PlannedKey};
use crate::requests::value::KeyValue;

impl Plan {
    /// 64 hexadecimal digits that stand for all changes of the plan. Two plans with the same fingerprint make the same
    /// changes to the same keys, so a program can apply a plan that was reviewed elsewhere, or nothing:
    ///
    /// ```
    /// # use typesense_keys::plan::KeySpec;
    /// # use typesense_keys::{Error, KeysClient};
    /// fn apply_reviewed(client: &KeysClient, specs: Vec<KeySpec>, reviewed: &str) -> Result<(), Error> {
    ///     let plan = client.plan(specs).send()?;
    ///     if plan.fingerprint() == reviewed {
    ///         plan.apply()?; // which changes nothing if a key has changed since
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// It covers the description and the scope of each key to be created, the generation of a derived value, and the
    /// keys that are replaced, deleted, or left as duplicates, as the server has them; not the values, nor when a
    /// duration (`expires_in`) ends. It is comparable only with fingerprints of the same version of this crate.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for planned in self.keys.iter().filter(|planned| planned.is_change()) {
            hash.update(planned.reviewed());
            hash.update(b"\n");
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PlannedKey {
    /// The change on one line.
    fn reviewed(&self) -> Vec<u8> {
        let Self { description, change, key, differences: _, deletes, duplicates, target } = self;
        let wanted = target.as_ref().map(|target| {
            let key = &target.key;
            let generation = match &key.value {
                KeyValue::Derived(derived) => Some(derived.generation()),
                _ => None,
            };
            let expiry = (key.expires_in.is_none().then_some(key.expires_at), key.expires_in);
            (&key.actions, &key.collections, expiry, key.autodelete, generation)
        });
        let reviewed = (description, change, key, deletes, duplicates, wanted);
        serde_json::to_vec(&reviewed).unwrap_or_else(|_| format!("{reviewed:?}").into())
    }
}
