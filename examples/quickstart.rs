//! The life of a key: create it, use it, find it, delete it.
//!
//! ```text
//! cargo run --example quickstart                    on a stand-in that ends with the program
//! TYPESENSE_NODES=https://search.example.net TYPESENSE_API_KEY=… cargo run --example quickstart
//! RUST_LOG=trace cargo run --example quickstart     see for yourself that no key is logged
//! ```

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use typesense_keys::testing::FakeServer;
use typesense_keys::{Action, ClientBuilder, Error as KeysError, KeysClient};

fn main() -> ExitCode {
    start_logging();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line says what happened and what to do next.
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    // A client of the servers that TYPESENSE_NODES names, or of a stand-in that runs inside this program.
    let fake_server = match env::var_os("TYPESENSE_NODES") {
        Some(_) => None,
        None => Some(FakeServer::start()?),
    };
    if let Some(fake_server) = &fake_server {
        println!(
            "No server is named in TYPESENSE_NODES: this runs on a stand-in, in memory, at {}.",
            fake_server.url()
        );
    }
    let client = settings(fake_server.as_ref())?.build()?;

    // Create. A key for a search page would have `.actions([Action::DOCUMENTS_SEARCH]).collections(["docs"])`; this
    // one may list keys, so that it can be used right here.
    let key = client
        .create()
        .description("quickstart: may list keys")
        .actions([Action::KEYS_LIST])
        .collections(["*"])
        // Should this program not get as far as to delete it.
        .expires_in(Duration::from_secs(600))
        // On a cluster, a node that lags would refuse the key for a moment.
        .wait_for_replication(Duration::from_secs(10))
        .send()?;
    println!("created  key {}, which expires at {} (`date -d` reads this)", key.id, key.expires_at);

    // Use. `key.value` is the key itself, a `SecretString`: shown by nothing, handed on to whoever needs it.
    let user = settings(fake_server.as_ref())?.api_key(key.value).build()?;
    let seen = user.list().send()?.len();
    println!("used     key {}: it may list keys, and sees {seen}", key.id);
    match user.delete(key.id).send() {
        Err(KeysError::Unauthorized(_)) => {
            println!("refused  key {}: it may not delete keys, not even itself", key.id)
        }
        Err(other) => return Err(other.into()),
        Ok(id) => return Err(format!("key {id} could delete itself").into()),
    }

    // List, and get one. The server tells no more of a key than the first characters of its value.
    let keys = client.list().send()?;
    println!("listed   {} key(s)", keys.len());
    let info = client.get(key.id).send()?;
    println!("got      key {}: \"{}\", actions {:?}", info.id, info.description, info.actions);

    // Delete: from now on, it opens nothing.
    client.delete(key.id).wait_for_replication(Duration::from_secs(10)).send()?;
    println!("deleted  key {}", key.id);
    match client.get(key.id).send() {
        Err(KeysError::NotFound { id, .. }) => println!("gone     key {id}"),
        Err(other) => return Err(other.into()),
        Ok(_) => return Err("the key is still there".into()),
    }
    Ok(())
}

fn settings(fake_server: Option<&FakeServer>) -> Result<ClientBuilder, KeysError> {
    match fake_server {
        Some(fake_server) => Ok(KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key())),
        None => ClientBuilder::from_env(),
    }
}

/// Writes what `RUST_LOG` asks for to standard error; warnings, if it is not set.
fn start_logging() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        // The stand-in's HTTP server, which writes the requests that it receives to the log as they are.
        .filter_module("mockito", log::LevelFilter::Off)
        .init();
}
