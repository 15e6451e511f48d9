//! Where `tenants` keeps its keys: an append-only file that only its owner can read.
//!
//! A line has one of these forms, with tabs between its words; the last line about a tenant counts.
//!
//! ```text
//! store ID                  the first line: ID is random, and part of the description of every key
//! NAME begun EXPIRY VALUE   written before the key exists
//! NAME done KEYID           the key exists
//! NAME scoped KEYID VALUE   a scoped key of that key, which needs no server
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use typesense_keys::{Expiry, KeyId, SecretString};
use zeroize::Zeroizing;

pub(crate) struct Store {
    file: File,
    /// Begins the description of each of its keys, and of no other key.
    pub(crate) prefix: String,
    /// Every key that was ever created by way of this store, so that none of them is swept.
    pub(crate) ids: BTreeSet<KeyId>,
    /// The last key of each name.
    keys: BTreeMap<String, Stored>,
    scoped: BTreeSet<(String, KeyId)>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: SecretString,
    pub(crate) expires_at: Expiry,
    /// `None` until the key is known to exist.
    id: Option<KeyId>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let mut store = Self {
            file,
            prefix: String::new(),
            ids: BTreeSet::new(),
            keys: BTreeMap::new(),
            scoped: BTreeSet::new(),
        };
        // A line that was cut off was not acted on: no key is sent before all of it is on the disk.
        let (lines, _) = text.split_at(text.rfind('\n').map_or(0, |end| end + 1));
        let is_store = text.is_empty() || text.starts_with("store\t");
        if !is_store || lines.lines().any(|line| store.read(&line.split('\t').collect::<Vec<_>>()).is_none()) {
            return Err(format!("{} is not a store of this program", path.display()).into());
        }
        #[cfg(unix)] // it may have been there before
        store.file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        store.file.set_len(lines.len() as u64)?;
        if store.prefix.is_empty() {
            store.append(&["store", &format!("{:016x}", getrandom::u64()?)])?;
        }
        Ok(store)
    }

    /// Adds a line, which a crash may still take away until [`sync`](Self::sync).
    pub(crate) fn append(&mut self, words: &[&str]) -> Result<(), Box<dyn Error>> {
        let line = Zeroizing::new(words.join("\t") + "\n");
        self.file.write_all(line.as_bytes())?;
        self.read(words).ok_or_else(|| "the line is not one of a store".into())
    }

    pub(crate) fn sync(&self) -> Result<(), Box<dyn Error>> {
        Ok(self.file.sync_data()?)
    }

    fn read(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["store", id] => self.prefix = format!("tenants {id}: "),
            [name, "begun", expires_at, value] => {
                let begun = Stored { value: (*value).into(), expires_at: expires_at.parse().ok()?, id: None };
                self.keys.insert((*name).to_owned(), begun);
            }
            [name, "done", id] => {
                let id = id.parse().ok()?;
                self.keys.get_mut(*name)?.id = Some(id);
                self.ids.insert(id);
            }
            [name, "scoped", parent, _] => {
                self.scoped.insert(((*name).to_owned(), parent.parse().ok()?));
            }
            _ => return None,
        }
        Some(())
    }

    /// Whether there is a key of this name, which may still be unfinished. Instead of an expired one, another is made.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.get(name).is_some_and(|stored| !stored.expires_at.is_past())
    }

    /// The key of this name that exists.
    pub(crate) fn done(&self, name: &str) -> Option<(KeyId, SecretString)> {
        let stored = self.keys.get(name)?;
        Some((stored.id?, stored.value.clone()))
    }

    pub(crate) fn has_scoped(&self, name: &str, parent: KeyId) -> bool {
        self.scoped.contains(&(name.to_owned(), parent))
    }

    /// The keys that were begun and are not known to exist.
    pub(crate) fn unfinished(&self) -> Vec<(String, Stored)> {
        let unfinished = self.keys.iter().filter(|(name, stored)| stored.id.is_none() && self.has(name));
        unfinished.map(|(name, stored)| (name.clone(), stored.clone())).collect()
    }
}
