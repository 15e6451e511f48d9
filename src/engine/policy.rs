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
    Repeat,
    /// Make another attempt, but not on this node.
    OtherNode,
    /// Make no other attempt.
    Stop,
}

pub(super) fn next(operation: Operation, effect: ServerEffect) -> Next {
    match effect {
        ServerEffect::NotActed | ServerEffect::RateLimited => Next::Repeat,
        ServerEffect::NodeUnusable => Next::OtherNode,
        ServerEffect::Unknown if operation == (Operation::Create { repeatable: false }) => Next::Stop,
        ServerEffect::Unknown => Next::Repeat,
        ServerEffect::ResponseUnreadable | ServerEffect::Refused => Next::Stop,
    }
}

/// Whether the attempt leaves a doubt.
pub(super) fn leaves_doubt(operation: Operation, effect: ServerEffect) -> bool {
    let is_write = matches!(operation, Operation::Create { .. } | Operation::Delete(_));
    is_write && matches!(effect, ServerEffect::Unknown | ServerEffect::ResponseUnreadable)
}

/// Whether a doubt ends with this status of a Typesense server: an earlier attempt carried out the operation.
pub(super) fn is_already_applied(operation: Operation, typesense_status: Option<u16>) -> bool {
    match operation {
        Operation::Create { repeatable: true } => typesense_status == Some(409),
        Operation::Delete(_) => typesense_status == Some(404),
        Operation::Create { repeatable: false } | Operation::Get(_) | Operation::List | Operation::Ready => false,
    }
}
