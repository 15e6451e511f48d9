//! The options of a call and the settings of a new key, with the methods that set them.

use std::time::Duration;

use crate::action::Action;
use crate::collection::CollectionPattern;
use crate::engine::{Call, Engine};
use crate::error::Error;
use crate::expiry::Expires;
use crate::text::InvalidInput;

/// The time limits of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CallOptions {
    pub(super) timeout: Option<Duration>,
    /// How long to wait until every node knows the result.
    pub(super) replicated_within: Option<Duration>,
}

impl CallOptions {
    /// Begins a call with these limits.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if a limit is zero, which would leave the call no chance.
    pub(super) fn call<'a>(&self, engine: &'a Engine) -> Result<Call<'a>, Error> {
        let why = "is zero, which leaves the call no chance: leave it out";
        for (field, limit) in [("timeout", self.timeout), ("wait_for_replication", self.replicated_within)] {
            Error::invalid_if(limit == Some(Duration::ZERO), field, why)?;
        }
        Ok(engine.call(self.timeout))
    }
}

/// The settings of a new key apart from its value, before they are checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct KeySettings {
    pub(super) description: String,
    pub(super) actions: Vec<Action>,
    pub(super) collections: Vec<CollectionPattern>,
    /// The first text that is no action or collection pattern. Sending the request reports it.
    pub(super) invalid: Option<InvalidInput>,
    pub(super) expiry: Option<Expires>,
    pub(super) autodelete: Option<bool>,
}

/// Adds `items`, or what is wrong with the first of them that is invalid.
pub(super) fn add<T>(
    items: impl IntoIterator<Item: TryInto<T, Error: Into<InvalidInput>>>,
    list: &mut Vec<T>,
    invalid: &mut Option<InvalidInput>,
) {
    for item in items {
        match item.try_into() {
            Ok(item) => list.push(item),
            Err(error) => {
                invalid.get_or_insert_with(|| error.into());
            }
        }
    }
}

// The methods of the requests. Each macro stands in an `impl` of a type, whose methods are in the order of their use.

/// The methods that set a key's scope, of a type with a field `settings`.
macro_rules! scope_methods {
    () => {
        /// Adds [`Action`](crate::Action)s that the key allows. Text such as `"documents:search"` is accepted and
        /// checked; sending the request reports a failed check.
        pub fn actions<I>(mut self, actions: I) -> Self
        where
            I: IntoIterator,
            I::Item: TryInto<crate::action::Action, Error: Into<crate::text::InvalidInput>>,
        {
            crate::requests::options::add(actions, &mut self.settings.actions, &mut self.settings.invalid);
            self
        }

        /// Adds collections that the key is limited to: [`CollectionPattern`](crate::CollectionPattern)s, or text
        /// such as `"docs"`, `"*"` for all collections, or `"exact:a.b"`. Text is checked; sending the request
        /// reports a failed check.
        pub fn collections<I>(mut self, collections: I) -> Self
        where
            I: IntoIterator,
            I::Item: TryInto<crate::collection::CollectionPattern, Error: Into<crate::text::InvalidInput>>,
        {
            crate::requests::options::add(collections, &mut self.settings.collections, &mut self.settings.invalid);
            self
        }
    };
}

/// The method that sets a key's value, of a type with a field `value`.
macro_rules! value_method {
    () => {
        /// Sets the key's value, for example to move an existing key to this server. Defaults to a value that
        /// this crate generates.
        ///
        /// It must have 5 to 4096 bytes that an HTTP header can carry; lists show the first 4. Its strength is not
        /// checked. The server refuses the value of another key ([`Error::Conflict`](crate::Error::Conflict)). A
        /// program that runs repeatedly with the same value uses [`ensure`](crate::KeysClient::ensure), which
        /// returns the key of an earlier run.
        pub fn value(mut self, value: impl Into<secrecy::SecretString>) -> Self {
            self.value = crate::requests::value::KeyValue::Provided(value.into());
            self
        }
    };
}

/// The method that derives a key's value, of a type with a field `value`.
macro_rules! derived_value_method {
    () => {
        /// Derives the key's value from a root secret, a label and a generation, so that no value has to be stored:
        /// see [`ValueRoot`](crate::ValueRoot). If an earlier process has created the key, the request returns it.
        ///
        /// The label belongs to this key alone, for example as its description. The first generation is 1. Sending
        /// the request reports a label that is empty, and a generation that is 0 or whose value begins as that of an
        /// earlier one.
        ///
        /// Do not use a generation again whose key was deleted: the value would work again.
        pub fn derived_value(
            mut self,
            root: &crate::value_root::ValueRoot,
            label: impl Into<String>,
            generation: u32,
        ) -> Self {
            let derived = crate::value_root::DerivedValue::new(root, label.into(), generation);
            self.value = crate::requests::value::KeyValue::Derived(derived);
            self
        }
    };
}

/// The methods that set a key's expiry. `$expiry`: the field.
macro_rules! expiry_methods {
    ($($expiry:ident).+, $default:literal) => {
        #[doc = concat!(
            "When the key stops working, by the server's clock: in the future, and in the year 9999 at the latest, or \
             never. Defaults to ",
            $default, "."
        )]
        pub fn expires_at(mut self, expiry: impl Into<crate::expiry::Expiry>) -> Self {
            self.$($expiry).+ = Some(crate::expiry::Expires::At(expiry.into()));
            self
        }

        #[doc = concat!(
            "How long after the request is checked (by `send` or `prepare`) the key stops working, rounded up to a \
             whole second. Defaults to ",
            $default, "."
        )]
        ///
        /// The expiry is computed with the local clock and checked with the server's: if the local clock is
        /// behind by more than `duration`, the key never works.
        pub fn expires_in(mut self, duration: std::time::Duration) -> Self {
            self.$($expiry).+ = Some(crate::expiry::Expires::In(duration));
            self
        }
    };
}

/// The method that sets what becomes of an expired key, of a type with a field `settings`.
macro_rules! autodelete_method {
    () => {
        /// Whether the server deletes the key after its expiry. Defaults to the server's default: no.
        ///
        /// Servers know this setting from v26.0 on and apply it from v27.0 on; older servers ignore it. For
        /// about an hour, nodes may [disagree](crate::guide::server_versions#expired-keys) about an expired key.
        ///
        /// `true` cannot be combined with a given value: to create that value again during this hour could make
        /// later deletes remove different keys on different nodes. So a later process cannot complete an
        /// interrupted request either.
        pub fn autodelete(mut self, autodelete: bool) -> Self {
            self.settings.autodelete = Some(autodelete);
            self
        }
    };
}

/// The method for renewals, of a type with the field `$renew_before`.
macro_rules! renewal_method {
    ($($renew_before:ident).+) => {
        /// If the key expires within `duration`, by the local clock, a new one is created beside it. Nothing is
        /// deleted: the old key ends by itself, and is deleted by a run more than a day later. Of several keys,
        /// one that does not expire within `duration` is kept, such as the new one of a
        /// [rotation](crate::RotateKey::keep_old) that has kept the old one.
        ///
        /// For keys with `expires_in`, which must be longer by more than five minutes, because clocks differ.
        ///
        /// Of a key with a derived or stored value, the value cannot be created again. So the result is
        /// [`Error::Drift`](crate::Error::Drift), which advises a higher generation or another value. With a higher
        /// generation, the new key is created beside the one that expires soon.
        pub fn renew_before(mut self, duration: std::time::Duration) -> Self {
            self.$($renew_before).+ = Some(duration);
            self
        }
    };
}

/// The method for a call's timeout, of a type with a field `options`.
macro_rules! timeout_method {
    () => {
        /// Limits the whole call, with all attempts and the pauses between them, but without a wait for replication.
        /// Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
        pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
            self.options.timeout = Some(timeout);
            self
        }
    };
}

/// The methods for a call that may wait for replication, of a type with a field `options`. `$done` completes "After …".
macro_rules! call_methods {
    ($done:literal) => {
        #[doc = concat!("After ", $done, " on every node of the client, for at most `limit`. Needs `keys:get`.")]
        ///
        /// Defaults to no wait: nodes that lag learn of the change a moment later.
        pub fn wait_for_replication(mut self, limit: std::time::Duration) -> Self {
            self.options.replicated_within = Some(limit);
            self
        }

        timeout_method!();
    };
}
