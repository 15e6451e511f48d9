//! A real server, which is found and started as in the tests.

use std::net::Ipv4Addr;
use std::time::Duration;

use tempfile::TempDir;

#[path = "../../../../tests/support"]
#[allow(dead_code, unreachable_pub, reason = "only a part is used here")]
mod support {
    pub mod binary;
    pub mod process;
    pub mod raw;
    pub mod time;
}

pub(crate) use self::support::process::fresh_directory;
use self::support::process::{Process, Setup, free_ports};
use self::support::{binary, raw};

/// A server without data. It stops when the value is dropped, or when the thread that started it ends.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) key: String,
    // Dropped in this order: the process ends before its directory is removed.
    _process: Process,
    _directory: TempDir,
}

impl Server {
    pub(crate) fn start() -> Result<Server, String> {
        let directory = fresh_directory();
        let [api_port, peering_port] = free_ports().map_err(|error| error.to_string())?;
        let setup = Setup {
            binary: binary::find().map_err(|error| error.to_string())?,
            directory: directory.path().to_owned(),
            api_key: "an-admin-key-of-thirty-two-chars".to_owned(),
            api_port,
            peering_port,
            more: Vec::new(),
        };
        let health = raw::Request::new("GET", "/health");
        let ask = || health.send((Ipv4Addr::LOCALHOST, api_port), Duration::from_secs(5));
        let mut process = Process::spawn(&setup).map_err(|error| error.to_string())?;
        match process.becomes_healthy(|| ask().is_ok_and(|response| response.status == 200)) {
            Ok(true) => Ok(Server {
                url: format!("http://127.0.0.1:{api_port}"),
                key: setup.api_key,
                _process: process,
                _directory: directory,
            }),
            failed => Err(format!("it did not become healthy: {failed:?}\n{}", setup.log())),
        }
    }
}
