//! The operations of the model's courses, and the keys that exist before them.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::time::Duration;

use super::model::{Entry, NEVER, exposed, generate_next};
use crate::client::KeysClient;
use crate::error::Error;
use crate::key::{CreatedKey, KeyId};
use crate::requests::plan::applied::Done;
use crate::requests::{Applied, ApplyEvent, EnsuredKey, KeySpec, PreparedRotation};
use crate::secret::tests::Random;

/// In the form of a generated value, so that it may also be a stored one.
pub(super) const VALUE: &str = "abcdWanted0000000000000000000000";
/// What is generated where the stored one is not used.
pub(super) const ANOTHER_VALUE: &str = "yyyyGenerated0000000000000000000";
const ALIKE: &str = "abcd-other";
const UNLIKE: &str = "zzzz-other";
pub(super) const DOCS: &str = r#"["docs"]"#;
const DAY: u64 = 86_400;
const HOUR: Duration = Duration::from_secs(3600);

thread_local! {
    /// After how many calls the caller's function panics.
    pub(super) static CALLBACK_PANICS_AT: Cell<Option<usize>> = const { Cell::new(None) };
    /// The rotation that this run has sent.
    pub(super) static ROTATION: RefCell<Option<PreparedRotation>> = const { RefCell::new(None) };
    /// The values that the caller's function was told.
    pub(super) static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The function that a caller gives to `apply_with`.
fn report(event: ApplyEvent<'_>) -> ControlFlow<()> {
    if let ApplyEvent::Created(key) = event {
        REPORTED.with_borrow_mut(|values| values.extend(exposed(Some(&key.value))));
    }
    match CALLBACK_PANICS_AT.take() {
        Some(0) => resume_unwind(Box::new("the callback")),
        Some(calls) => CALLBACK_PANICS_AT.set(Some(calls - 1)),
        None => {}
    }
    ControlFlow::Continue(())
}

/// An operation with every option that changes what it creates or deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Create {
        value: Value,
    },
    /// With the value that an earlier process has stored.
    Complete {
        expires_in_an_hour: bool,
    },
    Delete,
    /// Of key 0.
    Rotate(Rotate),
    Ensure(Ensure),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rotate {
    pub(super) value: Value,
    pub(super) keep_old: bool,
    /// Whether key 0 is given as it was listed before, and not by its id.
    pub(super) by_key: bool,
}

pub(super) const ROTATE: Rotate = Rotate { value: Value::Generated, keep_old: false, by_key: false };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ensure {
    pub(super) value: Value,
    pub(super) replace_on_drift: bool,
    pub(super) expires_in_an_hour: bool,
    /// By `plan` and `apply`.
    pub(super) planned: bool,
}

pub(super) const ENSURE: Ensure =
    Ensure { value: Value::Generated, replace_on_drift: false, expires_in_an_hour: false, planned: false };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Generated,
    /// By an earlier process.
    Stored,
    Provided,
    /// That of key 0.
    OfKey0,
    ServerGenerated,
}

pub(super) const OPERATIONS: [Operation; 28] = [
    Operation::Create { value: Value::Generated },
    Operation::Create { value: Value::Provided },
    Operation::Create { value: Value::ServerGenerated },
    Operation::Complete { expires_in_an_hour: false },
    Operation::Complete { expires_in_an_hour: true },
    Operation::Delete,
    Operation::Rotate(ROTATE),
    Operation::Rotate(Rotate { keep_old: true, ..ROTATE }),
    Operation::Rotate(Rotate { by_key: true, ..ROTATE }),
    Operation::Rotate(Rotate { value: Value::Provided, ..ROTATE }),
    Operation::Rotate(Rotate { value: Value::OfKey0, ..ROTATE }),
    Operation::Rotate(Rotate { value: Value::Stored, ..ROTATE }),
    Operation::Rotate(Rotate { value: Value::Stored, by_key: true, ..ROTATE }),
    Operation::Rotate(Rotate { value: Value::Stored, by_key: true, keep_old: true }),
    Operation::Ensure(ENSURE),
    Operation::Ensure(Ensure { replace_on_drift: true, ..ENSURE }),
    Operation::Ensure(Ensure { expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, replace_on_drift: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Provided, expires_in_an_hour: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::OfKey0, ..ENSURE }),
    Operation::Ensure(Ensure { planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { expires_in_an_hour: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { replace_on_drift: true, expires_in_an_hour: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Stored, replace_on_drift: true, planned: true, ..ENSURE }),
    Operation::Ensure(Ensure { value: Value::Stored, expires_in_an_hour: true, planned: true, ..ENSURE }),
];

/// A key that exists before, as it differs from the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Before {
    SameValue,
    SameValueUnlisted,
    Alike,
    Unlike,
    Drifted,
    DriftedAlike,
    OtherDescriptionSameValue,
    OtherDescriptionAlike,
    /// Works for half an hour more.
    EndsSoon,
    EndsSoonSameValue,
    ExpiredAnHourAgo,
    ExpiredTwoDaysAgo,
    ExpiredAlike,
    ExpiredSameValue,
}

pub(super) const BEFORE: [Before; 14] = [
    Before::SameValue,
    Before::SameValueUnlisted,
    Before::Alike,
    Before::Unlike,
    Before::Drifted,
    Before::DriftedAlike,
    Before::OtherDescriptionSameValue,
    Before::OtherDescriptionAlike,
    Before::EndsSoon,
    Before::EndsSoonSameValue,
    Before::ExpiredAnHourAgo,
    Before::ExpiredTwoDaysAgo,
    Before::ExpiredAlike,
    Before::ExpiredSameValue,
];

impl Before {
    /// The key with this id, at this time by the server's clock.
    pub(super) fn entry(self, id: u32, now: u64) -> Entry {
        let value = match self {
            Self::SameValue
            | Self::SameValueUnlisted
            | Self::OtherDescriptionSameValue
            | Self::EndsSoonSameValue
            | Self::ExpiredSameValue => VALUE,
            Self::Alike | Self::DriftedAlike | Self::OtherDescriptionAlike | Self::ExpiredAlike => ALIKE,
            _ => UNLIKE,
        };
        let is_drifted = matches!(self, Self::Drifted | Self::DriftedAlike);
        let is_other = matches!(self, Self::OtherDescriptionSameValue | Self::OtherDescriptionAlike);
        Entry {
            id,
            // The value that is the same exists once; others differ beyond their prefix.
            value: if value == VALUE { value.to_owned() } else { format!("{value}-{id}") },
            description: if is_other { "shop" } else { "docs" }.to_owned(),
            actions: r#"["documents:search"]"#.to_owned(),
            collections: if is_drifted { r#"["docs","blog"]"# } else { DOCS }.to_owned(),
            expires_at: match self {
                Self::EndsSoon | Self::EndsSoonSameValue => now + 1800,
                Self::ExpiredAnHourAgo | Self::ExpiredAlike | Self::ExpiredSameValue => now - 3600,
                Self::ExpiredTwoDaysAgo => now - 2 * DAY,
                _ => NEVER,
            },
            is_listed: self != Self::SameValueUnlisted,
        }
    }
}

/// What an operation has told its caller.
pub(super) enum Told {
    Key(KeyId, Option<String>),
    Ensured(EnsuredKey),
    Deleted,
    Error(Error),
    /// The call panicked, after the caller was told these values.
    Panicked(Vec<String>),
}

impl Operation {
    /// Runs it. `random`: what the random source does for it.
    pub(super) fn run(self, client: &KeysClient, key0: Option<&Entry>, random: Random) -> Told {
        generate_next(random);
        let value_of = |value| match key0 {
            Some(key0) if value == Value::OfKey0 => key0.value.clone(),
            _ => VALUE.to_owned(),
        };
        let created = |result: Result<CreatedKey, Error>| match result {
            Ok(key) => Told::Key(key.id, exposed(Some(&key.value))),
            Err(error) => Told::Error(error),
        };
        let request = || client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
        match self {
            Self::Create { value: Value::Generated } => created(request().send()),
            Self::Create { value: Value::ServerGenerated } => created(request().server_generated().send()),
            Self::Create { value } => created(request().value(value_of(value)).send()),
            Self::Complete { expires_in_an_hour: false } => created(request().stored_value(VALUE).send()),
            Self::Complete { expires_in_an_hour: true } => {
                created(request().stored_value(VALUE).expires_in(HOUR).send())
            }
            Self::Delete => match client.delete(0).send() {
                Ok(_) => Told::Deleted,
                Err(error) => Told::Error(error),
            },
            Self::Rotate(Rotate { value, keep_old, by_key }) => {
                let request = match key0 {
                    Some(key0) if by_key => client.rotate(key0.info()),
                    _ => client.rotate(0),
                };
                let request = match value {
                    Value::Generated => request,
                    Value::Stored => request.stored_value(VALUE),
                    value => request.value(value_of(value)),
                };
                match request.keep_old(keep_old).prepare() {
                    Err(error) => Told::Error(error),
                    Ok(rotation) => {
                        let told = created(rotation.send());
                        ROTATION.set(Some(rotation));
                        told
                    }
                }
            }
            Self::Ensure(ensure) => match ensure.run(client, value_of(ensure.value), random) {
                Ok(ensured) => Told::Ensured(ensured),
                Err(error) => Told::Error(error),
            },
        }
    }

    pub(super) fn uses(self, value: Value) -> bool {
        match self {
            Self::Create { value: used }
            | Self::Rotate(Rotate { value: used, .. })
            | Self::Ensure(Ensure { value: used, .. }) => used == value,
            Self::Complete { .. } => value == Value::Stored,
            Self::Delete => false,
        }
    }

    pub(super) fn needs_key0(self) -> bool {
        self.uses(Value::OfKey0) || matches!(self, Self::Rotate(Rotate { by_key: true, .. }))
    }

    /// Whether an earlier process may have created the key.
    pub(super) fn is_completion(self) -> bool {
        matches!(self, Self::Complete { .. } | Self::Rotate(Rotate { value: Value::Stored, .. }))
    }

    pub(super) fn expires_in_an_hour(self) -> bool {
        match self {
            Self::Complete { expires_in_an_hour } | Self::Ensure(Ensure { expires_in_an_hour, .. }) => {
                expires_in_an_hour
            }
            Self::Create { .. } | Self::Delete | Self::Rotate(_) => false,
        }
    }
}

/// The result for the only spec.
pub(super) fn only(Applied(mut results): Applied) -> Result<EnsuredKey, Error> {
    match results.pop().and_then(|(_, result)| result) {
        Some(Ok(Done::Ensured(key))) => Ok(*key),
        Some(Err(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

impl Ensure {
    fn run(self, client: &KeysClient, value: String, random: Random) -> Result<EnsuredKey, Error> {
        let Self { value: source, replace_on_drift, expires_in_an_hour, planned } = self;
        if planned {
            let mut spec = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]);
            if expires_in_an_hour {
                spec = spec.expires_in(HOUR);
            }
            if let (Value::Stored, Random::Gives(_)) = (source, random) {
                generate_next(Random::Gives(ANOTHER_VALUE));
            }
            let stored = |_: &str| (source == Value::Stored).then(|| VALUE.into());
            let plan = client.plan([spec]).replace_on_drift(replace_on_drift).stored_values(stored).send();
            let applied = plan.and_then(|plan| plan.apply_with(|progress| report(progress.event)));
            return applied.and_then(only);
        }
        let mut request = client.ensure("docs").actions(["documents:search"]).collections(["docs"]);
        if expires_in_an_hour {
            request = request.expires_in(HOUR);
        }
        if source != Value::Generated {
            request = request.value(value);
        }
        request.replace_on_drift(replace_on_drift).send()
    }
}
