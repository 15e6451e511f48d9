//! Whole operations against a model of the server, without sockets and without waiting: every course of faults, and
//! two runs at once. What must hold after each is in [`courses`].

mod courses;
mod model;
mod succession;
mod together;
