//! Brings the keys of one description to the wanted scope: compare, create, compare again, delete what is replaced.
//! `ensure` does so for one description, and `plan` for many.

mod steps;
mod survey;

pub use self::steps::EnsuredKey;
pub(super) use self::steps::{Creation, Steps, drift};
pub(super) use self::survey::{Drifted, Succession, Survey, Target, Verdict};
