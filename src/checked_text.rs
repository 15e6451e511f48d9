//! The conversions that [`Action`](crate::Action) and [`CollectionPattern`](crate::CollectionPattern) share.

/// Adds conversions from and to text to a newtype of `Cow<'static, str>` with the functions `parse` and `as_str`.
macro_rules! checked_text {
    ($text:ident, $invalid:ident) => {
        #[doc = concat!("Text that is no valid [`", stringify!($text), "`]. Its `Display` says why, and what to write instead.")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{0}")]
        pub struct $invalid(String);

        /// For methods that take the type itself or text: the type itself needs no check.
        impl From<std::convert::Infallible> for $invalid {
            fn from(never: std::convert::Infallible) -> Self {
                match never {}
            }
        }

        $crate::checked_text::try_from!($text, $invalid, String, &String, &str);

        impl std::str::FromStr for $text {
            type Err = $invalid;

            fn from_str(text: &str) -> Result<Self, $invalid> {
                Self::parse(text.to_owned())
            }
        }

        impl From<&$text> for $text {
            fn from(text: &$text) -> Self {
                text.clone()
            }
        }

        impl From<$text> for String {
            fn from(text: $text) -> Self {
                text.0.into_owned()
            }
        }

        impl AsRef<str> for $text {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $text {
            fn eq(&self, text: &str) -> bool {
                self.as_str() == text
            }
        }

        impl PartialEq<&str> for $text {
            fn eq(&self, text: &&str) -> bool {
                self.as_str() == *text
            }
        }

        impl std::fmt::Display for $text {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $text {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

macro_rules! try_from {
    ($text:ident, $invalid:ident, $($from:ty),*) => {$(
        impl TryFrom<$from> for $text {
            type Error = $invalid;

            fn try_from(text: $from) -> Result<Self, $invalid> {
                Self::parse(text.into())
            }
        }
    )*};
}

pub(crate) use {checked_text, try_from};
