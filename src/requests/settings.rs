//! The settings of a key that is to be made, and the methods that set them: the same for every request that makes one.

use secrecy::SecretString;

use crate::expiry::Expires;
use crate::{Action, CollectionPattern};

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) description: String,
    pub(super) actions: Vec<Action>,
    pub(super) collections: Vec<CollectionPattern>,
    pub(super) value: Value,
    pub(super) expiry: Option<Expires>,
    pub(super) autodelete: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) enum Value {
    #[default]
    Generated,
    Provided(SecretString),
    ServerGenerated,
}

/// Methods that name a key's scope, for a type with a field `settings`.
macro_rules! scope_methods {
    ($request:ty) => {
        impl $request {
            /// Adds to what the key may do: [`Action`](crate::Action)s, or text such as `"documents:search"`.
            pub fn actions<I>(mut self, actions: I) -> Self
            where
                I: IntoIterator,
                I::Item: Into<crate::Action>,
            {
                self.settings.actions.extend(actions.into_iter().map(Into::into));
                self
            }

            /// Adds to where the key may act: [`CollectionPattern`](crate::CollectionPattern), or names of letters, digits, `_`
            /// and `-`, or `"*"` for all.
            pub fn collections<I>(mut self, collections: I) -> Self
            where
                I: IntoIterator,
                I::Item: Into<crate::CollectionPattern>,
            {
                self.settings.collections.extend(collections.into_iter().map(Into::into));
                self
            }

            /// Whether the server deletes the key after its expiry (from v25; older servers ignore this). Defaults to
            /// the server's own default: no.
            pub fn autodelete(mut self, autodelete: bool) -> Self {
                self.settings.autodelete = Some(autodelete);
                self
            }
        }
    };
}

/// Methods that set a key's value and expiry, for a type with a field `settings`. `$default`: of the expiry.
macro_rules! value_methods {
    ($request:ty, $default:literal) => {
        impl $request {
            /// The key's value, such as one that is in use already and moves to this server. Defaults to one drawn
            /// here.
            ///
            /// The server takes any text, however weak, and another key's value not at all
            /// ([`Error::Conflict`](crate::Error::Conflict)).
            pub fn value(mut self, value: impl Into<secrecy::SecretString>) -> Self {
                self.settings.value = crate::requests::settings::Value::Provided(value.into());
                self
            }

            #[doc = concat!("When the key stops working. Defaults to ", $default, ".")]
            pub fn expires_at(mut self, expiry: impl Into<crate::Expiry>) -> Self {
                self.settings.expiry = Some(crate::expiry::Expires::At(expiry.into()));
                self
            }

            #[doc = concat!(
                "How long after [`send`](Self::send) the key stops working, rounded up to a whole second. Defaults to ",
                $default, "."
            )]
            pub fn expires_in(mut self, duration: std::time::Duration) -> Self {
                self.settings.expiry = Some(crate::expiry::Expires::In(duration));
                self
            }
        }
    };
}

pub(super) use {scope_methods, value_methods};
