//! Which attempts may be repeated: the one table from an operation and the effect of an attempt to the next step.
//! [`guide::retries`](crate::guide::retries#what-may-be-repeated) shows it; a test compares.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyId;

    /// Those of each column.
    fn operations() -> [Vec<Operation>; 4] {
        [
            vec![Operation::Get(KeyId::from(7)), Operation::List],
            vec![Operation::Create { repeatable: true }],
            vec![Operation::Create { repeatable: false }],
            vec![Operation::Delete(KeyId::from(7))],
        ]
    }

    /// The rows of the guide's table that are about an effect, in their order.
    const EFFECTS: [ServerEffect; 6] = [
        ServerEffect::NotActed,
        ServerEffect::RateLimited,
        ServerEffect::NotActed,
        ServerEffect::NodeUnusable,
        ServerEffect::Unknown,
        ServerEffect::ResponseUnreadable,
    ];

    #[test]
    fn guide_shows_what_is_repeated() {
        let guide = include_str!("../guide/retries.rs");
        let (_, table) = guide.split_once("//! | an attempt ended |").unwrap();
        let rows: Vec<Vec<&str>> = table
            .lines()
            .skip(2)
            .map_while(|line| Some(line.strip_prefix("//! |")?.split('|').map(str::trim).collect()))
            .collect();
        let cells = |row: usize| operations().into_iter().zip(&rows[row][1..]);
        for (row, effect) in EFFECTS.into_iter().enumerate() {
            for (operations, cell) in cells(row) {
                for operation in operations {
                    let expected = match (next(operation, effect), leaves_doubt(operation, effect)) {
                        (Next::Repeat, false) => "repeat",
                        (Next::Repeat, true) => "repeat, in doubt",
                        (Next::OtherNode, _) => "other nodes only",
                        (Next::Stop, true) => "[`OutcomeUnknown`]",
                        (Next::Stop, false) => "error",
                    };
                    assert_eq!(*cell, expected, "{operation:?} after {effect:?}");
                }
            }
        }
        for (row, status) in [(EFFECTS.len(), 409), (EFFECTS.len() + 1, 404)] {
            assert!(rows[row][0].contains(&status.to_string()), "{:?}", rows[row]);
            for (operations, cell) in cells(row) {
                for operation in operations {
                    assert_eq!(
                        cell.starts_with("**done**"),
                        is_already_applied(operation, Some(status)),
                        "{operation:?}"
                    );
                }
            }
        }
        assert_eq!(rows.len(), EFFECTS.len() + 3);
        assert!(cells(EFFECTS.len() + 2).all(|(_, cell)| cell.starts_with("error")));
    }
}
