//! Protecting keys: what this crate does, what it logs, and what it does not promise.
//!
//! # What is done
//!
//! **ureq never gets a key.** ureq 3 writes requests and responses to the log at `trace`, and does not wipe its buffers. So it
//! composes requests without the key and without a body, and sees an empty response. A transport of this crate, which lies
//! between ureq and the connection (inside TLS), adds the key and the body, reads the response, and wipes its
//! buffers. A test searches every log record of a key's life at `trace` for any 6 bytes of the keys, as text and in
//! hexadecimal.
//!
//! **Nothing prints a key.** Values are [`SecretString`](crate::SecretString)s, read only by
//! [`expose_secret`](crate::ExposeSecret::expose_secret). The `Debug` of everything that holds one is redacted.
//! [`CreatedKey`](crate::CreatedKey) is neither `Clone` nor `Serialize`. Text from a server enters an error only
//! truncated to 200 characters, and with every 6 bytes of a known key masked by `*`: of the client's key, and of the value
//! of the new key that the request is about (in the lists of `apply`, of all its new keys). A word of 20 or more
//! letters and digits is masked, too, unless all are lower-case letters, all capitals or all digits: it may be a key that is
//! not known here. The same holds for text of yours that an error about an action, a collection or a field quotes. In the
//! texts of a listed key, `**[masked key]**` replaces the client's key and the new value if they are repeated there, whole
//! and with at least 16 bytes. Such a key is not rotated, because its texts cannot be copied. A new key may not contain
//! them, either, nor a shorter new value in its description.
//!
//! **Keys are wiped.** When a client and its results are dropped, no copy that this crate made remains in the memory of the
//! process. A test searches the memory of a process for them, over plain http, on Linux.
//!
//! **Keys travel encrypted.** `http://` to another host is refused unless
//! [`allow_plaintext`](crate::ClientBuilder::allow_plaintext) permits it. Certificates are always checked, and no setting
//! turns that off. Redirects are never followed. A proxy from the environment is used for https only, which it cannot read.
//! A [`proxy`](crate::ClientBuilder::proxy) that you set is also used for `http://` to another host, and can read it. A key
//! is sent in the header `X-TYPESENSE-API-KEY`, a new value in the body, and neither in a URL.
//!
//! **Keys cannot be guessed.** A generated value has 32 characters of `[A-Za-z0-9]` (190 bits) from the operating system's random
//! source, each equally likely. A value of your own must be longer than the 4 bytes that lists show, and
//! is otherwise accepted however weak it is.
//!
//! **A root is not kept.** A [`ValueRoot`](crate::ValueRoot) keeps the state of HMAC-SHA-256 after the root, which is as
//! secret, and wipes it. From a value, neither the root nor another value can be computed.
//!
//! **A hostile server is bounded.** Deadlines hold byte by byte. A response may have at most 1 MiB, an error response 64 KiB,
//! one listed key 1 MiB, and a list [`max_list_size`](crate::ClientBuilder::max_list_size), or four times that in memory.
//! Patterns from a server are evaluated in time that is bounded by the length of the name.
//!
//! # What is logged
//!
//! These records go through the [`log`](https://docs.rs/log) facade. None contains a key, a value or a body:
//!
//! | level | `typesense_keys` | `ureq`, `ureq_proto` | `rustls` |
//! |---|---|---|---|
//! | `warn` | a node failed and is set aside; a warning about a scoped key that is signed | | problems of a handshake |
//! | `debug` | the result of each failed attempt, and the next step | connections, methods, URLs, statuses, headers without the key | the handshake |
//! | `trace` | | heads without the key, in text and in hexadecimal; an empty response | messages of the handshake |
//!
//! If a logger calls the client that is logging, its call fails instead of blocking forever:
//! [`CalledFromLogger`](crate::Error::CalledFromLogger).
//!
//! # What is not promised
//!
//! * **Copies outside the process**: in the kernel, a swap file, a core dump or a debugger.
//! * **Copies that you make**: a `String` that becomes a key, an environment variable, what you do with `expose_secret`.
//! * **Copies of the TLS library**, which decrypts into buffers that are not ours to wipe. `cargo test --test process tls --
//!   --nocapture` counts them: in one run, 2 copies of 5 secrets after the calls of one thread, and 25 copies of
//!   41 secrets after those of several threads.
//! * **Unoptimized builds** can leave pieces of a key on the stack, if a server repeats the key in an error.
//! * **A key that a server encodes** neither as text nor as JSON is masked in an error only if it still looks like a key: 20
//!   or more letters and digits in a row, or escapes of them (`\u006b`, `%6b`, `&#107;`).
//! * **A key in the wrong place** is not recognized everywhere: in the path or the host of a node's or proxy's address, and
//!   in the `Debug` output of a request whose texts contain it. The parser of a file of specs may quote a member that has
//!   the wrong type. The cause of a TLS error may quote the names in a certificate.
//! * **The texts of listed keys** are not wiped: descriptions, actions, collections and the names of unknown members. A
//!   secret is in them only if somebody wrote it there, or a server repeats it.
//! * **The first four bytes of a value** are no secret: the server shows them in every list.
//!
//! # What you should do
//!
//! * Give a program a key with the `keys:…` actions that it needs, not the bootstrap key. Each method of
//!   [`KeysClient`](crate::KeysClient) names them. `keys:get` is needed not only to get keys, but also to delete one that was
//!   listed or created (`delete(&key)`, `prune`, replaced and expired keys), because it is requested first. `keys:create`
//!   leads to every right, because such a key can create one for `*`.
//! * Write a new value directly to where you keep secrets. The example `store` writes it to a file that only its owner can
//!   read, or to a pipe into a secret manager.
//! * Give keys an expiry, and audit all keys regularly: [`audit`](crate::KeyInfo::audit) reports what is too
//!   broad, never expires or allows nothing.
//! * If a key has leaked, find its id by [`list().prefix(value)`](crate::ListKeys::prefix), which keeps no more than four
//!   bytes of it, and [`rotate`](crate::KeysClient::rotate) or [`delete`](crate::KeysClient::delete) that key.
//! * Keep search-only keys secret: whoever holds one can read every collection of the server. Hand out scoped keys: see
//!   [`tenants`](super::tenants).
//!
//! # Reporting a weakness
//!
//! Report it to the maintainers in private, with the version and what you saw. Never send a real key.
