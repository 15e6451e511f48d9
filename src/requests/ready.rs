//! Wait until the server responds, for scripts that start one.

use std::time::Duration;

use super::get;
use super::options::CallOptions;
use crate::engine::{Engine, NO_BODY};
use crate::error::Error;
use crate::key::KeyId;
use crate::operation::Operation;

/// Waits until a node serves requests, for at most `limit`.
pub(crate) fn wait_until_ready(engine: &Engine, limit: Duration) -> Result<(), Error> {
    let call = CallOptions { timeout: Some(limit), replicated_within: None }.call(engine)?;
    let mut failures = 0;
    loop {
        let failure = match call.send(Operation::Ready, NO_BODY, get::decode(KeyId::from(u32::MAX))) {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        // A server that is not ready says so before it looks at the key.
        if matches!(failure.last.typesense_status(), Some(401 | 404)) {
            return Ok(());
        }
        failures += 1;
        let error = Error::from(failure);
        if !error.is_retryable() || !call.pause(failures) {
            return Err(error);
        }
    }
}
