//! How one key succeeds another: renewals, and derived values of two generations. Every course of one run, with a fault or
//! a kill at each request, and two runs at once. After each:
//!
//! 1. Only what the contract names is deleted: never a key that expires soon, and never one with the wanted value.
//! 2. At most one key is created, with the derived value, and never one of an earlier generation than a listed one.
//! 3. `Ok` names a key of the wanted scope and value, which does not expire soon.
//! 4. After an error or a kill, the next run succeeds if the first one would have without faults, and leaves one such key.

use std::sync::LazyLock;
use std::time::Duration;

use super::model::{Act, Entry, Event, Model, exposed, generate_next, server_time};
use super::operations::{Before, only};
use super::share;
use super::together::{at_once, schedules};
use crate::client::KeysClient;
use crate::error::Error;
use crate::key::KeyId;
use crate::requests::{EnsuredKey, KeySpec, Plan};
use crate::secret::tests::Random;
use crate::value_root::ValueRoot;

const DAY: u64 = 86_400;
const WEEK: Duration = Duration::from_secs(7 * DAY);
const MONTH: Duration = Duration::from_secs(30 * DAY);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDrift {
    Refuse,
    Replace,
    KeepOld,
}

/// A run of `ensure`, or of `plan` and `apply`, for a key that expires in a month.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Of the derived value; `None` for a generated one.
    generation: Option<u32>,
    renews: bool,
    on_drift: OnDrift,
    planned: bool,
}

/// A key that exists before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Old {
    /// With a value that nobody derives, for three weeks more, or for a day.
    Generated { expires_soon: bool },
    /// With the derived value of this generation.
    Derived { generation: u32, expires_soon: bool },
    /// Expired two days ago.
    Expired { generation: u32 },
    /// Of another scope.
    Drifted { generation: u32 },
    /// With a value that begins as that of generation 2.
    Alike,
}

const OLD: [Old; 11] = [
    Old::Generated { expires_soon: false },
    Old::Generated { expires_soon: true },
    Old::Derived { generation: 1, expires_soon: false },
    Old::Derived { generation: 1, expires_soon: true },
    Old::Derived { generation: 2, expires_soon: false },
    Old::Derived { generation: 2, expires_soon: true },
    Old::Expired { generation: 1 },
    Old::Expired { generation: 2 },
    Old::Drifted { generation: 1 },
    Old::Drifted { generation: 2 },
    Old::Alike,
];

static ROOT: LazyLock<ValueRoot> = LazyLock::new(|| ValueRoot::new("an example root of over 32 bytes").unwrap());

static DERIVED: LazyLock<[String; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|generation| exposed(Some(&ROOT.value("docs", generation))).unwrap()));

fn derived(generation: u32) -> &'static str {
    &DERIVED[generation as usize]
}

impl Old {
    fn entry(self, id: u32) -> Entry {
        let scope = if matches!(self, Self::Drifted { .. }) { Before::Drifted } else { Before::Unlike };
        let (value, expires_in) = match self {
            Self::Generated { expires_soon } => (format!("zzzz-generated-{id}"), if expires_soon { 1 } else { 21 }),
            Self::Derived { generation, expires_soon } => {
                (derived(generation).to_owned(), if expires_soon { 1 } else { 21 })
            }
            Self::Expired { generation } => (derived(generation).to_owned(), -2),
            Self::Drifted { generation } => (derived(generation).to_owned(), 21),
            Self::Alike => (format!("{}-alike", &derived(2)[..4]), 21),
        };
        Entry { value, expires_at: server_time(24 * expires_in), ..scope.entry(id, server_time(0)) }
    }
}

fn entries(old: &[Old]) -> Vec<Entry> {
    (0..).zip(old).map(|(id, old)| old.entry(id)).collect()
}

impl Run {
    fn run(self, client: &KeysClient, generated: &'static str) -> Result<EnsuredKey, Error> {
        if self.generation.is_none() {
            generate_next(Random::Gives(generated));
        }
        let (replaces, keeps) = (self.on_drift != OnDrift::Refuse, self.on_drift == OnDrift::KeepOld);
        if self.planned {
            let mut spec = KeySpec::new("docs").actions(["documents:search"]).collections(["docs"]).expires_in(MONTH);
            if self.renews {
                spec = spec.renew_before(WEEK);
            }
            if let Some(generation) = self.generation {
                spec = spec.generation(generation);
            }
            let mut plan = client.plan([spec]).replace_on_drift(replaces).keep_old(keeps);
            if self.generation.is_some() {
                plan = plan.derived_values(&ROOT);
            }
            return plan.send().and_then(Plan::apply).and_then(only);
        }
        let request = client.ensure("docs").actions(["documents:search"]).collections(["docs"]).expires_in(MONTH);
        let mut request = request.replace_on_drift(replaces).keep_old(keeps);
        if self.renews {
            request = request.renew_before(WEEK);
        }
        if let Some(generation) = self.generation {
            request = request.derived_value(&ROOT, "docs", generation);
        }
        request.send()
    }

    fn has_scope(key: &Entry) -> bool {
        let wanted = Before::Unlike.entry(0, server_time(0));
        key.description == "docs" && key.collections == wanted.collections && key.expires_at > server_time(0)
    }

    fn has_value(self, key: &Entry) -> bool {
        self.generation.is_none_or(|generation| key.value == derived(generation))
    }

    /// Whether a key is as wanted, and does not expire soon if that matters.
    fn is_wanted(self, key: &Entry) -> bool {
        let is_fresh = !self.renews || key.expires_at > server_time(0) + WEEK.as_secs();
        Self::has_scope(key) && self.has_value(key) && is_fresh
    }

    fn check_acts(self, before: &[Entry], acts: &[Act], context: &str) {
        let mut made: Vec<&Entry> = Vec::new();
        for act in acts {
            match act {
                Act::Created(key) => {
                    assert!(self.is_wanted(key), "created {key:?}: {context}");
                    let later = |generation| before.iter().any(|old| old.value == derived(generation));
                    assert!(self.generation != Some(1) || !later(2), "an earlier generation: {context}");
                    made.push(key);
                }
                Act::Deleted { key, others, .. } => {
                    let is_own = made.iter().any(|made| made.id == key.id);
                    let is_dead = key.expires_at < server_time(-24);
                    let has_drifted = !Self::has_scope(key) || !self.has_value(key);
                    let is_replaced = others.iter().any(|other| self.is_wanted(other));
                    let may_replace = self.on_drift == OnDrift::Replace && has_drifted && is_replaced;
                    let was_there = before.contains(key);
                    assert!(is_own || (was_there && (is_dead || may_replace)), "deleted key {}: {context}", key.id);
                }
                #[allow(unreachable_patterns, reason = "the model may know more")]
                _ => {}
            }
        }
        assert!(made.len() <= 1, "created twice: {context}");
    }

    /// `is_alike`: a key that begins as the value can be taken for the one with it, on a node that lags.
    fn check_ok(self, ensured: &EnsuredKey, after: &[Entry], is_alike: bool, context: &str) {
        let key = after.iter().find(|key| KeyId::from(key.id) == ensured.key.id);
        let key = key.unwrap_or_else(|| panic!("`Ok` names no key: {context}"));
        assert!(self.is_wanted(key) || (is_alike && Self::has_scope(key)), "`Ok` names {key:?}: {context}");
        let value = exposed(ensured.value.as_ref());
        assert!(value.is_none_or(|value| value == key.value || is_alike), "another value: {context}");
        assert!(self.generation.is_none() || ensured.value.is_some(), "no value: {context}");
    }

    /// Takes a course. Returns the number of its requests, or `None` if one of the events makes no difference.
    fn take(self, old: &[Old], events: &[Event], killed_after: Option<usize>) -> Option<usize> {
        let before = entries(old);
        let model = Model::new(&before, events);
        model.state().killed_after = killed_after;
        let context = format!("{self:?} {old:?} {events:?} {killed_after:?}");
        let is_alike = self.generation == Some(2) && old.contains(&Old::Alike);
        let first = self.run(&model.client(), "abcdFirst00000000000000000000000");
        let (requests, after, acts) = {
            let state = model.state();
            if state.is_redundant {
                return None;
            }
            (state.requests, state.keys.clone(), state.acts.clone())
        };
        self.check_acts(&before, &acts, &context);
        match &first {
            Ok(ensured) if killed_after.is_none() => self.check_ok(ensured, &after, is_alike, &context),
            Err(error) if killed_after.is_none() && !error.may_have_acted() => {
                let is_undone = matches!(&acts[..], [Act::Created(made), Act::Deleted { key, .. }] if made == key);
                assert!(before == after || is_undone, "changed: {context}: {error}");
            }
            _ => {}
        }
        if first.is_err() || killed_after.is_some() {
            let has_drifted = before.iter().any(|key| !Self::has_scope(key) || !self.has_value(key));
            let undisturbed = Model::new(&before, &[]);
            let succeeds = self.run(&undisturbed.client(), "abcdFirst00000000000000000000000").is_ok();
            model.heal();
            let next = self.run(&model.client(), "abceNext000000000000000000000000");
            let state = model.state();
            self.check_acts(&after, &state.acts, &format!("next after {context}"));
            match next {
                Ok(ensured) => self.check_ok(&ensured, &state.keys, is_alike, &context),
                // The first run has renewed a key beside a drifted one, which the next plan reports.
                Err(Error::Drift { .. }) if self.planned && self.on_drift == OnDrift::Refuse && has_drifted => {}
                Err(error) => assert!(!succeeds, "no way out: {context}: {error}"),
            }
            if succeeds && self.generation.is_some() && !is_alike {
                let of_value = state.keys.iter().filter(|key| self.is_wanted(key)).count();
                assert_eq!(of_value, 1, "{context}: {:?}", state.keys);
            }
        }
        Some(requests)
    }

    /// Lets each request go wrong, in each way, and kills the process after each. Returns the number of courses.
    fn explore(self, old: &[Old]) -> usize {
        let requests = self.take(old, &[], None).unwrap();
        let faults = Event::DIFFERENT.into_iter().filter(|event| *event != Event::Normal);
        let courses = faults.flat_map(|fault| (0..requests).map(move |at| (at, fault)));
        let faulty = courses.filter_map(|(at, fault)| {
            let events = [vec![Event::Normal; at], vec![fault]].concat();
            self.take(old, &events, None)
        });
        let killed = (1..requests).filter_map(|requests| self.take(old, &[], Some(requests)));
        1 + faulty.count() + killed.count()
    }
}

fn runs() -> impl Iterator<Item = Run> {
    [None, Some(1), Some(2)].into_iter().flat_map(|generation| {
        [false, true].into_iter().flat_map(move |renews| {
            [OnDrift::Refuse, OnDrift::Replace, OnDrift::KeepOld].into_iter().flat_map(move |on_drift| {
                [false, true].into_iter().map(move |planned| Run { generation, renews, on_drift, planned })
            })
        })
    })
}

/// Up to two keys, with a value each.
fn sets() -> Vec<Vec<Old>> {
    let pairs = OLD.iter().flat_map(|one| OLD.iter().map(|other| vec![*one, *other]));
    let ones = OLD.iter().map(|one| vec![*one]);
    let all = [vec![]].into_iter().chain(ones).chain(pairs);
    all.filter(|set| {
        let entries = entries(set);
        entries.iter().all(|key| entries.iter().filter(|other| other.value == key.value).count() == 1)
    })
    .collect()
}

#[test]
fn keys_succeed_each_other_whatever_fails_and_whenever_the_process_is_killed() {
    let mut taken = 0;
    for run in runs() {
        taken += share(sets().into_iter(), 9).map(|old| run.explore(&old)).sum::<usize>();
    }
    println!("{taken} courses");
    assert!(taken > 2_000, "{taken}");
}

#[test]
fn two_runs_at_once_leave_one_key_that_does_not_expire_soon() {
    let plain = Run { generation: None, renews: false, on_drift: OnDrift::Refuse, planned: false };
    let renewal = Run { renews: true, ..plain };
    let of = |generation| Run { generation: Some(generation), ..plain };
    let replacing = Run { on_drift: OnDrift::Replace, ..of(2) };
    let keeping = Run { on_drift: OnDrift::KeepOld, ..of(2) };
    let planned = |run: Run| Run { planned: true, ..run };
    let dying = Old::Generated { expires_soon: true };
    let [first, first_dying] = [false, true].map(|expires_soon| Old::Derived { generation: 1, expires_soon });
    let mut taken = 0;
    for (runs, old) in [
        ([renewal, renewal], vec![dying]),
        ([renewal, planned(renewal)], vec![dying]),
        ([renewal, plain], vec![dying]),
        ([renewal, renewal], vec![Old::Drifted { generation: 1 }, dying]),
        ([of(1), of(1)], vec![]),
        ([of(1), planned(of(1))], vec![]),
        ([of(2), planned(of(2))], vec![Old::Expired { generation: 1 }]),
        ([replacing, replacing], vec![first]),
        ([replacing, planned(replacing)], vec![first]),
        ([replacing, keeping], vec![first]),
        ([replacing, planned(replacing)], vec![first, Old::Generated { expires_soon: false }]),
        ([Run { renews: true, ..of(2) }; 2], vec![first_dying]),
    ] {
        let before = entries(&old);
        for schedule in schedules() {
            let context = format!("{runs:?} {old:?} {schedule:?}");
            let model = Model::new(&before, &[]);
            let results = at_once(&model, schedule, |number, client| {
                runs[number]
                    .run(client, ["abcdFirst00000000000000000000000", "zzzzSecond0000000000000000000000"][number])
            });
            let after = model.state().keys.clone();
            for (run, (told, acts)) in runs.iter().zip(&results) {
                run.check_acts(&before, acts, &context);
                if let Ok(ensured) = told {
                    run.check_ok(ensured, &after, false, &context);
                }
            }
            if results.iter().all(|(told, _)| told.is_ok()) {
                let last = runs.iter().find(|run| run.renews).unwrap_or(&runs[1]);
                assert_eq!(after.iter().filter(|key| last.is_wanted(key)).count(), 1, "{context}: {after:?}");
                taken += 1;
            }
            assert!(!after.is_empty(), "no key is left: {context}");
        }
    }
    assert!(taken > 1_500, "{taken}");
}
