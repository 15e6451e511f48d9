//! Whole operations against a model of the server, without sockets and without waiting: every course of faults, and
//! two runs at once. What must hold after each is said in [`courses`].

mod completions;
mod contract;
mod courses;
mod model;
mod operations;
mod proofs;
mod succession;
mod together;

/// All cases with `CI=true`, and else one of each `step`, which should have no factor in common with what repeats.
fn share<T>(cases: impl Iterator<Item = T>, step: usize) -> impl Iterator<Item = T> {
    cases.step_by(if is_ci() { 1 } else { step })
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}
