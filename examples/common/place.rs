//! Where a new key goes: to a file that only its owner can read, or to a pipe.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use typesense_keys::{ExposeSecret, SecretString};

pub(crate) enum Place {
    NewFile(File, PathBuf),
    Pipe,
}

impl Place {
    /// A new file, so that no other key is overwritten and no other program has the file open.
    pub(crate) fn new_file(path: PathBuf) -> Result<Self, Box<dyn Error>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        #[cfg(not(unix))]
        eprintln!("the file's directory decides who can read it: this example restricts it on unix only");
        match options.open(&path) {
            Ok(file) => Ok(Self::NewFile(file, path)),
            Err(error) => Err(format!("{}: {error}; no key was created", path.display()).into()),
        }
    }

    /// `or_terminal`: whether it may be a terminal, which shows the key and keeps it.
    pub(crate) fn pipe(or_terminal: bool) -> Result<Self, Box<dyn Error>> {
        if io::stdout().is_terminal() && !or_terminal {
            return Err("standard output is a terminal, which shows the key and keeps it: use a pipe".into());
        }
        Ok(Self::Pipe)
    }

    /// Writes the key and no line end, which would become a part of it.
    pub(crate) fn write(&mut self, value: &SecretString) -> io::Result<()> {
        let bytes = value.expose_secret().as_bytes();
        match self {
            Self::NewFile(file, _) => {
                file.write_all(bytes)?;
                // Some file systems report that they are full only now.
                file.sync_all()
            }
            Self::Pipe => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
        }
    }

    /// Removes the file, so that no file is left that looks like a key.
    pub(crate) fn remove(&self) {
        if let Self::NewFile(_, path) = self {
            if let Err(error) = fs::remove_file(path) {
                eprintln!("{} could not be removed: {error}", path.display());
            }
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NewFile(_, path) => write!(f, "{}", path.display()),
            Self::Pipe => f.write_str("standard output"),
        }
    }
}
