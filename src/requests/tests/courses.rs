//! Every course that an operation can take: which keys exist before, what becomes of each request, whose clock is wrong,
//! where the process is killed, before which request the cluster becomes another one, and where something panics. After
//! each course, the contract of the crate is checked:
//!
//! 1. Only what the contract names is deleted, and only if this run has seen it, as it is, after its last change.
//! 2. `Ok` names its own key, and claims no deletion that did not happen.
//! 3. Whatever the operation has created is in `Ok` or in the error.
//! 4. An error that promises that nothing was changed has changed nothing.
//! 5. An operation creates one key at most on one cluster.
//! 6. After an error or a kill, the next run or what the error advises succeeds, if the operation would have without
//!    faults, unless it names several keys that look alike.
//! 7. A panic is an error; that of a callback passes on after it was told the values, and leaves the client usable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::contract::{Course, Panic};
use super::model::{Act, Event, Model, World, exposed, generate_next, server_time};
use super::operations::{BEFORE, Before, OPERATIONS, VALUE};
use super::{is_ci, share};
use crate::client::KeysClient;
use crate::secret::tests::Random;

/// Takes every course of the operation with these keys: up to `depth` requests, of which at most `faults` go wrong.
fn explore(course: &mut Course, kinds: &[Event], depth: usize, faults: usize) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 1;
    if course.events.len() >= depth || requests <= course.events.len() || faults == 0 {
        return taken;
    }
    // Ends with a fault: the normal courses lead on to later ones.
    for normal in 0..(depth - course.events.len()).min(requests - course.events.len()) {
        for fault in kinds.iter().copied().filter(|kind| *kind != Event::Normal) {
            let length = course.events.len();
            course.events.extend(std::iter::repeat_n(Event::Normal, normal));
            course.events.push(fault);
            taken += explore(course, kinds, depth, faults - 1);
            course.events.truncate(length);
        }
    }
    taken
}

/// Kills the process after each of its requests, in every course.
fn explore_kills(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for requests in 1..requests {
        course.killed_after = Some(requests);
        taken += usize::from(course.take().is_some());
    }
    course.killed_after = None;
    taken
}

/// Lets the cluster become another one before each request, also if the response to the one before is lost.
fn explore_failovers(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for (at, world) in (0..requests).flat_map(|at| World::ALL.map(|world| (at, world))) {
        course.change = Some((at, world));
        taken += usize::from(course.take().is_some());
        if let Some(before) = at.checked_sub(1) {
            course.events = [vec![Event::Normal; before], vec![Event::LostAfter]].concat();
            taken += usize::from(course.take().is_some());
            course.events.clear();
        }
    }
    course.change = None;
    taken
}

/// Lets each request end in an error, and the cluster become another one before the caller does what the error advises.
fn explore_ways_out(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for at in 0..requests {
        for fault in [Event::Foreign, Event::Unauthorized, Event::PanicAfter] {
            course.events = [vec![Event::Normal; at], vec![fault]].concat();
            let Some(requests) = course.take() else { continue };
            for world in World::ALL {
                course.change = Some((requests, world));
                taken += usize::from(course.take().is_some());
            }
            course.change = None;
        }
    }
    course.events.clear();
    taken
}

/// Lets the cluster become another one before each request, in every course.
fn explore_changes(course: &mut Course, kinds: &[Event], faults: usize) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    for at in 0..requests {
        for world in World::ALL {
            course.change = Some((at, world));
            taken += explore(course, kinds, 12, faults);
        }
    }
    course.change = None;
    taken
}

/// Lets the clock and the caller's function panic at each of their calls, also if a response was lost; and the random
/// source fail or panic.
fn explore_panics(course: &mut Course) -> usize {
    let Some(requests) = course.take() else { return 0 };
    let mut taken = 0;
    // Later, only deletes follow.
    for lost in 0..=requests.min(5) {
        course.events = vec![Event::Normal; lost];
        if lost < requests {
            course.events.push(Event::LostAfter);
        }
        for panic in [Panic::Clock, Panic::Callback] {
            for calls in 0..40 {
                course.panic = Some(panic(calls));
                match course.take() {
                    Some(_) => taken += 1,
                    None => break,
                }
            }
        }
    }
    (course.events, course.panic) = (Vec::new(), None);
    for random in [Random::Fails, Random::Panics] {
        course.random = random;
        taken += usize::from(course.take().is_some());
    }
    course.random = Random::Gives(VALUE);
    taken
}

fn sets(size: usize) -> Vec<Vec<Before>> {
    let mut sets = vec![Vec::new()];
    let mut last = sets.clone();
    for _ in 0..size {
        last = last.iter().flat_map(|set| BEFORE.iter().map(|one| [set.as_slice(), &[*one]].concat())).collect();
        sets.extend(last.clone());
    }
    sets
}

fn courses(size: usize) -> impl Iterator<Item = Course> {
    sets(size)
        .into_iter()
        .flat_map(|before| {
            OPERATIONS.into_iter().flat_map(move |operation| {
                let before = before.clone();
                [0, 2, -2].into_iter().map(move |ahead| Course::new(operation, before.clone(), ahead))
            })
        })
        .filter(|course| !course.is_pointless())
}

fn now(size: usize) -> impl Iterator<Item = Course> {
    courses(size).filter(|course| course.ahead == 0)
}

/// Takes all courses, also after one has failed: each failure says which.
fn take(courses: impl Iterator<Item = Course>, explore: impl Fn(&mut Course) -> usize) {
    let explored = courses.map(|mut course| catch_unwind(AssertUnwindSafe(|| explore(&mut course))));
    let (taken, failed): (Vec<_>, Vec<_>) = explored.partition(Result::is_ok);
    let taken: usize = taken.into_iter().flatten().sum();
    println!("{taken} courses");
    let least = if is_ci() { 10_000 } else { 2_000 };
    assert!(failed.is_empty() && taken > least, "{} groups of courses have failed, {taken} are taken", failed.len());
}

#[test]
fn contract_holds_with_two_keys_before_and_a_fault_in_any_request() {
    take(share(courses(2), 11), |course| explore(course, &Event::DIFFERENT, 12, 1));
}

#[test]
fn contract_holds_with_one_key_before_and_two_faults() {
    take(share(courses(1), 11), |course| explore(course, &Event::DIFFERENT, 12, 2));
}

#[test]
fn contract_holds_and_the_next_run_reports_what_is_left_when_killed() {
    take(share(courses(2), 5), explore_kills);
}

#[test]
fn contract_holds_if_the_cluster_becomes_another_one_before_any_request() {
    let explore = |course: &mut Course| explore_failovers(course) + explore_ways_out(course);
    take(share(now(1), 3), explore);
    if is_ci() {
        take(now(2).step_by(5), explore);
    }
}

#[test]
fn contract_holds_if_anything_panics() {
    take(share(now(1), 5), |course| explore(course, &Event::ALL, 12, 1) + explore_panics(course));
}

/// The value of a key that was deleted is not created again, whoever has deleted it.
#[test]
fn prepared_request_that_is_sent_again_creates_nothing() {
    for (at, world) in (0..8).flat_map(|at| World::ALL.map(|world| (at, world))) {
        for fault in Event::DIFFERENT {
            for position in 0..4 {
                let model = Model::new(&[], &[]);
                let client = model.client();
                generate_next(Random::Gives(VALUE));
                let request = client.create().description("docs").actions(["documents:search"]).collections(["docs"]);
                let prepared = request.prepare().unwrap();
                let first = prepared.send().unwrap();
                let mut state = model.state();
                let requests = state.requests;
                state.change = Some((requests + at, world));
                state.events = [vec![Event::Normal; requests + position], vec![fault]].concat();
                state.acts.clear();
                drop(state);
                let second = prepared.send();
                let state = model.state();
                let is_there = state.keys.iter().any(|key| key.value == VALUE);
                let case = format!("{at}, {world:?}, {fault:?}, {position}: {second:?}");
                assert!(!state.acts.iter().any(|act| matches!(act, Act::Created(_))), "{case}");
                match second {
                    Ok(second) => assert!(is_there && second.id == first.id, "{case}"),
                    Err(error) => {
                        let is_answered = matches!(fault, Event::Normal | Event::Lagging);
                        assert!(!is_there || !is_answered, "{case}: {error}");
                    }
                }
            }
        }
    }
}

/// Key 1 looks like the new one, which the restored server does not have.
#[test]
fn key_that_could_not_be_told_from_another_is_not_believed_once_the_other_is_gone() {
    let before = [0, 1].map(|id| Before::Alike.entry(id, server_time(0)));
    // The old key and both nodes are asked first. The response to the create is lost.
    let model = Model::new(&before, &[Event::Normal, Event::Normal, Event::Normal, Event::LostAfter]);
    generate_next(Random::Gives(VALUE));
    let rotation = model.client().rotate(0).prepare().unwrap();
    let error = rotation.send().unwrap_err();
    assert!(error.to_string().contains("cannot be told"), "{error}");
    let requests = model.state().requests;
    model.state().change = Some((requests, World::Restored(2)));
    assert!(rotation.send().is_err());
    assert!(!model.state().acts.iter().any(|act| matches!(act, Act::Deleted { .. })));
}

/// A value that the server has refused exists. So the list is read until the deadline, by itself and in a batch.
#[test]
fn generated_value_is_looked_for_until_the_deadline() {
    let lagging = [Event::Lagging; 10];
    let model = || Model::new(&[], &[&[Event::LostAfter, Event::Normal][..], &lagging].concat());
    let prepared = |client: &KeysClient| {
        generate_next(Random::Gives(VALUE));
        client.create().description("docs").actions(["documents:search"]).collections(["docs"]).prepare().unwrap()
    };
    let client = model().client();
    assert_eq!(exposed(Some(&prepared(&client).send().unwrap().value)).as_deref(), Some(VALUE));
    let client = model().client();
    assert!(client.create_many([prepared(&client)]).send().is_complete());
}

/// Take minutes: `cargo test --release --lib in_every_course -- --ignored --nocapture`.
mod in_every_course {
    use super::*;

    #[test]
    #[ignore = "takes minutes"]
    fn with_three_keys_and_a_fault() {
        take(courses(3), |course| explore(course, &Event::DIFFERENT, 12, 1));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn with_two_keys_and_two_faults() {
        take(courses(2), |course| explore(course, &Event::DIFFERENT, 12, 2));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn with_one_key_and_six_faults() {
        take(courses(1), |course| explore(course, &Event::ALL, 12, 6));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn with_two_keys_and_anything_that_panics() {
        take(courses(2), |course| explore(course, &Event::ALL, 12, 1) + explore_panics(course));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn with_two_keys_and_a_changing_cluster() {
        take(now(2), |course| explore_failovers(course) + explore_ways_out(course));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn with_one_key_a_changing_cluster_and_a_fault() {
        take(now(1), |course| explore_changes(course, &Event::DIFFERENT, 1));
    }
}
