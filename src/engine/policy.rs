//! Which attempts may be repeated: the one table from an operation and the effect of an attempt to the next step.
//!
//! | effect of the attempt     | get, list  | create, value known | create, server-generated value | delete           |
//! |---------------------------|------------|---------------------|--------------------------------|------------------|
//! | not acted, rate limited   | repeat     | repeat              | repeat                         | repeat           |
//! | node unusable             | other node | other node          | other node                     | other node       |
//! | unknown                   | repeat     | repeat, in doubt    | stop, in doubt                 | repeat, in doubt |
//! | response unreadable       | stop       | stop, in doubt      | stop, in doubt                 | stop, in doubt   |
//! | refused: 409, in doubt    |            | already applied     |                                |                  |
//! | refused: 404, in doubt    |            |                     |                                | already applied  |
//! | refused: any other        | stop       | stop                | stop                           | stop             |
//!
//! In doubt: it is unknown whether the server acted on an earlier attempt of the same call. A doubt ends only when
//! the operation succeeds, or turns out to be already applied by an earlier attempt.

use crate::http::ServerEffect;
use crate::operation::Operation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Make another attempt, on the next node if there is one.
    Repeat { in_doubt: bool },
    /// Make another attempt, but not on this node.
    OtherNode,
    /// An earlier attempt carried out the operation.
    AlreadyApplied,
    /// Give up.
    Stop { in_doubt: bool },
}

/// `in_doubt`: the doubt that earlier attempts left. `typesense_status`: the status, if a Typesense server sent it.
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
