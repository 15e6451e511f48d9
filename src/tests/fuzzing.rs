//! Entry points of the fuzz targets in `tests/fuzz`, which exist in no other build and are not part of the API.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::client::KeysClient;
use crate::engine::{Engine, Limits, Nodes, SystemClock};
use crate::error::Error;
use crate::http::fuzzing;
pub use crate::http::fuzzing::{Dissected, dissect};
use crate::node::Node;

/// A client that receives `pieces` as the response to each request, and makes one attempt per call.
///
/// # Errors
///
/// As [`ClientBuilder::build`](crate::ClientBuilder::build).
pub fn client(api_key: SecretString, pieces: Vec<Vec<u8>>) -> Result<KeysClient, Error> {
    let api_key = Arc::new(api_key);
    let node = Node::parse("http://127.0.0.1:1").map_err(|why| Error::configuration("node", why))?;
    let limit = Duration::from_secs(3600);
    let limits = Limits {
        timeout: limit,
        attempt_timeout: limit,
        connect_timeout: limit,
        retries: false,
        max_list_size: 64 * 1024,
    };
    Ok(KeysClient::new(Engine {
        nodes: Nodes::new(None, vec![node]),
        limits,
        clock: Box::new(SystemClock),
        sender: Box::new(fuzzing::http(Arc::clone(&api_key), pieces)?),
        api_key,
    }))
}
