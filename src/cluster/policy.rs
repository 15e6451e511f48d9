//! What may be repeated: the one table from an operation, and what came of an attempt at it, to what is done next.
//!
//! | what came of it         | get, list | create, value known | create, value drawn by the server | delete  |
//! |-------------------------|-----------|---------------------|-----------------------------------|---------|
//! | not acted, limited      | repeat    | repeat              | repeat                            | repeat  |
//! | this node is hopeless   | other node| other node          | other node                        | other node |
//! | unknown                 | repeat    | repeat, in doubt    | stop, in doubt                    | repeat, in doubt |
//! | acted, reply unreadable | stop      | stop, in doubt      | stop, in doubt                    | stop, in doubt |
//! | 409, in doubt           |           | settled             |                                   |         |
//! | 404, in doubt           |           |                     |                                   | settled |
//! | any other refusal       | stop      | stop                | stop                              | stop    |
//!
//! In doubt: since an earlier attempt at the same call, it is unknown whether the server acted. A doubt ends only
//! when the operation succeeds or is settled: an earlier attempt turns out to have done it.

use crate::http::Fate;
use crate::operation::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again, on the next node if there is one.
    Repeat { in_doubt: bool },
    /// Try again, but not on this node.
    OtherNode,
    /// An earlier attempt did it.
    Settled,
    /// Give up.
    Stop { in_doubt: bool },
}

/// `in_doubt`: as earlier attempts have left it. `verdict`: the status, if it is the server's own.
pub(super) fn next(operation: Operation, fate: Fate, verdict: Option<u16>, in_doubt: bool) -> Next {
    let is_write = matches!(operation, Operation::Create { .. } | Operation::Delete(_));
    match fate {
        Fate::NotActed | Fate::Limited => Next::Repeat { in_doubt },
        Fate::Hopeless => Next::OtherNode,
        Fate::Unknown if operation == (Operation::Create { repeatable: false }) => Next::Stop { in_doubt: true },
        Fate::Unknown => Next::Repeat { in_doubt: is_write },
        Fate::Garbled => Next::Stop { in_doubt: is_write },
        Fate::Refused => match (operation, verdict) {
            (Operation::Create { repeatable: true }, Some(409)) if in_doubt => Next::Settled,
            (Operation::Delete(_), Some(404)) if in_doubt => Next::Settled,
            _ => Next::Stop { in_doubt },
        },
    }
}
