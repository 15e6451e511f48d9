//! What a request has in common with the others that a batch can send.

use std::fmt::Debug;

use super::lookup::{Created, Sent};
use crate::engine::{Call, Engine};
use crate::error::Error;

/// A checked request that a [`SendMany`](super::SendMany) can send.
pub(crate) trait BatchItem<T>: Debug + Send + Sync {
    /// Begins a call of `engine`, which may belong to another client. Its errors do not show the value of the key.
    fn begin<'a>(&'a self, engine: &'a Engine) -> Result<Call<'a>, Error>;

    /// Sends the request.
    fn send_in(&self, call: Call<'_>) -> Result<Sent<T>, Error>;

    /// Continues once the key of the request is created or found, or has failed to be.
    fn proceed(&self, call: Call<'_>, created: Result<Sent<Created>, Error>) -> Result<Sent<T>, Error>;

    /// Notes that the request has failed, before it is sent again.
    fn failed(&mut self, _: &Error) {}

    /// Sends the request by itself, and looks for its key if that is needed.
    fn send_alone(&self, engine: &Engine) -> Result<T, Error> {
        let call = self.begin(engine)?;
        let mut sent = self.send_in(call)?;
        loop {
            sent = match sent {
                Sent::Done(result) => return Ok(result),
                Sent::ToFind(lookup) => self.proceed(call, lookup.find(call).map(Sent::Done))?,
            };
        }
    }
}
