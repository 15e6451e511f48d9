//! Keys as code: compares many specs with the server's keys, and shows what would be changed.

pub(super) mod applied;
mod apply;
mod show;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Serialize, Serializer};

pub use self::applied::{Applied, ApplyEvent, ApplyProgress};
pub use self::spec::{KeySpec, Scope};
use super::list;
use super::options::CallOptions;
use super::runner::Pace;
pub use super::survey::Change;
use super::survey::{Succession, Survey, Target};
use super::value::KeyValue;
use crate::engine::{Call, CallFailure, Engine};
use crate::error::{Difference, Error, Secrets, Shown};
use crate::key::{KeyId, KeyInfo};
use crate::value_root::ValueRoot;

/// Whether a key that no spec describes is to be deleted.
type IsUnwanted<'a> = Box<dyn Fn(&KeyInfo) -> bool + 'a>;

/// Returns the value that an earlier run has stored for a description.
type StoredValue<'a> = Box<dyn FnMut(&str) -> Option<SecretString> + 'a>;

/// Where the values of new keys come from.
enum Values<'a> {
    Generated,
    /// Of those for which an earlier run has stored none, they are generated.
    Stored(StoredValue<'a>),
    Derived(ValueRoot),
}

/// A request for a [`Plan`]. Made by [`KeysClient::plan`](crate::KeysClient::plan).
#[must_use = "a request does nothing until `send` is called"]
pub struct PlanKeys<'a> {
    engine: Arc<Engine>,
    specs: Vec<KeySpec>,
    prune: Option<IsUnwanted<'a>>,
    values: Values<'a>,
    pace: Pace,
    succession: Succession,
    options: CallOptions,
}

impl<'a> PlanKeys<'a> {
    pub(crate) fn new(engine: Arc<Engine>, specs: Vec<KeySpec>) -> Self {
        let (pace, succession, options) = Default::default();
        Self { engine, specs, prune: None, values: Values::Generated, pace, succession, options }
    }

    /// Whether to replace keys with the description of a spec and a different scope, as
    /// [`EnsureKey::replace_on_drift`](crate::EnsureKey::replace_on_drift) does. Defaults to `false`: the plan shows
    /// what differs, and `apply` reports [`Error::Drift`].
    pub fn replace_on_drift(mut self, replace_on_drift: bool) -> Self {
        self.succession.replace_on_drift = replace_on_drift;
        self
    }

    /// Whether [`replace_on_drift`](Self::replace_on_drift) leaves the old keys, as
    /// [`EnsureKey::keep_old`](crate::EnsureKey::keep_old) does. Defaults to `false`. `true` without `replace_on_drift` is
    /// [`Error::InvalidRequest`].
    pub fn keep_old(mut self, keep_old: bool) -> Self {
        self.succession.keep_old = keep_old;
        self
    }

    /// Also deletes the keys that no spec describes and for which `is_unwanted` returns `true`. Defaults to none.
    ///
    /// It is also called for each key that has the description of a spec and a different scope, beside a key that is as
    /// described.
    ///
    /// Limit it to keys that are certainly yours, for example by the beginning of their description. A key that may be
    /// the client's own, because it has the same prefix and may allow `keys:list`, is never pruned.
    ///
    /// These keys are deleted last. With [`keep_going`](Self::keep_going), they are deleted even if other keys could
    /// not be created.
    pub fn prune(mut self, is_unwanted: impl Fn(&KeyInfo) -> bool + 'a) -> Self {
        self.prune = Some(Box::new(is_unwanted));
        self
    }

    /// Sets how to find the value that an earlier, interrupted run has stored for a description, so that it is used
    /// again. Defaults to none: each new key gets a new value.
    ///
    /// It is called for each key to be created whose description no listed key has. If the earlier run has created the
    /// key, but the listing node lags, `apply` returns that key and creates no second one.
    ///
    /// Replaces [`derived_values`](Self::derived_values). Return only [values of plans](Plan::values), and only if
    /// their keys are not known to exist: the value of a deleted key would be created again. Two runs must not use the
    /// same value at once. It is not called for keys with `autodelete`: see [`KeySpec::autodelete`].
    pub fn stored_values(mut self, stored_value: impl FnMut(&str) -> Option<SecretString> + 'a) -> Self {
        self.values = Values::Stored(Box::new(stored_value));
        self
    }

    /// Derives the values from a root secret, so that none has to be stored: see [`ValueRoot`]. The label is the
    /// description of the spec, with its [`generation`](KeySpec::generation). Replaces
    /// [`stored_values`](Self::stored_values).
    ///
    /// A listed key whose value does not begin as the derived one has drifted. With
    /// [`replace_on_drift`](Self::replace_on_drift), it is replaced, unless it is one of a later generation.
    pub fn derived_values(mut self, root: &ValueRoot) -> Self {
        self.values = Values::Derived(root.clone());
        self
    }

    /// Sets the number of concurrent requests of `apply`. Each has its own connection and thread. Defaults to 4; 0
    /// counts as 1.
    pub fn connections(mut self, connections: usize) -> Self {
        self.pace.connections = connections;
        self
    }

    /// Whether `apply` continues with the other keys after a failure. Defaults to `false`: no further change is
    /// started, and changes in progress are completed. Nothing is changed if the list at the start shows that a key
    /// cannot be changed as planned.
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.pace.keep_going = keep_going;
        self
    }

    call_methods!("a key is created, `apply` waits until it is known");

    /// Lists the server's keys once and compares them with the specs. Changes nothing.
    ///
    /// # Errors
    ///
    /// * [`Error::InvalidRequest`] if a spec is invalid or two have the same description, before anything is sent,
    /// * [`Error::InvalidRequest`] if a [stored value](Self::stored_values) is invalid,
    /// * [`Error::Unauthorized`] if the client's key lacks `keys:list`,
    /// * [`Error::RandomSource`],
    /// * a failure of the call itself: see [`Error`].
    pub fn send(self) -> Result<Plan, Error> {
        let Self { engine, specs, prune, mut values, pace, succession, options } = self;
        // Also if there is no spec.
        succession.check()?;
        let root = if let Values::Derived(root) = &values { Some(root) } else { None };
        let (mut targets, mut positions) = (Vec::with_capacity(specs.len()), BTreeMap::new());
        for (at, spec) in specs.into_iter().enumerate() {
            let earlier = positions.insert(spec.description().to_owned(), at);
            let checked = spec.check(succession, root).and_then(|target| {
                target.key.check_texts(Secrets { value: target.key.value.known(), ..engine.secrets() })?;
                Ok(target)
            });
            let target = checked.map_err(|error| error.about(format_args!("spec {at}, counted from 0")))?;
            if let Some(earlier) = earlier {
                let shown = Shown(&target.key.description);
                let why =
                    format!("`{shown}` is that of specs {earlier} and {at} (counted from 0): it must be unique");
                return Err(Error::invalid("description", why));
            }
            targets.push(target);
        }
        let descriptions = targets.iter().map(|target| &*target.key.description);
        let call = options.call(&engine)?;
        let mut groups = list_groups(call, descriptions, |_| prune.is_some())?;
        let client_prefix = engine.client_prefix();
        // Not while the list is read: the caller's function may make calls of its own.
        let is_unwanted = |key: &KeyInfo| prune.as_ref().is_some_and(|prune| prune(key));
        let mut keys = Vec::with_capacity(targets.len());
        for target in targets {
            let listed = groups.remove(&target.key.description).unwrap_or_default();
            let mut survey = Survey::of(listed, &target, None, &client_prefix);
            survey.prune(is_unwanted);
            keys.push(PlannedKey::of_spec(target, &survey, &mut values)?);
        }
        let mut others: Vec<_> = groups.into_values().flatten().collect();
        others.retain(|key| !key.may_be_clients(&client_prefix) && is_unwanted(key));
        others.sort_unstable_by_key(|key| key.id);
        keys.extend(others.into_iter().map(PlannedKey::unwanted));
        Ok(Plan { engine, pace, options, keys })
    }
}

/// Lists the keys with these descriptions and the other keys that `admits` accepts, by description.
fn list_groups<'d>(
    call: Call<'_>,
    descriptions: impl Iterator<Item = &'d str>,
    admits: impl Fn(&KeyInfo) -> bool,
) -> Result<BTreeMap<String, Vec<KeyInfo>>, Box<CallFailure>> {
    let described: BTreeSet<&str> = descriptions.collect();
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for key in list::all(call, &|key| described.contains(&*key.description) || admits(key))? {
        groups.entry(key.description.clone()).or_default().push(key);
    }
    Ok(groups)
}

/// What [`apply`](Self::apply) would change, to be shown to people and to be checked by programs. Made by
/// [`PlanKeys::send`].
///
/// `{plan}` shows the changes and a summary, `{plan:#}` all keys. With serde, it has the members `fingerprint`,
/// `has_changes` and `keys`, a list of [`PlannedKey`]s. Neither shows a value.
#[derive(Debug)]
#[must_use = "a plan changes nothing until it is applied"]
pub struct Plan {
    engine: Arc<Engine>,
    pace: Pace,
    options: CallOptions,
    keys: Vec<PlannedKey>,
}

impl Plan {
    /// The planned keys: those of the specs in the order of the specs, then those that are to be deleted because no
    /// spec describes them, in the order of their ids.
    pub fn keys(&self) -> &[PlannedKey] {
        &self.keys
    }

    /// Whether the server's keys differ from the specs: whether [`apply`](Self::apply) would change anything, or report
    /// a drift.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.keys.iter().any(PlannedKey::is_change)
    }

    /// The descriptions of the keys that `apply` would create, with their values. Store them before you call `apply`:
    /// then no key can exist whose value is lost, wherever the program is interrupted.
    pub fn values(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let created = self.keys.iter().filter(|key| key.creates());
        created.filter_map(|key| Some((&*key.description, key.target.as_ref()?.key.value.known()?)))
    }
}

/// The planned change of one key. See [`Plan::keys`].
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct PlannedKey {
    /// The key's description.
    pub description: String,
    /// What is to be done.
    pub change: Change,
    /// The listed key: the one that is kept, replaced or deleted, or that has drifted. `None` if there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyInfo>,
    /// What differs between the listed key and its spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The keys that are to be deleted: those that are replaced, those with this description that expired more than a
    /// day ago or that [`prune`](PlanKeys::prune) accepts, or the listed key itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<KeyInfo>,
    /// Other keys with this description, whatever their scope, which stay as they are: only a newer key replaces a
    /// drifted one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<KeyId>,
    /// What `apply` needs. `None` for keys that are kept without a derived value, or deleted.
    #[serde(rename = "wanted", serialize_with = "as_scope", skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
}

fn as_scope<S: Serializer>(target: &Option<Target>, serializer: S) -> Result<S::Ok, S::Error> {
    target.as_ref().map(|target| Scope::from(&target.key)).serialize(serializer)
}

impl PlannedKey {
    fn of_spec(mut target: Target, survey: &Survey, values: &mut Values<'_>) -> Result<Self, Error> {
        let has_none = survey.ids().is_empty();
        let key = &mut target.key;
        let mut planned = Self::of(survey, &key.description);
        if planned.creates() && key.value.known().is_none() {
            let stored = match values {
                // The value of a listed key cannot be used again.
                Values::Stored(stored) if has_none && key.autodelete != Some(true) => stored(&key.description),
                _ => None,
            };
            let value = stored.map_or(KeyValue::ToGenerate, KeyValue::Stored).check(key.autodelete);
            let description = Shown(&planned.description);
            key.value = value.map_err(|error| error.about(format_args!("stored for `{description}`")))?;
        }
        planned.target = (planned.is_change() || target.key.value.known().is_some()).then_some(target);
        Ok(planned)
    }

    fn of(survey: &Survey, description: &str) -> Self {
        let (change, about) = survey.verdict();
        let kept = about.filter(|_| change == Change::Keep);
        let (change, found) = match kept.and_then(|kept| survey.left_beside(&kept.key)) {
            Some(left) => (Change::Drift, Some(left)),
            None => (change, about.cloned()),
        };
        let (key, differences) = found.map(|listed| (listed.key, listed.differences)).unzip();
        let deletes: Vec<_> = match change {
            Change::Drift => Vec::new(),
            _ => {
                let kept = key.as_ref().filter(|_| change == Change::Keep).map(|key: &KeyInfo| key.id);
                survey.replaced_by(kept).chain(survey.long_expired()).cloned().collect()
            }
        };
        let mut duplicates = survey.ids();
        key.iter().chain(&deletes).for_each(|key| _ = duplicates.remove(&key.id));
        let duplicates = duplicates.into_iter().collect();
        let (description, differences) = (description.to_owned(), differences.unwrap_or_default());
        Self { description, change, key, differences, deletes, duplicates, target: None }
    }

    /// No spec describes `key`.
    fn unwanted(key: KeyInfo) -> Self {
        let (description, deletes) = (key.description.clone(), vec![key.clone()]);
        let (differences, duplicates, target) = Default::default();
        Self { description, change: Change::Delete, key: Some(key), differences, deletes, duplicates, target }
    }

    /// The scope that the spec describes: that of the key to be created, or, for [`Change::Drift`], the one that the
    /// listed key does not have. `None` for a key that is deleted, or kept without a derived value. In JSON, it is the
    /// member `wanted`.
    pub fn wanted(&self) -> Option<Scope<'_>> {
        self.target.as_ref().map(|target| Scope::from(&target.key))
    }

    /// Whether `apply` would create a key.
    fn creates(&self) -> bool {
        matches!(self.change, Change::Create | Change::Renew | Change::Replace)
    }

    /// Whether `apply` would change something, or report a drift.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.change != Change::Keep || !self.deletes.is_empty()
    }
}

impl fmt::Debug for PlanKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanKeys").field("specs", &self.specs).finish_non_exhaustive()
    }
}
