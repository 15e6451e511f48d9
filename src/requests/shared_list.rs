//! One list for all requests of a batch that look for their keys.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;

use super::new_key::NewKey;
use super::{get, list};
use crate::engine::{Call, CallFailure};
use crate::key::{self, KeyInfo};

/// The listed keys that may have one of some values, read when a request first needs them.
#[derive(Debug)]
pub(crate) struct SharedList {
    prefixes: BTreeSet<String>,
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    /// How many times the list was read.
    times: u32,
    keys: Vec<KeyInfo>,
}

impl SharedList {
    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a SecretString>) -> Self {
        Self { prefixes: values.into_iter().map(key::shown_prefix).collect(), read: Mutex::default() }
    }

    /// The listed keys that have the prefix of `key`, whose value is one of the values. Reads the list again if `seen` is
    /// the one that was read last.
    ///
    /// A key of a list that another request has read is confirmed by a request of its own, because it may have been
    /// deleted since.
    pub(super) fn holders(
        &self,
        call: Call<'_>,
        key: &NewKey,
        seen: &mut u32,
    ) -> Result<Vec<KeyInfo>, Box<CallFailure>> {
        // While one request reads the list, the others wait for it.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = read.times <= *seen;
        if is_fresh {
            read.keys = list::all(call, &|listed| self.prefixes.contains(&listed.prefix))?;
            read.times += 1;
        }
        *seen = read.times;
        let holders: Vec<_> = read.keys.iter().filter(|listed| key.has_prefix_of(listed)).cloned().collect();
        drop(read);
        if is_fresh {
            return Ok(holders);
        }
        let mut confirmed = Vec::with_capacity(holders.len());
        for holder in holders {
            match get::known(call, holder.id, |found| found.is_same_as(&holder)) {
                Err(failure) if failure.is_missing() || failure.is_another_key() => {}
                found => confirmed.push(found?),
            }
        }
        Ok(confirmed)
    }
}
