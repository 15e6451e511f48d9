//! The requests. Each has the engine and the caller's input. `send` first checks the input, then makes its calls, and
//! returns a value or an [`Error`](crate::Error).

mod create;
mod delete;
mod ensure;
mod get;
mod list;
mod many;
mod new_key;
mod options;
mod plan;
mod replication;
mod rotate;
mod runner;
mod steps;
mod survey;
#[cfg(test)]
mod tests;
mod value;

pub use self::create::{CreateKey, PreparedCreate};
pub use self::delete::{DeleteKey, KeyToDelete};
pub use self::ensure::EnsureKey;
pub use self::get::GetKey;
pub(crate) use self::get::wait_until_ready;
pub use self::list::{KeyStream, ListKeys};
pub(crate) use self::many::CreateItem;
pub use self::many::{Batch, Progress, SendMany};
pub use self::plan::{Applied, ApplyEvent, ApplyProgress, Change, KeySpec, Plan, PlanKeys, PlannedKey, Scope};
pub use self::rotate::RotateKey;
pub(crate) use self::rotate::resume;
pub use self::steps::EnsuredKey;
