//! The conversions that [`Action`](crate::Action) and [`CollectionPattern`](crate::CollectionPattern) share.

/// Adds conversions from and to text to a newtype of `Cow<'static, str>` with the functions `parse` and `as_str`.
macro_rules! checked_text {
    ($text:ident: $($from:ty),*) => {
        $(impl TryFrom<$from> for $text {
            type Error = $crate::text::InvalidInput;

            fn try_from(text: $from) -> Result<Self, Self::Error> {
                Self::parse(text.into())
            }
        })*

        impl std::str::FromStr for $text {
            type Err = $crate::text::InvalidInput;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text.to_owned())
            }
        }

        impl From<&$text> for $text {
            fn from(text: &$text) -> Self {
                text.clone()
            }
        }

        impl AsRef<str> for $text {
            fn as_ref(&self) -> &str {
                self.as_str()
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

pub(crate) use checked_text;
