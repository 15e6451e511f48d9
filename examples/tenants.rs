//! A search key for each tenant of a service, however often this is run and wherever it was interrupted.
//!
//! ```text
//! cargo run --example tenants -- NAMES KEYS
//! ```
//!
//! NAMES holds a tenant on each line. To KEYS, a file that only its owner can read, a line is added for each key at the
//! moment when it is made: tenant, id and value, by tabs. Tenants that are in KEYS already are left alone. A tenant that
//! has a key of which KEYS knows nothing, because this program came to an end in between, gets another in its place: so
//! always name the same KEYS.
//!
//! The key of `ada` is for all collections whose names begin with `ada_`.

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use indicatif::ProgressBar;
use secrecy::ExposeSecret;
use typesense_keys::{Action, CollectionPattern, CreatedKey, Error as KeysError, KeysClient};
use zeroize::Zeroizing;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [names, keys] = arguments.as_slice() else {
        eprintln!("usage: tenants NAMES KEYS");
        return ExitCode::from(2);
    };
    match provision(Path::new(names), Path::new(keys)) {
        Ok(made) => {
            eprintln!("{made} keys made; all tenants have one");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tenants: {error}; what was made is in {}: run this again to go on", Path::new(keys).display());
            ExitCode::FAILURE
        }
    }
}

fn provision(names: &Path, keys: &Path) -> Result<usize, Box<dyn Error>> {
    let client = KeysClient::from_env()?;
    let names = fs::read_to_string(names).map_err(|error| format!("{}: {error}", names.display()))?;
    let mut keys = Ledger::open(keys)?;
    let mut seen = HashSet::new();
    let mut tenants: Vec<&str> =
        names.lines().map(str::trim).filter(|name| !name.is_empty() && seen.insert(*name)).collect();
    seen.extend(keys.tenants.iter().map(String::as_str));
    check(&seen)?;
    tenants.retain(|tenant| !keys.tenants.contains(*tenant));

    let mut made = 0;
    // Made by a run that did not live to write it down: its value is lost.
    for lost in client.list().stream()? {
        let lost = lost?;
        let Some(at) = tenants.iter().position(|tenant| lost.description == description(tenant)) else { continue };
        match client.rotate(lost.id).send() {
            Ok(key) => keys.add(tenants.swap_remove(at), &key)?,
            Err(error) => {
                // The new key, which is there although the old one may be, too.
                if let KeysError::Incomplete(incomplete) = &error {
                    incomplete.key().map_or(Ok(()), |key| keys.add(tenants.swap_remove(at), key))?;
                }
                return Err(error.into());
            }
        }
        made += 1;
    }

    let requests: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            let request = client.create().description(description(tenant)).actions([Action::DOCUMENTS_SEARCH]);
            request.collections([CollectionPattern::prefix(&format!("{tenant}_"))])
        })
        .collect();
    let bar =
        if std::io::stderr().is_terminal() { ProgressBar::new(requests.len() as u64) } else { ProgressBar::hidden() };
    let mut unwritten = None;
    let batch = client.create_many(requests).connections(8).send_with(|progress| {
        bar.inc(1);
        if let (Ok(key), Some(tenant)) = (progress.result, tenants.get(progress.index)) {
            if let Err(error) = keys.add(tenant, key) {
                unwritten.get_or_insert(error);
                return ControlFlow::Break(());
            }
            made += 1;
        }
        ControlFlow::Continue(())
    })?;
    bar.finish_and_clear();
    if let Some(error) = unwritten {
        return Err(error);
    }
    match batch.failed().next() {
        Some((index, error)) => Err(format!("{}: {error}", tenants.get(index).unwrap_or(&"?")).into()),
        None => Ok(made),
    }
}

/// That no tenant's collections are also another's, as those of `ada_x` would be `ada`'s.
fn check(tenants: &HashSet<&str>) -> Result<(), Box<dyn Error>> {
    for tenant in tenants {
        if tenant.contains('\t') {
            return Err(format!("the name `{}` holds a tab", tenant.escape_debug()).into());
        }
        let mut beginnings = tenant.match_indices('_').filter_map(|(at, _)| tenant.get(..at));
        if let Some(other) = beginnings.find(|beginning| tenants.contains(beginning)) {
            return Err(format!("the key of `{other}` would open the collections of `{tenant}`: rename one").into());
        }
    }
    Ok(())
}

fn description(tenant: &str) -> String {
    format!("tenant {tenant}, search only")
}

/// The file of keys, and the tenants that are in it.
struct Ledger {
    file: File,
    tenants: HashSet<String>,
}

impl Ledger {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        // It may have been there before.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        if whole_lines.len() + 1 < text.len() {
            return Err(format!("the last line of {} is not whole: remove it", path.display()).into());
        }
        let tenants = whole_lines.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
        Ok(Self { file, tenants })
    }

    fn add(&mut self, tenant: &str, key: &CreatedKey) -> Result<(), Box<dyn Error>> {
        // One write: a line is there or not.
        let line = Zeroizing::new(format!("{tenant}\t{}\t{}\n", key.id, key.value.expose_secret()));
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        Ok(())
    }
}
