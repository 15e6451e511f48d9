//! A command-line program for the keys of a Typesense server: `cargo run --example keys -- --help`.
//!
//! A value goes to a new file that only its owner can read (`--out FILE`) or, on request, to standard output (`--show`),
//! and nowhere else. Results go to standard output; messages and errors to standard error.

#[path = "common/apply.rs"]
mod apply;
#[path = "common/markdown.rs"]
mod markdown;
#[path = "common/place.rs"]
mod place;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Display};
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Args, Parser, Subcommand};
use indicatif::ProgressBar;
use place::Place;
use serde_json::json;
use typesense_keys::audit::ServerVersion;
use typesense_keys::scoped::{ExactValue, ScopedKeyBuilder};
use typesense_keys::{
    Action, ClientBuilder, CollectionPattern, CreatedKey, DeleteKey, Error as KeysError, ErrorKind, Expiry, KeyId,
    KeyInfo, KeysClient, SecretString, generate_value,
};

/// The API keys of a Typesense server or cluster.
///
/// TYPESENSE_URL names the server, and TYPESENSE_API_KEY is the key to use.
///
/// Exit codes: 0 done; 1 failed, and nothing changed; 2 wrong usage; 3 failed, and something changed or may have changed;
/// 4 `audit --check` found something; 5 `apply --plan` found changes.
#[derive(Parser)]
#[command(name = "keys", version)]
struct Cli {
    /// Print JSON: one object for each key to standard output; an error, as one object, to standard error.
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    json: bool,
    /// How long each call may take, in seconds.
    #[arg(long, global = true, value_name = "SECONDS", help_heading = EVERY_COMMAND)]
    timeout: Option<u64>,
    /// Allow `http://` to another host, which shows every key to the network: only where the network is encrypted.
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    allow_plaintext: bool,
    #[command(subcommand)]
    command: Command,
}

/// The heading of the options that are not one command's, so that they follow the command's own.
const EVERY_COMMAND: &str = "Options of every command";

#[derive(Subcommand)]
enum Command {
    /// Create a key.
    Create {
        /// What the key is for.
        #[arg(short, long, default_value = "")]
        description: String,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        sink: Sink,
        #[command(flatten)]
        expiry: Lifetime,
    },
    /// List the keys, without their values.
    List {
        #[command(flatten)]
        filter: Filter,
    },
    /// Get a key, without its value.
    Get {
        /// The id of the key, as `list` shows it.
        id: KeyId,
    },
    /// Delete keys.
    Delete {
        /// The ids of the keys, as `list` shows them.
        #[arg(required_unless_present = "expired")]
        ids: Vec<KeyId>,
        /// Delete all keys that expired more than a day ago, because this machine's clock may differ from the server's.
        #[arg(long, conflicts_with = "ids")]
        expired: bool,
    },
    /// Replace a key by a new one of the same scope.
    Rotate {
        /// The id of the key, as `list` shows it.
        id: KeyId,
        #[command(flatten)]
        value: NewValue,
        #[command(flatten)]
        expiry: Lifetime,
        /// Leave the old key for you to delete.
        #[arg(long)]
        keep_old: bool,
        /// Rotate although a minority of the nodes is down. Such a node refuses the new key until it has caught up.
        #[arg(long)]
        accept_majority: bool,
    },
    /// Ensure that a key with this description and scope exists.
    ///
    /// Only the run that creates the key writes its value.
    Ensure {
        /// What the key is for. It identifies the key.
        description: String,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        sink: Sink,
        #[command(flatten)]
        expiry: Lifetime,
        /// Replace a key of another scope.
        #[arg(long)]
        replace_on_drift: bool,
    },
    /// Change the server's keys to those that a file describes.
    Apply(apply::Apply),
    /// Sign a scoped search key, without a server.
    Scope {
        /// The file with the value of a key that may do `documents:search` and nothing else.
        #[arg(long, value_name = "FILE")]
        parent: PathBuf,
        #[command(flatten)]
        sink: Sink,
        /// Find only documents with exactly this value, such as `tenant=42`. May be repeated.
        #[arg(long, value_name = "FIELD=VALUE", value_parser = only)]
        only: Vec<(String, ExactValue)>,
        /// Show this field, and no field that is not named so. May be repeated.
        #[arg(long, value_name = "FIELD")]
        show_field: Vec<String>,
        /// Show this field nowhere. May be repeated.
        #[arg(long, value_name = "FIELD")]
        hide: Vec<String>,
        /// Find only documents that pass this filter.
        #[arg(long, value_name = "FILTER")]
        filter_by: Option<String>,
        /// Leave only these fields in documents. This hides nothing.
        #[arg(long, value_name = "FIELDS")]
        include_fields: Option<String>,
        /// Leave these fields out of documents. This hides nothing.
        #[arg(long, value_name = "FIELDS")]
        exclude_fields: Option<String>,
        /// Show at most so many documents of a search. Facets and the number of documents found count all.
        #[arg(long, value_name = "HITS")]
        limit_hits: Option<u32>,
        #[command(flatten)]
        expiry: Lifetime,
    },
    /// Report keys that are too broad, have expired, never expire, or allow nothing.
    Audit {
        #[command(flatten)]
        filter: Filter,
        /// Also report actions that allow nothing on servers of this version, such as `30.0`.
        #[arg(long = "for", value_name = "VERSION")]
        version: Option<ServerVersion>,
        /// Exit with 4 if there is anything to report.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Args)]
struct Scope {
    /// What the key may do, such as `documents:search`. May be repeated.
    #[arg(short, long = "action", value_name = "ACTION", required = true)]
    actions: Vec<Action>,
    /// Where it may do so: a name, `*`, `exact:NAME`, `prefix:START` or `pattern:REGEX`. May be repeated.
    #[arg(short, long = "collection", value_name = "COLLECTION", required = true)]
    collections: Vec<CollectionPattern>,
}

#[derive(Args)]
struct Lifetime {
    /// How long the key works, such as `90days` or `12h`.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Sink {
    /// Write the value to this new file, which only its owner can read.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the value to standard output.
    #[arg(long)]
    show: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct NewValue {
    /// Write the new value to this new file, which only its owner can read.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the new value to standard output.
    #[arg(long)]
    show: bool,
    /// Complete an interrupted rotation, which has written the new value to this file.
    #[arg(long, value_name = "FILE")]
    stored: Option<PathBuf>,
}

#[derive(Args)]
struct Filter {
    /// Only keys whose value begins with this.
    #[arg(long)]
    prefix: Option<String>,
    /// Only keys with exactly this description.
    #[arg(short, long)]
    description: Option<String>,
    /// Only keys that have expired.
    #[arg(long)]
    expired: bool,
    /// Only keys that will expire within this time, such as `30days`.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "expired")]
    expires_within: Option<Duration>,
    /// Only keys that allow this action in this collection.
    #[arg(long, num_args = 2, value_names = ["ACTION", "COLLECTION"])]
    allows: Option<Vec<String>>,
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let cli = Cli::parse();
    let json = cli.json;
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let keys_error = error.downcast_ref::<KeysError>();
            match keys_error.map(serde_json::to_string) {
                _ if !json => tell(format_args!("keys: {error}")),
                Some(Ok(object)) => tell(object),
                _ => tell(json!({ "kind": "program", "message": error.to_string() })),
            }
            let may_have_acted = keys_error.is_some_and(KeysError::may_have_acted) || error.is::<Changed>();
            ExitCode::from(if may_have_acted { 3 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    let Cli { json, timeout, allow_plaintext, command } = cli;
    let client = || -> Result<KeysClient, KeysError> {
        let mut builder = ClientBuilder::from_env()?;
        if allow_plaintext {
            builder = builder.allow_plaintext(true);
        }
        timeout.map(Duration::from_secs).into_iter().fold(builder, ClientBuilder::timeout).build()
    };
    match command {
        Command::Create { description, scope, expiry, sink } => {
            let client = client()?;
            let place = sink.place()?;
            let request =
                client.create().description(description).actions(scope.actions).collections(scope.collections);
            let request = expiry.expires_in.into_iter().fold(request, |request, time| request.expires_in(time));
            match request.prepare() {
                Ok(prepared) => keep(prepared.value(), || prepared.send(), place, json)?,
                Err(error) => return failed(error, place),
            }
        }
        Command::List { filter } => table(&filter.apply(&client()?).send()?, json)?,
        Command::Get { id } => table(&[client()?.get(id).send()?], json)?,
        Command::Delete { ids, expired } => delete(&client()?, ids, expired, json)?,
        Command::Rotate { id, keep_old, accept_majority, expiry, value } => {
            let request = client()?.rotate(id).keep_old(keep_old).accept_majority(accept_majority);
            let request = expiry.expires_in.into_iter().fold(request, |request, time| request.expires_in(time));
            let NewValue { out, show, stored } = value;
            if let Some(file) = stored {
                table(&[request.stored_value(secret(&file)?).send()?.info()], json)?;
            } else {
                let place = Sink { out, show }.place()?;
                match request.prepare() {
                    Ok(prepared) => keep(prepared.value(), || prepared.send(), place, json)?,
                    Err(error) => return failed(error, place),
                }
            }
        }
        Command::Ensure { description, scope, expiry, replace_on_drift, sink } => {
            let client = client()?;
            let mut place = sink.place()?;
            let request = client.ensure(description).actions(scope.actions).collections(scope.collections);
            let request = expiry.expires_in.into_iter().fold(request, |request, time| request.expires_in(time));
            let value = generate_value()?;
            let is_file = store_before(&value, &mut place)?;
            let ensured = match request.replace_on_drift(replace_on_drift).stored_value(value).send() {
                Ok(ensured) => ensured,
                Err(error) if is_file && error.value().is_some() => {
                    tell(format_args!("its value was written to {place}"));
                    return Err(error.into());
                }
                Err(error) => return failed(error, place),
            };
            match ensured.value {
                Some(_) if is_file => show(&place, &ensured.key, json)?,
                Some(value) => write(&value, place, &ensured.key, json)?,
                None => {
                    place.remove();
                    tell(format_args!("key {} exists already; its value is not known", ensured.key.id));
                    // With `--show`, standard output is for a value only.
                    if matches!(place, Place::NewFile(..)) {
                        table(&[ensured.key], json)?;
                    }
                }
            }
            for id in ensured.duplicates {
                tell(format_args!("key {id} has the same description, and was left alone"));
            }
        }
        Command::Apply(apply) => return apply.run(&client()?, json),
        Command::Scope {
            parent,
            only,
            show_field,
            hide,
            filter_by,
            include_fields,
            exclude_fields,
            limit_hits,
            expiry,
            sink,
        } => {
            let parent = secret(&parent)?;
            let mut key = ScopedKeyBuilder::from_parent(&parent);
            key = only.into_iter().fold(key, |key, (field, value)| key.only(field, value));
            if !show_field.is_empty() {
                key = key.show_fields(show_field);
            }
            if !hide.is_empty() {
                key = key.hide_fields(hide);
            }
            key = filter_by.into_iter().fold(key, ScopedKeyBuilder::filter_by);
            key = include_fields.into_iter().fold(key, ScopedKeyBuilder::include_fields);
            key = exclude_fields.into_iter().fold(key, ScopedKeyBuilder::exclude_fields);
            key = limit_hits.into_iter().fold(key, ScopedKeyBuilder::limit_hits);
            let scoped = expiry.expires_in.into_iter().fold(key, ScopedKeyBuilder::expires_in).sign()?;
            sink.place()?.write(&scoped)?;
        }
        Command::Audit { filter, version, check } => {
            let has_found = audit(filter.apply(&client()?), version, json)?;
            if has_found && check {
                return Ok(ExitCode::from(4));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The command failed after it had changed something.
#[derive(Debug)]
struct Changed(String);

impl Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Changed {}

/// Writes the value to a file before its key exists, so that a crash loses nothing; to a pipe once it exists, or may exist.
fn keep(
    value: &SecretString,
    send: impl FnOnce() -> Result<CreatedKey, KeysError>,
    mut place: Place,
    json: bool,
) -> Result<(), Box<dyn Error>> {
    let is_file = store_before(value, &mut place)?;
    match send() {
        Ok(key) if is_file => show(&place, &key.info(), json),
        Ok(key) => write(&key.value, place, &key.info(), json),
        Err(error) if is_file && error.value().is_some() => {
            tell(format_args!("its value was written to {place}"));
            Err(error.into())
        }
        Err(error) => failed(error, place).map(drop),
    }
}

/// Returns whether the place is a file.
fn store_before(value: &SecretString, place: &mut Place) -> Result<bool, Box<dyn Error>> {
    let is_file = matches!(place, Place::NewFile(..));
    if is_file {
        if let Err(error) = place.write(value) {
            place.remove();
            return Err(format!("{place} could not be written: {error}; no key was created").into());
        }
    }
    Ok(is_file)
}

fn write(value: &SecretString, mut place: Place, key: &KeyInfo, json: bool) -> Result<(), Box<dyn Error>> {
    if let Err(error) = place.write(value) {
        return Err(Changed(format!("key {} exists, but {place} could not be written: {error}", key.id)).into());
    }
    show(&place, key, json)
}

fn show(place: &Place, key: &KeyInfo, json: bool) -> Result<(), Box<dyn Error>> {
    tell(format_args!("the value of key {} was written to {place}; expiry: {}", key.id, key.expires_at));
    // With `--show`, standard output is for the value only.
    if json && matches!(place, Place::NewFile(..)) {
        let shown = table(std::slice::from_ref(key), json);
        shown.map_err(|error| Changed(format!("key {} exists, but could not be shown: {error}", key.id)))?;
    }
    Ok(())
}

/// Writes the value that the error contains: its key may exist.
fn failed(error: KeysError, mut place: Place) -> Result<ExitCode, Box<dyn Error>> {
    match error.value() {
        Some(value) => match place.write(value) {
            Ok(()) => tell(format_args!("its value was written to {place}")),
            Err(failed) => tell(format_args!("its value could not be written to {place}: {failed}")),
        },
        None => place.remove(),
    }
    Err(error.into())
}

impl Sink {
    /// Opened before the key is created, which must not happen if its value cannot be stored.
    fn place(&self) -> Result<Place, Box<dyn Error>> {
        match &self.out {
            Some(file) => Place::new_file(file.clone()),
            None => Place::pipe(self.show),
        }
    }
}

impl Filter {
    fn apply(self, client: &KeysClient) -> typesense_keys::ListKeys {
        let Self { prefix, description, expired, expires_within, allows } = self;
        let mut list = client.list();
        list = prefix.iter().fold(list, |list, prefix| list.prefix(prefix));
        list = description.into_iter().fold(list, |list, description| list.description(description));
        if expired {
            list = list.expired(true);
        }
        list = expires_within.into_iter().fold(list, |list, time| list.expires_within(time));
        match allows.as_deref() {
            Some([action, collection]) => list.allows(action.as_str(), collection),
            _ => list,
        }
    }
}

fn table(keys: &[KeyInfo], json: bool) -> Result<(), Box<dyn Error>> {
    if json {
        for key in keys {
            line(serde_json::to_string(key)?)?;
        }
        return Ok(());
    }
    let rows: Vec<[String; 6]> = keys.iter().map(row).collect();
    let titles = ["ID", "VALUE", "EXPIRES", "ACTIONS", "COLLECTIONS", "DESCRIPTION"].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&titles]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    for row in [&titles].into_iter().chain(&rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// It is not a failure if the reader stops early, as in `keys list | head`.
fn line(text: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Writes a message. A failure must not end the program, which may hold a value that is not stored yet.
fn tell(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn row(key: &KeyInfo) -> [String; 6] {
    let KeyInfo { id, description, actions, collections, expires_at, prefix, .. } = key;
    let actions: Vec<_> = actions.iter().map(|action| action.as_str().escape_debug().to_string()).collect();
    let collections: Vec<_> = collections.iter().map(|entry| entry.as_str().escape_debug().to_string()).collect();
    [
        id.to_string(),
        format!("{}…", prefix.escape_debug()),
        expires_at.to_string(),
        actions.join(","),
        collections.join(","),
        // The text may contain control characters of a terminal.
        description.escape_debug().to_string(),
    ]
}

fn delete(client: &KeysClient, ids: Vec<KeyId>, expired: bool, json: bool) -> Result<(), Box<dyn Error>> {
    let requests: Vec<DeleteKey> = if expired {
        let a_day_ago = Expiry::from(SystemTime::now() - Duration::from_secs(86_400));
        let keys = client.list().expired(true).send()?;
        // A newer server deletes some of the keys itself.
        let delete = |key| client.delete(key).ignore_missing(true);
        keys.iter().filter(|key| key.expires_at < a_day_ago).map(delete).collect()
    } else {
        BTreeSet::from_iter(ids).into_iter().map(|id| client.delete(id)).collect()
    };
    let count = requests.len();
    let bar = ProgressBar::new(count as u64);
    let mut printed = Ok(());
    // An earlier run that was killed may have deleted some of the keys.
    let batch = client.delete_many(requests).keep_going(true).send_with(|progress| {
        bar.inc(1);
        if let (Ok(id), true, Ok(())) = (progress.result, json, &printed) {
            printed = line(json!({ "id": id }));
        }
        let is_hopeless = progress.result.is_err_and(|error| error.kind() != ErrorKind::NotFound);
        if printed.is_err() || is_hopeless { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let done = batch.succeeded().count();
    printed.map_err(|error| Changed(format!("{done} of {count} deleted; {error}")))?;
    let mut errors: Vec<KeysError> = batch.into_results().into_iter().flatten().filter_map(Result::err).collect();
    let may_have_acted = done > 0 || errors.iter().any(KeysError::may_have_acted);
    match (errors.pop(), errors.is_empty()) {
        (None, _) => {
            tell(format_args!("{done} deleted"));
            Ok(())
        }
        (Some(error), true) if done == 0 => Err(error.into()),
        (Some(last), _) => {
            let errors: Vec<String> = errors.iter().chain([&last]).map(ToString::to_string).collect();
            let message = format!("{done} of {count} deleted; {}", errors.join("; "));
            Err(if may_have_acted { Changed(message).into() } else { message.into() })
        }
    }
}

/// Returns whether there are findings.
fn audit(
    request: typesense_keys::ListKeys,
    version: Option<ServerVersion>,
    json: bool,
) -> Result<bool, Box<dyn Error>> {
    let mut has_found = false;
    for key in request.stream()? {
        let key = key?;
        let findings = version.map_or_else(|| key.audit(), |version| key.audit_for(version));
        has_found |= !findings.is_empty();
        if json {
            line(json!({"id": key.id, "description": key.description, "findings": findings}))?;
        } else {
            for finding in findings {
                line(format_args!("key {} ({}) {finding}", key.id, key.description.escape_debug()))?;
            }
        }
    }
    Ok(has_found)
}

fn secret(file: &Path) -> Result<SecretString, Box<dyn Error>> {
    let mut bytes = zeroize::Zeroizing::new(fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?);
    while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
        bytes.pop();
    }
    Ok(std::str::from_utf8(&bytes).map_err(|_| format!("{} is not text", file.display()))?.into())
}

/// The value in the type that its field most likely has. In a text field, a number finds the same as text.
fn only(text: &str) -> Result<(String, ExactValue), String> {
    let (field, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not FIELD=VALUE"))?;
    let value = match (value.parse::<i64>(), value.parse::<bool>()) {
        (Ok(number), _) if number.to_string() == value => number.into(),
        (_, Ok(truth)) => truth.into(),
        _ => value.into(),
    };
    Ok((field.to_owned(), value))
}
