//! The client's key, as the caller names it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::secret;

/// The key itself, or the file that contains it.
#[derive(Clone)]
pub(super) enum ApiKey {
    Value(SecretString),
    File(PathBuf),
}

impl ApiKey {
    /// The key, checked. Reads its file. Errors name the `setting`, and show neither the key nor the path, which may be
    /// a misplaced key.
    pub(super) fn read(self, setting: &'static str) -> Result<SecretString, Error> {
        let key = match self {
            Self::Value(key) => key,
            Self::File(path) => read(&path, setting)?,
        };
        let why = secret::check(&key);
        let odd = || secret::oddity(&key).map(|odd| format!("; it {odd}")).unwrap_or_default();
        why.map_err(|why| Error::configuration(setting, why + &odd()))?;
        Ok(key)
    }
}

fn read(path: &Path, setting: &'static str) -> Result<SecretString, Error> {
    // One more than a key and a line break may have, so that a longer key is found to be too long.
    const LIMIT: usize = secret::MAX_LENGTH + 3;
    let mut content = Zeroizing::new(Vec::with_capacity(LIMIT));
    let limit = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content));
    read.map_err(|source| {
        Error::configuration_from(setting, format!("names a file that cannot be read: {}", source.kind()), source)
    })?;
    let text = std::str::from_utf8(&content)
        .map_err(|_| Error::configuration(setting, "names a file that is not UTF-8 text"))?;
    // What most editors and `echo` add.
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(secret::copy(text))
}
