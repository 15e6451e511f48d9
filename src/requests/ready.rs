//! Wait until the server responds, for scripts that start one.

use std::time::Duration;

use super::get::get;
use super::options::CallOptions;
use crate::engine::Engine;
use crate::error::Error;
use crate::key::KeyId;

/// Waits until a node serves requests, for at most `limit`.
pub(crate) fn wait_until_ready(engine: &Engine, limit: Duration) -> Result<(), Error> {
    let call = CallOptions { timeout: Some(limit), replicated_within: None }.call(engine)?;
    let mut failures = 0;
    loop {
        // The cheapest request that a server which is not ready refuses. Not an id that a key is likely to have: a server
        // never responds to a request for a key whose prefix it cannot show.
        match get(call, KeyId::from(u32::MAX)) {
            Ok(_) | Err(Error::NotFound { .. } | Error::Unauthorized(_)) => return Ok(()),
            Err(error) if error.is_retryable() => {
                failures += 1;
                if !call.pause(failures) {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
}
