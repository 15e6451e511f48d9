//! Whole operations against a model of the server, without sockets and without waiting: every course of faults, and
//! two runs at once. What must hold after each is said in [`courses`].

mod completions;
mod contract;
mod courses;
mod model;
mod operations;
mod succession;
mod together;
