//! The filter of a list.

use std::time::Duration;

use crate::action::{Action, InvalidAction};
use crate::error::Error;
use crate::key::{KeyInfo, PREFIX};

#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// At most as many bytes as the server shows: more could be a whole value, which must not be kept.
    prefix: Option<Box<[u8]>>,
    pub(super) description: Option<String>,
    pub(super) expired: Option<bool>,
    pub(super) expires_within: Option<Duration>,
    pub(super) allows: Vec<(Action, String)>,
    pub(super) invalid_action: Option<InvalidAction>,
}

impl Filter {
    pub(super) fn set_prefix(&mut self, prefix: &str) {
        self.prefix = prefix.as_bytes().get(..PREFIX).or(Some(prefix.as_bytes())).map(Into::into);
    }

    /// Checks the actions, because an invalid one would silently match no key, and the prefix, because an empty one would
    /// match every key.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.prefix.as_ref().is_some_and(|prefix| prefix.is_empty()) {
            return Err(Error::invalid("prefix", "is empty, so every key has it: leave it out to list all keys"));
        }
        if let Some(invalid) = &self.invalid_action {
            return Err(invalid.clone().into());
        }
        Ok(self.allows.iter().try_for_each(|(action, _)| action.check_form())?)
    }

    pub(super) fn admits(&self, key: &KeyInfo) -> bool {
        let Self { prefix, description, expired, expires_within, allows, invalid_action: _ } = self;
        prefix.as_ref().is_none_or(|prefix| key.prefix.as_bytes().starts_with(prefix))
            && description.as_ref().is_none_or(|description| key.description == *description)
            && expired.is_none_or(|expired| key.is_expired() == expired)
            && expires_within.is_none_or(|duration| key.expires_at.is_within(duration))
            && allows.iter().all(|(action, collection)| key.allows(action, collection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_prefix_is_truncated_to_what_the_server_shows() {
        let mut filter = Filter::default();
        filter.set_prefix("abcdefghijklmnop");
        assert_eq!(filter.prefix.as_deref(), Some(b"abcd".as_slice()));
        filter.set_prefix("ab");
        assert_eq!(filter.prefix.as_deref(), Some(b"ab".as_slice()));
    }
}
