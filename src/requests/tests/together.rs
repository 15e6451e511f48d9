//! Two runs at once, interleaved at every request.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::model::{Act, Entry, Event, Model, server_time};
use super::operations::{ANOTHER_VALUE, Before, DOCS, ENSURE, Ensure, Operation, ROTATE, Rotate, Told, VALUE, Value};
use super::share;
use crate::client::KeysClient;
use crate::http::{AttemptError, Deadlines, Request, RequestSender, ResponseBody};
use crate::key::KeyId;
use crate::node::Node;
use crate::secret::tests::Random;

/// Whose request is next.
struct Turns {
    schedule: Vec<usize>,
    position: usize,
    has_ended: [bool; 2],
}

#[derive(Clone)]
struct Turn(Arc<(Mutex<Turns>, Condvar)>);

impl Turn {
    fn new(schedule: Vec<usize>) -> Self {
        Self(Arc::new((Mutex::new(Turns { schedule, position: 0, has_ended: [false; 2] }), Condvar::new())))
    }

    /// Waits until it is the turn of `run`, and does `work`.
    fn take<T>(&self, run: usize, work: impl FnOnce() -> T) -> T {
        let (turns, changed) = &*self.0;
        let is_others = |turns: &mut Turns| {
            let next = turns.schedule.get(turns.position).copied().unwrap_or_default();
            next != run && !turns.has_ended[next]
        };
        let mut turns = changed.wait_while(turns.lock().unwrap(), is_others).unwrap();
        let result = work();
        turns.position += 1;
        changed.notify_all();
        result
    }

    fn end(&self, run: usize) {
        let (turns, changed) = &*self.0;
        turns.lock().unwrap().has_ended[run] = true;
        changed.notify_all();
    }
}

/// The requests of one run.
struct Run {
    number: usize,
    model: Model,
    turn: Turn,
    acts: Arc<Mutex<Vec<Act>>>,
}

impl Run {
    fn take<T>(&self, work: impl FnOnce() -> T) -> T {
        self.turn.take(self.number, || {
            let result = work();
            self.acts.lock().unwrap().append(&mut self.model.state().acts);
            result
        })
    }
}

impl RequestSender for Run {
    fn send(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
    ) -> Result<Box<dyn ResponseBody>, AttemptError> {
        self.take(|| self.model.send(node, request, deadlines))
    }
}

const ALIKE: [&str; 2] = ["abcdFirst00000000000000000000000", "abcdSecond0000000000000000000000"];
const UNLIKE: [&str; 2] = ["abcdFirst00000000000000000000000", "zzzzSecond0000000000000000000000"];

/// Both operations, which generate `values`, with their requests in the order of `schedule`.
struct Together<'a> {
    operations: [Operation; 2],
    values: [&'static str; 2],
    before: &'a [Entry],
    schedule: Vec<usize>,
    events: Vec<Event>,
}

/// The keys afterwards; the ids of those whose creator was not told; what each run was told, and what it has done.
type Results = (Vec<Entry>, Vec<u32>, [(Told, Vec<Act>); 2]);

/// Two runs, with their requests in the order of `schedule`. What each returns, and what it has done.
pub(super) fn at_once<T: Send>(
    model: &Model,
    schedule: Vec<usize>,
    run: impl Fn(usize, &KeysClient) -> T + Sync,
) -> [(T, Vec<Act>); 2] {
    let turn = &Turn::new(schedule);
    thread::scope(|scope| {
        let run = &run;
        let runs = [0, 1].map(|number| {
            scope.spawn(move || {
                let acts = Arc::<Mutex<Vec<Act>>>::default();
                let requests = Run { number, model: model.clone(), turn: turn.clone(), acts: acts.clone() };
                let told = run(number, &model.client_by(requests));
                turn.end(number);
                let acts = acts.lock().unwrap().clone();
                (told, acts)
            })
        });
        runs.map(|run| run.join().unwrap())
    })
}

impl Together<'_> {
    fn run(self) -> Results {
        let Self { operations, values, before, schedule, events } = self;
        let model = Model::new(before, &events);
        let run = |number: usize, client: &KeysClient| {
            operations[number].run(client, before.first(), Random::Gives(values[number]))
        };
        let results = at_once(&model, schedule, run);
        let state = model.state();
        (state.keys.clone(), state.lost_creates.clone(), results)
    }
}

const PLAIN: Operation = Operation::Ensure(ENSURE);
const REPLACE: Operation = Operation::Ensure(Ensure { replace_on_drift: true, ..ENSURE });
const FOR_AN_HOUR: Operation = Operation::Ensure(Ensure { expires_in_an_hour: true, ..ENSURE });
const WITH_VALUE: Operation = Operation::Ensure(Ensure { value: Value::Provided, ..ENSURE });
const PLANNED: Operation = Operation::Ensure(Ensure { planned: true, ..ENSURE });
const PLANNED_REPLACE: Operation = Operation::Ensure(Ensure { planned: true, replace_on_drift: true, ..ENSURE });
/// By a plan with a stored value.
const STORED: Operation = Operation::Ensure(Ensure { value: Value::Stored, planned: true, ..ENSURE });
const STORED_REPLACE: Operation =
    Operation::Ensure(Ensure { value: Value::Stored, planned: true, replace_on_drift: true, ..ENSURE });
const PLAIN_ROTATE: Operation = Operation::Rotate(ROTATE);

/// The orders of the first ten requests.
pub(super) fn schedules() -> impl Iterator<Item = Vec<usize>> {
    share(0..1_usize << 10, 5).map(|bits| (0..10).map(|bit| bits >> bit & 1).collect())
}

#[test]
fn two_runs_of_ensure_agree_on_one_key_and_delete_no_other() {
    for (operations, before) in [
        ([PLAIN, PLAIN], vec![]),
        ([PLAIN, PLAIN], vec![Before::ExpiredTwoDaysAgo]),
        ([PLAIN, FOR_AN_HOUR], vec![]),
        ([WITH_VALUE, WITH_VALUE], vec![]),
        ([WITH_VALUE, WITH_VALUE], vec![Before::Alike]),
        ([REPLACE, REPLACE], vec![]),
        ([REPLACE, REPLACE], vec![Before::Drifted]),
        ([PLAIN, REPLACE], vec![Before::Drifted]),
        ([STORED, PLANNED], vec![]),
        ([STORED_REPLACE, PLANNED_REPLACE], vec![]),
    ] {
        let entries: Vec<_> = before.iter().zip(0..).map(|(before, id)| before.entry(id, server_time(0))).collect();
        for schedule in schedules() {
            let together =
                Together { operations, values: ALIKE, before: &entries, schedule: schedule.clone(), events: vec![] };
            let (after, _, results) = together.run();
            let context = format!("{operations:?} {before:?} {schedule:?}");
            for (told, acts) in &results {
                if let Told::Ensured(ensured) = told {
                    let key = after.iter().find(|key| KeyId::from(key.id) == ensured.key.id);
                    assert!(key.is_some(), "`Ok` names a key that is deleted: {context}");
                }
                for act in acts {
                    if let Act::Deleted { key, .. } = act {
                        let is_own = acts.iter().any(|act| matches!(act, Act::Created(made) if made.id == key.id));
                        let was_replaced = before != [Before::Alike] && entries.contains(key);
                        assert!(is_own || was_replaced, "deleted key {}: {context}", key.id);
                        let Told::Ensured(ensured) = told else { continue };
                        let is_left = ensured.duplicates.contains(&KeyId::from(key.id));
                        assert!(!is_left, "the deleted key {} is reported as left: {context}", key.id);
                    }
                }
            }
            let wanted = after.iter().filter(|key| key.collections == DOCS && !entries.contains(key));
            let are_ensured = results.iter().all(|(told, _)| matches!(told, Told::Ensured(_)));
            assert!(!are_ensured || wanted.count() == 1, "not one key: {context}: {after:?}");
            assert!(!after.is_empty(), "no key is left: {context}");
        }
    }
}

#[test]
fn ensure_and_rotate_at_once_leave_a_key_and_delete_only_what_each_may() {
    for (ensure, before) in [(PLAIN, Before::Unlike), (REPLACE, Before::Unlike), (REPLACE, Before::Drifted)] {
        let entries = [before.entry(0, server_time(0))];
        for schedule in schedules() {
            let operations = [ensure, PLAIN_ROTATE];
            let together =
                Together { operations, values: ALIKE, before: &entries, schedule: schedule.clone(), events: vec![] };
            let (after, _, [(_, ensured), (_, rotated)]) = together.run();
            let context = format!("{ensure:?} {before:?} {schedule:?}");
            assert!(!after.is_empty(), "no key is left: {context}");
            let deleted = |acts: &[Act]| -> Vec<u32> {
                acts.iter()
                    .filter_map(|act| if let Act::Deleted { key, .. } = act { Some(key.id) } else { None })
                    .collect()
            };
            assert!(deleted(&rotated).iter().all(|id| *id == 0), "rotate: {context}");
            // Both the drifted key and its replacement, which has drifted as well, may be listed before.
            let is_own = |id| ensured.iter().any(|act| matches!(act, Act::Created(made) if made.id == id));
            let may_replace = before == Before::Drifted;
            assert!(deleted(&ensured).into_iter().all(|id| is_own(id) || may_replace), "ensure: {context}");
        }
    }
}

#[test]
fn run_that_has_lost_the_response_to_its_create_deletes_nothing() {
    let mut found = 0;
    for schedule in schedules() {
        for at in 1..6 {
            let events = [vec![Event::Normal; at], vec![Event::LostAfter]].concat();
            let context = format!("{schedule:?} {events:?}");
            let (operations, schedule) = ([PLAIN, PLAIN], schedule.clone());
            let together = Together { operations, values: UNLIKE, before: &[], schedule, events };
            let (after, lost, results) = together.run();
            for (told, acts) in results {
                // Its id was found by a prefix, and a prefix is no reason to delete a key.
                let is_found = acts.iter().any(|act| matches!(act, Act::Created(key) if lost.contains(&key.id)));
                let deletes = acts.iter().any(|act| matches!(act, Act::Deleted { .. }));
                assert!(!(is_found && deletes), "{context}: {acts:?}");
                let Told::Ensured(ensured) = told else { continue };
                found += usize::from(is_found && ensured.duplicates.iter().any(|id| *id < ensured.key.id));
                assert!(after.iter().any(|key| KeyId::from(key.id) == ensured.key.id), "{context}");
            }
        }
    }
    assert!(found > 0, "no run has found an earlier key of another run");
}

/// Whatever the process before has done: nothing, created the new key, or also deleted the old one.
#[test]
fn two_processes_that_complete_one_rotation_both_get_the_one_new_key() {
    let old = Before::Unlike.entry(0, server_time(0));
    let new = Entry { id: 1, value: VALUE.to_owned(), ..old.clone() };
    let rotate = Operation::Rotate(Rotate { value: Value::Stored, by_key: true, ..ROTATE });
    for before in [vec![old.clone()], vec![old.clone(), new.clone()], vec![new]] {
        for schedule in schedules() {
            let model = Model::new(&before, &[]);
            let results = at_once(&model, schedule.clone(), |_, client| {
                rotate.run(client, Some(&old), Random::Gives(ANOTHER_VALUE))
            });
            let after = model.state().keys.clone();
            let context = format!("{before:?} {schedule:?}: {after:?}");
            assert!(matches!(after.as_slice(), [only] if only.value == VALUE), "{context}");
            for (told, _) in results {
                match told {
                    Told::Key(id, _) => assert_eq!(id, KeyId::from(after[0].id), "{context}"),
                    Told::Error(error) => panic!("{context}: {error}"),
                    _ => panic!("not a rotation"),
                }
            }
        }
    }
}
