//! How to keep a new key: in a file that only its owner can read, or in a secret manager.
//!
//! ```text
//! cargo run --example store -- FILE                 writes it to a new file
//! cargo run --example store -- - | secret-manager   writes it to a pipe, and nothing else
//! ```
//!
//! The server shows a key once. So the place for it is made first, and a key that could not be written there is deleted
//! again, rather than left alive where nobody knows it. What happens is told on standard error, the key never.

#[path = "common/place.rs"]
mod place;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use place::Place;
use typesense_keys::testing::FakeServer;
use typesense_keys::{Action, CreatedKey, Error as KeysError, KeysClient};

const USAGE: &str = "usage: store FILE   (a new file)\n       store - | …   (a pipe into a secret manager)";

fn main() -> ExitCode {
    start_logging();
    let mut arguments = env::args_os().skip(1);
    let (Some(place), None) = (arguments.next(), arguments.next()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match store(place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("store: {error}");
            ExitCode::FAILURE
        }
    }
}

fn store(place: OsString) -> Result<(), Box<dyn Error>> {
    let (client, _stand_in) = connect()?;
    let mut place = if place == "-" { Place::pipe(false) } else { Place::new_file(place.into()) }?;
    let created = client
        .create()
        .description("made by the example `store`: may search docs")
        .actions([Action::DOCUMENTS_SEARCH])
        .collections(["docs"])
        .expires_in(Duration::from_secs(86_400))
        .send();
    match created {
        Ok(key) => keep(&client, key, place),
        // The reply was lost for good, and the key may live: keep its value all the same, and say so.
        Err(KeysError::OutcomeUnknown(unknown)) => {
            let written = unknown.value().map(|value| place.write(value));
            Err(match written {
                Some(Ok(())) => format!("{unknown}; it was written to {place}"),
                Some(Err(failed)) => format!("{unknown}; it could not be written to {place} ({failed})"),
                None => unknown.to_string(),
            }
            .into())
        }
        Err(error) => {
            place.remove();
            Err(error.into())
        }
    }
}

fn keep(client: &KeysClient, key: CreatedKey, mut place: Place) -> Result<(), Box<dyn Error>> {
    let Err(failed) = place.write(&key.value) else {
        eprintln!("key {} was written to {place}; it expires at {}", key.id, key.expires_at);
        return Ok(());
    };
    place.remove();
    Err(match client.delete(key.id).send() {
        Ok(id) => format!("{place} could not be written ({failed}); key {id} is deleted again"),
        Err(error) => format!("{place} could not be written ({failed}), and key {} NOT deleted: {error}", key.id),
    }
    .into())
}

/// A client of the servers in TYPESENSE_NODES. Without them, of a stand-in: then the key that is stored opens nothing.
fn connect() -> Result<(KeysClient, Option<FakeServer>), Box<dyn Error>> {
    if env::var_os("TYPESENSE_NODES").is_some() {
        return Ok((KeysClient::from_env()?, None));
    }
    eprintln!("no server is named in TYPESENSE_NODES: the key is a stand-in's, and opens nothing");
    let fake_server = FakeServer::start()?;
    let client = KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key()).build()?;
    Ok((client, Some(fake_server)))
}

/// Writes what `RUST_LOG` asks for to standard error; warnings, if it is not set.
fn start_logging() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        // The stand-in's HTTP server, which writes the requests that it receives to the log as they are.
        .filter_module("mockito", log::LevelFilter::Off)
        .init();
}
