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

use crate::http::ServerEffect;
use crate::operation::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again, on the next node if there is one.
    Repeat { in_doubt: bool },
    /// Try again, but not on this node.
    OtherNode,
    /// An earlier attempt did it.
    AlreadyApplied,
    /// Give up.
    Stop { in_doubt: bool },
}

/// `in_doubt`: as earlier attempts have left it. `typesense_status`: the status, if it is the server's own.
pub(super) fn next(
    operation: Operation,
    effect: ServerEffect,
    typesense_status: Option<u16>,
    in_doubt: bool,
) -> Next {
    let is_write = matches!(operation, Operation::Create { .. } | Operation::Delete(_));
    match effect {
        ServerEffect::NotActed | ServerEffect::RateLimited => Next::Repeat { in_doubt },
        ServerEffect::NodeUnusable => Next::OtherNode,
        ServerEffect::Unknown if operation == (Operation::Create { repeatable: false }) => {
            Next::Stop { in_doubt: true }
        }
        ServerEffect::Unknown => Next::Repeat { in_doubt: is_write },
        ServerEffect::ResponseUnreadable => Next::Stop { in_doubt: is_write },
        ServerEffect::Refused => match (operation, typesense_status) {
            (Operation::Create { repeatable: true }, Some(409)) if in_doubt => Next::AlreadyApplied,
            (Operation::Delete(_), Some(404)) if in_doubt => Next::AlreadyApplied,
            _ => Next::Stop { in_doubt },
        },
    }
}
