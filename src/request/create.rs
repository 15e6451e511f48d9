//! Create a key, once.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::replication::{self, Wanted};
use super::{error, list, outcome_unknown};
use crate::cluster::{GaveUp, Outcome, SystemClock, backoff};
use crate::http::Undecodable;
use crate::operation::Operation;
use crate::secret::{self, SecretBuf};
use crate::{Action, Collections, CreatedKey, Error, Expiry, KeyInfo, KeysClient, NotReplicated};

/// A request to create a key. Made by [`KeysClient::create`].
///
/// At least one action and one collection are needed. By default, the key's value is drawn here, from the operating
/// system's random source, in the server's own format; so the request can be repeated when a reply is lost, and still
/// no more than one key is made.
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct CreateKey {
    client: KeysClient,
    input: Input,
    timeout: Option<Duration>,
    replicated_within: Option<Duration>,
}

#[derive(Debug, Default)]
struct Input {
    description: String,
    actions: Vec<Action>,
    collections: Vec<Collections>,
    value: Value,
    expiry: Option<Expires>,
    autodelete: Option<bool>,
}

#[derive(Debug, Default)]
enum Value {
    #[default]
    DrawnHere,
    Own(SecretString),
    DrawnByServer,
}

#[derive(Debug, Clone, Copy)]
enum Expires {
    At(Expiry),
    In(Duration),
}

impl CreateKey {
    pub(crate) fn new(client: KeysClient) -> Self {
        Self { client, input: Input::default(), timeout: None, replicated_within: None }
    }

    /// What the key is for, in words, for whoever finds it in a list. Defaults to an empty text.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.input.description = description.into();
        self
    }

    /// Adds to what the key may do: [`Action`]s, or text such as `"documents:search"`.
    pub fn actions<I>(mut self, actions: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Action>,
    {
        self.input.actions.extend(actions.into_iter().map(Into::into));
        self
    }

    /// Adds to where the key may act: [`Collections`], or names of letters, digits, `_` and `-`, or `"*"` for all.
    pub fn collections<I>(mut self, collections: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Collections>,
    {
        self.input.collections.extend(collections.into_iter().map(Into::into));
        self
    }

    /// The key's value, such as one that is in use already and moves to this server. Defaults to one drawn here.
    ///
    /// The server takes any text, however weak, and another key's value not at all ([`Error::Conflict`]).
    pub fn value(mut self, value: impl Into<SecretString>) -> Self {
        self.input.value = Value::Own(value.into());
        self
    }

    /// Lets the server draw the value.
    ///
    /// Then a request whose reply is lost cannot be repeated: the call ends in [`Error::OutcomeUnknown`], and there
    /// may be a key whose value nobody knows.
    pub fn server_generated(mut self) -> Self {
        self.input.value = Value::DrawnByServer;
        self
    }

    /// When the key stops working. Defaults to never.
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        self.input.expiry = Some(Expires::At(Expiry::at(time)));
        self
    }

    /// How long after [`send`](Self::send) the key stops working, rounded up to a whole second. Defaults to never.
    pub fn expires_in(mut self, duration: Duration) -> Self {
        self.input.expiry = Some(Expires::In(duration));
        self
    }

    /// Whether the server deletes the key after its expiry (from v25; older servers ignore this). Defaults to the
    /// server's own default: no.
    pub fn autodelete(mut self, autodelete: bool) -> Self {
        self.input.autodelete = Some(autodelete);
        self
    }

    /// How long this call may take in all. Defaults to the client's [`timeout`](crate::ClientBuilder::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// After the key is created, waits until every node of the client knows it, for at most `limit`. Needs
    /// `keys:get`. Defaults to no waiting: for a moment, nodes that lag refuse the key.
    pub fn wait_for_replication(mut self, limit: Duration) -> Self {
        self.replicated_within = Some(limit);
        self
    }

    /// Creates the key.
    ///
    /// Where the reply to an attempt was lost, and the next one is told that the value is in use already (409), the
    /// first has created the key: its id is looked up in a list (for which the client's key needs `keys:list`), and
    /// the key is returned as if nothing had happened.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] before anything is sent, [`Error::Conflict`] if another key has this value,
    /// [`Error::Unauthorized`] if the client's key lacks `keys:create`, [`Error::OutcomeUnknown`], with the value, if
    /// it cannot be told whether there is a key now, [`Error::NotReplicated`], with the key, if there is one but not
    /// every node knows it in time, or what keeps a call from coming through: see [`Error`].
    pub fn send(self) -> Result<CreatedKey, Error> {
        let Self { client, input, timeout, replicated_within } = self;
        let deadline = client.deadline(timeout);
        let request = Request::try_from(input)?;
        let operation = Operation::Create { repeatable: request.value.is_some() };
        let value = request.value.as_ref();
        let key = match client.call(operation, deadline, &request.body()?, value, CreatedKey::decode) {
            Ok(Outcome::Done(key)) => key,
            Ok(Outcome::Settled(gave_up)) => request.find(&client, operation, deadline, gave_up)?,
            Err(gave_up) => return Err(error(operation, gave_up, value)),
        };
        let Some(limit) = replicated_within else {
            return Ok(key);
        };
        let id = key.id;
        match replication::wait(&client, id, Wanted::Present, limit) {
            Ok(()) => Ok(key),
            Err(nodes) => {
                Err(Error::NotReplicated(Box::new(NotReplicated { id, done: "created", key: Some(key), nodes })))
            }
        }
    }
}

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

/// A request that the server will understand as it is meant.
struct Request {
    description: String,
    actions: Vec<Action>,
    collections: Vec<Collections>,
    /// `None`: the server draws it.
    value: Option<SecretString>,
    is_own_value: bool,
    expires_at: Expiry,
    autodelete: Option<bool>,
}

impl TryFrom<Input> for Request {
    type Error = Error;

    fn try_from(input: Input) -> Result<Self, Error> {
        let Input { description, actions, collections, value, expiry, autodelete } = input;
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
        let expires_at = match expiry {
            None => Expiry::NEVER,
            Some(Expires::At(time)) => time,
            Some(Expires::In(duration)) => Expiry::after(duration),
        };
        if expires_at.is_past() || matches!(expiry, Some(Expires::In(Duration::ZERO))) {
            return Err(Error::invalid("expires_at", "is not in the future: the key would never have worked"));
        }
        let is_own_value = matches!(value, Value::Own(_));
        let value = match value {
            Value::DrawnHere => Some(secret::draw().map_err(|source| Error::Random(source.into()))?),
            Value::Own(value) => {
                check_value(&value).map_err(|why| Error::invalid("value", why))?;
                Some(value)
            }
            Value::DrawnByServer => None,
        };
        Ok(Self { description, actions, collections, value, is_own_value, expires_at, autodelete })
    }
}

impl Request {
    fn body(&self) -> Result<SecretBuf, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            description: &'a str,
            actions: &'a [Action],
            collections: &'a [Collections],
            #[serde(skip_serializing_if = "Option::is_none")]
            value: Option<&'a str>,
            #[serde(skip_serializing_if = "Expiry::is_default")]
            expires_at: Expiry,
            #[serde(skip_serializing_if = "Option::is_none")]
            autodelete: Option<bool>,
        }
        let body = Body {
            description: &self.description,
            actions: &self.actions,
            collections: &self.collections,
            value: self.value.as_ref().map(ExposeSecret::expose_secret),
            expires_at: self.expires_at,
            autodelete: self.autodelete,
        };
        let mut bytes = SecretBuf::default();
        serde_json::to_writer(&mut bytes, &body).map_err(|_| Error::invalid("description", "is not JSON text"))?;
        Ok(bytes)
    }

    /// Finds the key that an attempt of ours has created although its reply was lost: the server has said so.
    ///
    /// The node that is asked may lag behind the one that knows of the key, so this asks until the deadline.
    fn find(
        self,
        client: &KeysClient,
        operation: Operation,
        deadline: Instant,
        settled: GaveUp,
    ) -> Result<CreatedKey, Error> {
        let Some(value) = &self.value else {
            return Err(error(operation, settled, None));
        };
        let mut rounds = 0;
        loop {
            rounds += 1;
            let keys = match client.call(Operation::List, deadline, &SecretBuf::default(), Some(value), list::decode)
            {
                Ok(Outcome::Done(keys)) => keys,
                Ok(Outcome::Settled(failed)) | Err(failed) => {
                    let what = "the server has it, but its id could not be looked up; its value is in this error";
                    return Err(outcome_unknown(operation, what, settled.followed_by(failed), Some(value)));
                }
            };
            if let Some(found) = self.newest_match(&keys) {
                let KeyInfo { id, description, actions, collections, expires_at, prefix: _, autodelete } = found;
                let value = value.clone();
                return Ok(CreatedKey { id, value, description, actions, collections, expires_at, autodelete });
            }
            let wait = backoff(rounds, &SystemClock);
            // A value of the caller's own may be another key's: then nothing of ours will ever be found. A key of
            // that prefix speaks for it, and that the node does not lag by so many rounds.
            let is_anothers = self.is_own_value && rounds > 6 && keys.iter().any(|key| self.has_prefix_of(key));
            if is_anothers {
                return Err(error(operation, GaveUp { in_doubt: false, ..settled }, None));
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

    fn has_prefix_of(&self, key: &KeyInfo) -> bool {
        let value = self.value.as_ref().map(ExposeSecret::expose_secret);
        !key.prefix.is_empty() && value.is_some_and(|value| value.starts_with(&key.prefix))
    }
}

impl CreatedKey {
    fn decode(answer: &[u8]) -> Result<Self, Undecodable> {
        #[derive(Deserialize)]
        struct Answer<'a> {
            id: crate::KeyId,
            // Not a string: serde_json would unescape it in a buffer that nobody wipes.
            #[serde(borrow)]
            value: &'a RawValue,
            description: String,
            actions: Vec<Action>,
            collections: Vec<Collections>,
            expires_at: Expiry,
            #[serde(default)]
            autodelete: Option<bool>,
        }
        let Answer { id, value, description, actions, collections, expires_at, autodelete } =
            serde_json::from_slice(answer)?;
        let value = secret::from_json(value.get()).ok_or(Undecodable::NoValue)?;
        Ok(Self { id, value, description, actions, collections, expires_at, autodelete })
    }
}
