//! What the integration tests share: real Typesense servers as values, a raw HTTP client, a server that follows a
//! script, and a harness that can ignore a test while it runs.
//!
//! ```text
//! harness::run(&[("a_test", a_test)])      one server for a whole test binary Server::obtain() / Server::start_tls(..)
//! a server; dropping it ends it Cluster::start()                         three nodes, to be killed, stopped and
//! restarted faulty::echo(..) / lossy(..)             servers and proxies that misbehave on demand capture::Log,
//! scan::Scanner              all log records, and a search for secrets Scripted::start(|peer| ..) a server that
//! follows a script, byte by byte time::with_enough_time(..)               a short timeout, and a longer one on a busy
//! machine
//! ```

// Each test program uses only a part of this module.
#![allow(dead_code, unused_imports, unreachable_pub)]
// A panic here fails the test and shows the reason.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod binary;
pub mod capture;
mod cluster;
pub mod example;
pub mod faulty;
pub mod harness;
mod process;
pub mod proxy;
mod random;
pub mod raw;
pub mod scan;
pub mod scripted;
mod tap;
pub mod time;
mod tls;
mod typesense;

pub use binary::{Unavailable, find as find_server_binary};
pub use cluster::{Cluster, Node};
pub use process::{free_ports, fresh_directory};
pub use random::{Random, random_text};
pub use scripted::{Peer, Scripted};
pub use tap::Tap;
pub use tls::{Identity, TestCa};
pub use typesense::Server;
