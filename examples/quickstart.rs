//! The life of a key: create it, use it, find it, rotate it, delete it.
//!
//! ```text
//! cargo run --example quickstart                    on a fake server inside this program
//! TYPESENSE_URL=https://search.example.net TYPESENSE_API_KEY=… cargo run --example quickstart
//! RUST_LOG=trace cargo run --example quickstart     shows that no key is logged
//! ```

use std::env;
use std::time::Duration;

use typesense_keys::testing::FakeServer;
use typesense_keys::{Action, ClientBuilder, Error, KeysClient};

fn main() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    if let Err(error) = run() {
        eprintln!("quickstart: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let fake_server = FakeServer::start()?;
    let settings = || match env::var_os("TYPESENSE_URL") {
        Some(_) => ClientBuilder::from_env(),
        None => Ok(KeysClient::builder().node(fake_server.url()).api_key(fake_server.api_key())),
    };
    if env::var_os("TYPESENSE_URL").is_none() {
        println!("TYPESENSE_URL names no server: this runs on a fake one, in memory, at {}", fake_server.url());
    }
    let client = settings()?.build()?;

    let key = client
        .create()
        .description("quickstart: may list keys")
        .actions([Action::KEYS_LIST])
        .collections(["*"])
        .expires_in(Duration::from_secs(600))
        .wait_for_replication(Duration::from_secs(10)) // every node of a cluster knows the key
        .send()?;
    println!("created  key {}, which expires at {}", key.id, key.expires_at);

    // `key.value` is the key itself, a `SecretString`, which nothing shows. Another client uses it:
    let user = settings()?.api_key(key.value.clone()).build()?;
    println!("used     key {}: it sees {} key(s)", key.id, user.list().send()?.len());
    match user.delete(key.id).send() {
        Err(Error::Unauthorized(_)) => println!("refused  key {}: it may not delete keys", key.id),
        other => return Err(format!("the key may do more than it should: {other:?}").into()),
    }

    let info = client.get(key.id).send()?;
    println!("got      key {}: \"{}\", actions {:?}", info.id, info.description, info.actions);
    let new = client.rotate(&key).send()?;
    println!("rotated  key {} to key {}, which expires at {}", key.id, new.id, new.expires_at);
    client.delete(&new).send()?;
    println!("deleted  key {}", new.id);
    Ok(())
}
