//! Which keys of a list are wanted.

use crate::action::{Action, InvalidAction};
use crate::error::Error;
use crate::key::KeyInfo;

/// How much of a key's value the server shows.
const SHOWN: usize = 4;

#[derive(Debug, Clone, Default)]
pub(in crate::requests) struct Filter {
    /// At most as much as the server shows: more could be a key, which is not to be kept.
    prefix: Option<Box<[u8]>>,
    pub(super) description: Option<String>,
    pub(super) expired: Option<bool>,
    pub(super) opens: Vec<(Action, String)>,
    pub(super) invalid_action: Option<InvalidAction>,
}

impl Filter {
    pub(super) fn set_prefix(&mut self, prefix: &str) {
        self.prefix = prefix.as_bytes().get(..SHOWN).or(Some(prefix.as_bytes())).map(Into::into);
    }

    /// Whether it asks for something that no key can be: a filter that is not valid would find nothing in silence.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(invalid) = &self.invalid_action {
            return Err(invalid.clone().into());
        }
        Ok(self.opens.iter().try_for_each(|(action, _)| action.check_form())?)
    }

    pub(super) fn admits(&self, key: &KeyInfo) -> bool {
        let Self { prefix, description, expired, opens, invalid_action: _ } = self;
        prefix.as_ref().is_none_or(|prefix| key.prefix.as_bytes().starts_with(prefix))
            && description.as_ref().is_none_or(|description| key.description == *description)
            && expired.is_none_or(|expired| key.is_expired() == expired)
            && opens.iter().all(|(action, collection)| key.allows(action, collection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_prefix_is_kept_than_the_server_shows() {
        let mut filter = Filter::default();
        filter.set_prefix("abcdefghijklmnop");
        assert_eq!(filter.prefix.as_deref(), Some(b"abcd".as_slice()));
        filter.set_prefix("ab");
        assert_eq!(filter.prefix.as_deref(), Some(b"ab".as_slice()));
    }
}
