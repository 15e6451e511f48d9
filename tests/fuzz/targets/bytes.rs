//! Any bytes as a response, in pieces of any length: nothing panics, buffers are bounded, and ureq sees the status
//! only. If ureq alone also accepts the response, it reads the same status and body.

#![no_main]

#[path = "shared.rs"]
mod shared;

use libfuzzer_sys::fuzz_target;
use typesense_keys::fuzzing::dissect;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error, config::Config};

fuzz_target!(|data: &[u8]| {
    let [count, data @ ..] = data else { return };
    let (lengths, bytes) = data.split_at(data.len().min(usize::from(count % 8)));
    let dissected = dissect(&shared::cut(bytes, lengths));
    let status = shared::check_shown(&dissected);
    // The lengths of the pieces do not matter.
    let whole = dissect(&shared::cut(bytes, &[]));
    assert_eq!((&whole.payload, whole.is_refused), (&dissected.payload, dissected.is_refused));
    if let (Some(payload), Some((theirs, body))) = (&dissected.payload, read_by_ureq(bytes)) {
        assert_eq!(status, Some(theirs));
        assert_eq!(*payload, body);
    }
});

/// Status and body, if ureq can read them without our transport.
fn read_by_ureq(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let config = config.max_redirects_will_error(false).proxy(None).build();
    let agent = Agent::with_parts(config, Plain(bytes.to_vec()), Anywhere);
    let mut response = agent.get("http://localhost/").call().ok()?;
    let body = response.body_mut().read_to_vec().ok()?;
    Some((response.status().as_u16(), body))
}

#[derive(Debug)]
struct Anywhere;

impl Resolver for Anywhere {
    fn resolve(&self, _: &ureq::http::Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut addrs = self.empty();
        addrs.push(([127, 0, 0, 1], 1).into());
        Ok(addrs)
    }
}

/// Connects to a server that sends these bytes at once.
#[derive(Debug)]
struct Plain(Vec<u8>);

impl Connector for Plain {
    type Out = Arrived;

    fn connect(&self, _: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Arrived>, Error> {
        Ok(Some(Arrived { buffers: LazyBuffers::new(64 * 1024, 1024), bytes: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Arrived {
    buffers: LazyBuffers,
    bytes: Vec<u8>,
}

impl Transport for Arrived {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let count = self.bytes.len().min(room.len());
        room[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes.drain(..count);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}
