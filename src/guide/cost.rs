//! What the crate costs to build and to run, and how to measure it.
//!
//! # Crates
//!
//! | features | crates | what the feature adds |
//! |---|---:|---|
//! | none (`default-features = false`) | 41 | |
//! | `tls` (default) | 52 | rustls, ring (which needs a C compiler), Mozilla's root certificates |
//! | `native-roots` | 55 (on Linux) | the verifier of the operating system |
//! | `testing` | no more | |
//!
//! The figures include this crate and its build dependencies; continuous integration fails if the first two grow. To count
//! them:
//!
//! ```console
//! cargo tree -e normal,build --prefix none | sed 's/ (\*)//' | sort -u | wc -l
//! ```
//!
//! There is no async runtime and no OpenSSL. Of the 41 crates, 6 build the derive macros of serde and thiserror, which most
//! programs have already.
//!
//! # Calls
//!
//! The table compares this crate with raw [ureq](https://crates.io/crates/ureq) and serde_json, which keep no secrets,
//! know one node and repeat nothing, and with the official client, [typesense](https://crates.io/crates/typesense) 0.4. All
//! of them talked in turns to one 0.24.1 server on the same machine. Instructions and allocations are exact. Times are
//! medians from a small, busy machine, so only their ratios count.
//!
//! | | typesense-keys | raw ureq | typesense 0.4 | to raw ureq | to typesense |
//! |---|---:|---:|---:|---:|---:|
//! | get, instructions | 39,387 | 47,780 | 94,339 | 0.82 | 0.42 |
//! | get, allocations | 38 | 51 | 74 | 0.75 | 0.51 |
//! | get, CPU | 36 µs | 36 µs | 60 µs | 1.03 | 0.59 |
//! | create, instructions | 51,928 | 53,488 | 99,857 | 0.97 | 0.52 |
//! | create, allocations | 52 | 55 | 82 | 0.95 | 0.63 |
//! | create, CPU | 50 µs | 51 µs | 76 µs | 0.98 | 0.69 |
//! | list of 100,000 keys, CPU | 77 ms | 94 ms | 201 ms | 0.83 | 0.39 |
//! | stream of 100,000 keys, CPU | 50 ms | 89 ms | 190 ms | 0.57 | 0.26 |
//! | scoped key, CPU (raw: hmac, sha2, base64) | 1.4 µs | 0.9 µs | 0.5 µs | 1.66 | 2.68 |
//!
//! A call waits for the server far longer than it works: a get took 110 µs, a create 0.9 ms. ureq's own time limits cost a
//! thread for each request (97 µs of CPU for a get). Those of this crate, which are always on, do not.
//!
//! # Memory
//!
//! | a process that | typesense-keys | raw ureq | typesense 0.4 |
//! |---|---:|---:|---:|
//! | creates, gets and deletes a key | 3.4 MiB | 3.2 MiB | 11.5 MiB |
//! | lists 100,000 keys | 35.5 MiB | 62.3 MiB | 72.6 MiB |
//! | [streams](crate::ListKeys::stream) 100,000 keys | 3.3 MiB | 62.2 MiB | 72.7 MiB |
//!
//! A stream needs at most 256 KiB, however many keys there are.
//!
//! # Threads and connections
//!
//! A client starts no thread, except to look up a host name, and where many requests are sent, as by
//! [`create_many`](crate::KeysClient::create_many) or [`apply`](crate::plan::Plan::apply), one for each
//! [connection](crate::batch::SendMany::connections) (4 by default). Connections stay open between calls, up to 16 idle ones
//! for each node, and clones of a client share them. So build one client and clone it.
//!
//! # Large installations
//!
//! The server has no pages and no filters, so each `list`, each `ensure`, and each lookup after a lost response
//! receives all keys. To ensure many keys, use a [`plan`](crate::KeysClient::plan), which lists once for all of them. A
//! `list` of more than 64 MiB, some 300,000 keys, needs a larger [`max_list_size`](crate::ClientBuilder::max_list_size)
//! or a stream.
//!
//! # How to measure
//!
//! On Linux, in a clone of the repository:
//!
//! | command | measures |
//! |---|---|
//! | `cargo bench --manifest-path benches/peers/Cargo.toml` | calls, threads, scoped keys, lists, and short processes, beside the peers |
//! | the same with `-- instructions` | instructions of a get and of a create (needs valgrind) |
//! | the same with `-- build` | processor time of debug and release builds, and the size of a program, with and without TLS (takes minutes) |
//! | `cargo bench --bench list` | time and memory of a list of 1,000,000 keys, whole and streamed |
//! | `cargo bench --bench plan` | time and memory of a plan for 20,000 keys, and how fast one creates 2,000 |
//!
//! The benchmark with the peers starts a real server, whose binary `TYPESENSE_SERVER_BIN` names.
