//! A search key for each tenant of a service. Run it as often as you like, and again after it was interrupted.
//!
//! ```text
//! cargo run --example tenants -- NAMES STORE                   the key of `ada` searches all collections `ada_…`
//! cargo run --example tenants -- NAMES STORE --scoped orders   the key of `ada` searches the documents in `orders`
//!                                                              whose field `tenant` (a `string`) is `ada`
//! ```
//!
//! Each value is stored before its key exists, so a crash at any moment loses nothing: the next run completes what this
//! one began. Always name the same STORE, which only its owner can read, and run one process at a time on it.

#[path = "common/store_file.rs"]
mod store_file;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use indicatif::ProgressBar;
use typesense_keys::{
    Action, CollectionPattern, CreateKey, ExactValue, Expiry, ExposeSecret, KeysClient, PreparedCreate,
    ScopedKeyBuilder,
};

use store_file::Store;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many keys are begun together, and so the most that the next run has to complete.
const CHUNK: usize = 100;

/// Gives each tenant a search key, on the server that TYPESENSE_URL and TYPESENSE_API_KEY name.
#[derive(Parser)]
struct Cli {
    /// A file with the name of a tenant on each line: lower-case letters and digits, or a UUID.
    names: PathBuf,
    /// The file for the keys, created if there is none.
    store: PathBuf,
    /// Sign scoped keys for this collection, all from one key, instead of creating a key for each tenant.
    #[arg(long, value_name = "COLLECTION")]
    scoped: Option<String>,
    /// When new keys stop working, such as `2030-01-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", default_value = "never")]
    expires: Expiry,
    /// Delete this store's keys that it has no line for. Without this, they are only reported.
    #[arg(long)]
    sweep: bool,
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tenants: {error} (nothing is lost: run this again to go on)");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let text = fs::read_to_string(&cli.names).map_err(|error| format!("{}: {error}", cli.names.display()))?;
    let tenants = names(&text)?;
    let client = KeysClient::from_env()?;
    let mut store = Store::open(&cli.store)?;
    complete(&client, &mut store)?;
    match &cli.scoped {
        None => create(&client, &mut store, &tenants, cli.expires)?,
        Some(collection) => {
            CollectionPattern::try_from(collection)?;
            let parent = format!("parent:{collection}");
            create(&client, &mut store, &BTreeSet::from([parent.as_str()]), cli.expires)?;
            sign(&mut store, &parent, collection, &tenants)?;
        }
    }
    println!("each of the {} tenants has a key", tenants.len());
    report_left_overs(&client, &store, cli.sweep)
}

/// Two names that a server could take for each other are refused: one tenant would find the documents of another.
fn names(text: &str) -> Result<BTreeSet<&str>> {
    let mut names = BTreeSet::new();
    for name in text.lines().map(str::trim).filter(|name| !name.is_empty()) {
        ExactValue::from(name).check().map_err(|error| format!("`{}`: {error}", name.escape_debug()))?;
        if !names.insert(name) {
            return Err(format!("`{name}` is named twice").into());
        }
    }
    Ok(names)
}

fn request(client: &KeysClient, store: &Store, name: &str) -> CreateKey {
    let key = client.create().description(format!("{}{name}", store.prefix)).actions([Action::DOCUMENTS_SEARCH]);
    match name.strip_prefix("parent:") {
        Some(collection) => key.collections([CollectionPattern::exact(collection)]),
        // No name has a `_`, so no collection is two tenants'. With search alone, the tenant could sign scoped keys, which
        // read every collection: see the guide on tenants.
        None => key.actions([Action::DOCUMENTS_GET]).collections([CollectionPattern::prefix(&format!("{name}_"))]),
    }
}

/// Completes what an interrupted run has begun: its keys may exist, and may not.
fn complete(client: &KeysClient, store: &mut Store) -> Result<()> {
    let (mut names, mut prepared) = (Vec::new(), Vec::new());
    for (name, begun) in store.unfinished() {
        let key = request(client, store, &name).stored_value(begun.value).expires_at(begun.expires_at);
        prepared.push(key.prepare()?);
        names.push(name);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    send(client, store, &names, prepared, || {})
}

fn create(client: &KeysClient, store: &mut Store, names: &BTreeSet<&str>, expires: Expiry) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !store.has(name)).collect();
    let bar = ProgressBar::new(missing.len() as u64);
    for names in missing.chunks(CHUNK) {
        let mut prepared = Vec::new();
        for name in names {
            let key = request(client, store, name).expires_at(expires).prepare()?;
            store.append(&[name, "begun", &expires.to_string(), key.value().expose_secret()])?;
            prepared.push(key);
        }
        store.sync()?; // from here on, the keys may exist
        send(client, store, names, prepared, || bar.inc(1))?;
    }
    Ok(())
}

/// Creates the keys with these names, and marks each as done.
fn send(
    client: &KeysClient,
    store: &mut Store,
    names: &[&str],
    prepared: Vec<PreparedCreate>,
    progressed: impl Fn(),
) -> Result<()> {
    let mut written = Ok(());
    let batch = client.create_many(prepared).connections(8).send_with(|progress| {
        progressed();
        if let (Ok(()), Ok(key), Some(name)) = (&written, progress.result, names.get(progress.index)) {
            written = store.append(&[name, "done", &key.id.to_string()]);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written?;
    if let Some((index, error)) = batch.failed().next() {
        return Err(format!("{}: {error}", names.get(index).unwrap_or(&"?")).into());
    }
    Ok(())
}

/// Signing needs no server. The keys stop working with their parent.
fn sign(store: &mut Store, parent: &str, collection: &str, tenants: &BTreeSet<&str>) -> Result<()> {
    let (parent, value) = store.done(parent).ok_or("the parent of the scoped keys is not in the store")?;
    for tenant in tenants {
        if !store.has_scoped(tenant, parent) {
            let key = ScopedKeyBuilder::from_parent(&value).only("tenant", *tenant).collection(collection).sign()?;
            store.append(&[tenant, "scoped", &parent.to_string(), key.expose_secret()])?;
        }
    }
    store.sync()
}

/// Keys of this store that it has no line for: perhaps it was restored from a backup, or a line was removed.
fn report_left_overs(client: &KeysClient, store: &Store, sweep: bool) -> Result<()> {
    for key in client.list().send()? {
        if key.description.starts_with(&store.prefix) && !store.ids.contains(&key.id) {
            println!("left over: key {} ({})", key.id, key.description.escape_debug());
            if sweep {
                client.delete(key.id).ignore_missing(true).send()?;
                println!("deleted:   key {}", key.id);
            }
        }
    }
    Ok(())
}
