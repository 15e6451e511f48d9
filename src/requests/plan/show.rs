//! What a plan shows: its changes as text and as JSON, and their fingerprint, by which a plan is applied as it was reviewed
//! or not at all.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{Change, Plan, PlannedKey};
use crate::error::{Difference, Shown, joined};
use crate::key::KeyInfo;
use crate::requests::survey::Target;
use crate::requests::value::KeyValue;

/// The name in `snake_case`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The differences follow on lines of their own.
impl fmt::Display for PlannedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { description, change, key, differences, deletes, duplicates, target } = self;
        let mark = match change {
            Change::Keep => '=',
            Change::Create => '+',
            Change::Renew => '>',
            Change::Replace => '~',
            Change::Drift => '!',
            Change::Delete => '-',
        };
        write!(f, "{mark} {change} `{}`", Shown(description))?;
        if let Some(key) = key {
            write!(f, ": key {}", key.id)?;
        }
        if let (Some(Target { key, .. }), None) = (target, key) {
            let (actions, collections) = (joined(&key.actions), joined(&key.collections));
            let scope = format!("{actions} in {collections}");
            write!(f, ": {}, expires {}", scope.escape_debug(), key.expires_at)?;
        }
        for Difference { field, found, wanted } in differences {
            write!(f, "\n    {field}: {found} -> {wanted}")?;
        }
        if let (Change::Renew | Change::Replace, Some(key)) = (change, key) {
            if !deletes.contains(key) {
                write!(f, "\n    key {} is kept beside the new one", key.id)?;
            }
        }
        let replaced = key.as_ref().map(|key| key.id);
        for key in deletes.iter().filter(|key| Some(key.id) != replaced) {
            write!(f, "\n    also delete key {}, which has this description", key.id)?;
        }
        for id in duplicates {
            write!(f, "\n    key {id} has the same description, and is left unchanged")?;
        }
        Ok(())
    }
}

/// The changes and a summary; with `{:#}`, all keys.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_all = f.alternate();
        for key in self.keys.iter().filter(|key| is_all || key.is_change() || !key.duplicates.is_empty()) {
            writeln!(f, "{key}")?;
        }
        let count = |change| self.keys.iter().filter(|key| key.change == change).count();
        // A replaced key is not counted again.
        let is_counted =
            |of: &PlannedKey, key: &KeyInfo| of.change != Change::Replace || of.key.as_ref() != Some(key);
        let deletes_of = |of: &PlannedKey| of.deletes.iter().filter(|key| is_counted(of, key)).count();
        let deletes: usize = self.keys.iter().map(deletes_of).sum();
        // Most plans have none.
        match count(Change::Renew) {
            0 => {}
            renewals => write!(f, "{renewals} to renew, ")?,
        }
        write!(
            f,
            "{} to create, {} to replace, {} to delete, {} drifted, {} to keep",
            count(Change::Create),
            count(Change::Replace),
            deletes,
            count(Change::Drift),
            count(Change::Keep)
        )
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut plan = serializer.serialize_struct("Plan", 3)?;
        plan.serialize_field("fingerprint", &self.fingerprint())?;
        plan.serialize_field("has_changes", &self.has_changes())?;
        plan.serialize_field("keys", &self.keys)?;
        plan.end()
    }
}

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
                KeyValue::Derived(derived) => Some(derived.generation),
                _ => None,
            };
            let expiry = (key.expires_in.is_none().then_some(key.expires_at), key.expires_in);
            (&key.actions, &key.collections, expiry, key.autodelete, generation)
        });
        let reviewed = (description, change, key, deletes, duplicates, wanted);
        serde_json::to_vec(&reviewed).unwrap_or_else(|_| format!("{reviewed:?}").into())
    }
}
