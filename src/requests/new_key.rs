//! A key that is to be made: what is checked before it is asked for, how it is asked for, and how it is found again when
//! the reply was lost.

use std::thread;
use std::time::Instant;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::list::Filter;
use super::settings::{Settings, Value};
use super::{error, list, outcome_unknown};
use crate::engine::{CallFailure, Outcome, SystemClock, backoff};
use crate::expiry::Expires;
use crate::http::DecodeError;
use crate::operation::Operation;
use crate::secret::{self, SecretBuf};
use crate::{Action, CollectionPattern, CreatedKey, Error, Expiry, KeyId, KeyInfo, KeysClient};

fn check_value(value: &SecretString) -> Result<(), &'static str> {
    secret::check(value)?;
    let text = value.expose_secret();
    if text.len() > 4 && !text.is_char_boundary(4) {
        // Seen with 0.24.1: it cuts the prefix out of the middle of a character, and from then on answers neither
        // `GET /keys` nor `GET /keys/{id}` any more, until the key is deleted.
        return Err("has a character across its fourth byte, which the server cannot list: begin with four of ASCII");
    }
    Ok(())
}

/// The most bytes of text that a key may have in all.
///
/// The server takes more, but every list has the key in it, and as JSON six bytes may stand for one: above this, a list
/// would hold what this crate does not read.
const MAX_TEXT: usize = 128 * 1024;

fn check_size(description: &str, actions: &[Action], collections: &[CollectionPattern]) -> Result<(), Error> {
    // Each entry has quotes and a comma besides.
    let of_all = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.len() + 3).sum::<usize>();
    let sizes = [
        ("description", description.len()),
        ("actions", of_all(&mut actions.iter().map(Action::as_str))),
        ("collections", of_all(&mut collections.iter().map(CollectionPattern::as_str))),
    ];
    let size: usize = sizes.iter().map(|(_, size)| size).sum();
    match sizes.into_iter().max_by_key(|(_, size)| *size) {
        Some((field, _)) if size > MAX_TEXT => {
            let why = format!("makes the key too large: {size} bytes of text, of which {MAX_TEXT} can be listed");
            Err(Error::invalid(field, why))
        }
        _ => Ok(()),
    }
}

/// A key that can be asked for: the server will understand it as it is meant.
pub(super) struct NewKey {
    pub(super) description: String,
    pub(super) actions: Vec<Action>,
    pub(super) collections: Vec<CollectionPattern>,
    /// `None`: the server draws it.
    pub(super) value: Option<SecretString>,
    pub(super) is_own_value: bool,
    pub(super) expires_at: Expiry,
    pub(super) autodelete: Option<bool>,
}

impl TryFrom<Settings> for NewKey {
    type Error = Error;

    fn try_from(settings: Settings) -> Result<Self, Error> {
        let Settings { description, actions, collections, value, expiry, autodelete } = settings;
        if actions.is_empty() {
            return Err(Error::invalid("actions", "none is given: name at least one, such as `documents:search`"));
        }
        for action in &actions {
            action.check().map_err(|why| Error::invalid("actions", why))?;
        }
        if collections.is_empty() {
            return Err(Error::invalid("collections", "none is given: name at least one, or `\"*\"` for all"));
        }
        for entry in &collections {
            entry.check().map_err(|why| Error::invalid("collections", why))?;
        }
        check_size(&description, &actions, &collections)?;
        let expires_at = expiry.map_or(Ok(Expiry::NEVER), Expires::check)?;
        let is_own_value = matches!(value, Value::Provided(_));
        let value = value.check()?;
        Ok(Self { description, actions, collections, value, is_own_value, expires_at, autodelete })
    }
}

impl Value {
    /// `None`: the server draws it.
    fn check(self) -> Result<Option<SecretString>, Error> {
        match self {
            Self::Generated => Ok(Some(secret::draw().map_err(|source| Error::RandomSource(source.into()))?)),
            Self::Provided(value) => {
                check_value(&value).map_err(|why| Error::invalid("value", why))?;
                Ok(Some(value))
            }
            Self::ServerGenerated => Ok(None),
        }
    }
}

impl NewKey {
    /// One of the same scope as another: that is taken as the server has it, whatever it opens.
    ///
    /// `expiry`: instead of the other's.
    pub(super) fn replacing(other: &KeyInfo, value: Value, expiry: Option<Expires>) -> Result<Self, Error> {
        let KeyInfo { id, description, actions, collections, expires_at, prefix: _, autodelete, unknown: _ } =
            other.clone();
        if expiry.is_none() && expires_at.is_past() {
            let why = format!("of key {id} is past, and so would be that of one like it: give a new one");
            return Err(Error::invalid("expires_at", why));
        }
        let is_own_value = matches!(value, Value::Provided(_));
        Ok(Self {
            description,
            actions,
            collections,
            value: value.check()?,
            is_own_value,
            expires_at: expiry.map_or(Ok(expires_at), Expires::check)?,
            autodelete,
        })
    }

    /// Creates it. `may_exist`: an earlier call has tried to, and does not know whether it did.
    pub(super) fn create(
        &self,
        client: &KeysClient,
        deadline: Instant,
        may_exist: bool,
    ) -> Result<CreatedKey, Error> {
        let operation = Operation::Create { repeatable: self.value.is_some() };
        let value = self.value.as_ref();
        match client.call(operation, deadline, &self.body()?, value, |body| CreatedKey::decode(body, value)) {
            Ok(Outcome::Done(key)) => Ok(key),
            Ok(Outcome::AlreadyApplied(failure)) => self.find(client, operation, deadline, failure),
            // A value that was drawn here is nobody else's: a 409 at the first attempt says that something between here
            // and the server, such as a balancer, has repeated the request.
            Err(failure) if (may_exist || !self.is_own_value) && failure.last.typesense_status() == Some(409) => {
                self.find(client, operation, deadline, failure)
            }
            Err(failure) => {
                let in_doubt = failure.in_doubt || may_exist;
                Err(error(operation, CallFailure { in_doubt, ..failure }, value))
            }
        }
    }

    fn body(&self) -> Result<SecretBuf, Error> {
        let mut bytes = SecretBuf::default();
        serde_json::to_writer(&mut bytes, self).map_err(|_| Error::invalid("description", "is not JSON text"))?;
        Ok(bytes)
    }

    /// Finds the key that an attempt of ours has created although its reply was lost: the server has said so.
    ///
    /// The node that is asked may lag behind the one that knows of the key, so this asks until the deadline.
    fn find(
        &self,
        client: &KeysClient,
        operation: Operation,
        deadline: Instant,
        settled: CallFailure,
    ) -> Result<CreatedKey, Error> {
        let Some(value) = &self.value else {
            return Err(error(operation, settled, None));
        };
        let mut rounds = 0;
        loop {
            rounds += 1;
            let keys = match list::all(client, &Filter::default(), deadline, Some(value)) {
                Ok(keys) => keys,
                Err(failed) => {
                    let what = "the server has it, but its id could not be looked up; its value is in this error";
                    return Err(outcome_unknown(operation, what, settled.followed_by(failed), Some(value)));
                }
            };
            if let Some(found) = self.newest_match(&keys) {
                return Ok(CreatedKey::new(found, value.clone()));
            }
            let wait = backoff(rounds, &SystemClock);
            // A value of the caller's own may be another key's: then nothing of ours will ever be found. A key of
            // that prefix speaks for it, and that the node does not lag by so many rounds.
            let is_anothers = self.is_own_value && rounds > 6 && keys.iter().any(|key| self.has_prefix_of(key));
            if is_anothers {
                return Err(error(operation, CallFailure { in_doubt: false, ..settled }, None));
            }
            if Instant::now() + wait >= deadline {
                let what =
                    "the server has a key of this value, but lists none of this scope; the value is in this error";
                return Err(outcome_unknown(operation, what, settled, Some(value)));
            }
            thread::sleep(wait);
        }
    }

    fn newest_match(&self, keys: &[KeyInfo]) -> Option<KeyInfo> {
        let is_ours = |key: &&KeyInfo| {
            self.has_prefix_of(key)
                && key.description == self.description
                && key.actions == self.actions
                && key.collections == self.collections
                && key.expires_at == self.expires_at
        };
        keys.iter().filter(is_ours).max_by_key(|key| key.id).cloned()
    }

    pub(super) fn has_prefix_of(&self, key: &KeyInfo) -> bool {
        let value = self.value.as_ref().map(ExposeSecret::expose_secret);
        !key.prefix.is_empty() && value.is_some_and(|value| value.starts_with(&key.prefix))
    }
}

/// The body of a create.
impl Serialize for NewKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { description, actions, collections, value, is_own_value: _, expires_at, autodelete } = self;
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("description", description)?;
        members.serialize_entry("actions", actions)?;
        members.serialize_entry("collections", collections)?;
        if let Some(value) = value {
            members.serialize_entry("value", value.expose_secret())?;
        }
        if !expires_at.is_never() {
            members.serialize_entry("expires_at", expires_at)?;
        }
        if let Some(autodelete) = autodelete {
            members.serialize_entry("autodelete", autodelete)?;
        }
        members.end()
    }
}

impl CreatedKey {
    /// The key that a server tells of, whose value is known here.
    pub(super) fn new(info: KeyInfo, value: SecretString) -> Self {
        let KeyInfo { id, description, actions, collections, expires_at, prefix: _, autodelete, unknown: _ } = info;
        Self { id, value, description, actions, collections, expires_at, autodelete }
    }

    /// `sent`: the value that the request named, which is not parsed into a second copy.
    fn decode(body: &[u8], sent: Option<&SecretString>) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Created<'a> {
            id: KeyId,
            // Not text: serde_json does not wipe the buffer in which it resolves escapes.
            #[serde(borrow)]
            value: &'a RawValue,
            description: String,
            actions: Vec<Action>,
            collections: Vec<CollectionPattern>,
            expires_at: Expiry,
            autodelete: Option<bool>,
        }
        let Created { id, value, description, actions, collections, expires_at, autodelete } =
            serde_json::from_slice(body)?;
        let value = value.get().strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = match (value, sent) {
            (Some(value), Some(sent)) if value.as_bytes() == secret::to_json(sent).as_slice() => sent.clone(),
            (_, Some(_)) => return Err(DecodeError::AnotherKey),
            // The server draws letters and digits, which have no escapes.
            (Some(value), None) if !value.contains('\\') => secret::copy(value),
            (_, None) => return Err(DecodeError::NoValue),
        };
        Ok(Self { id, value, description, actions, collections, expires_at, autodelete })
    }
}
