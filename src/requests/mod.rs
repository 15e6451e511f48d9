//! The requests. Each has the engine and the caller's input. `send` first checks the input, then makes its calls, and
//! returns a value or an [`Error`](crate::Error).

#[macro_use]
mod options;

mod batch_item;
mod create;
mod create_once;
mod delete;
mod ensure;
mod get;
mod key_ref;
mod list;
mod lookup;
mod many;
mod new_key;
mod plan;
mod replication;
mod rotate;
mod runner;
mod sending;
mod steps;
mod survey;
#[cfg(test)]
mod tests;
mod value;

pub use self::create::{CreateKey, PreparedCreate};
pub use self::delete::DeleteKey;
pub use self::ensure::EnsureKey;
pub use self::get::GetKey;
pub(crate) use self::get::wait_until_ready;
pub use self::key_ref::KeyRef;
pub use self::list::{KeyStream, ListKeys};
pub use self::many::{Batch, SendMany};
pub use self::plan::{Applied, ApplyEvent, ApplyProgress, Change, KeySpec, Plan, PlanKeys, PlannedKey, Scope};
pub use self::rotate::{PreparedRotation, RotateKey};
pub use self::sending::Progress;
pub use self::steps::EnsuredKey;
