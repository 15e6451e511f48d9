//! The local clock, by which this crate tells whether a key has expired. A fake server can move it forward, for one
//! thread and for the threads that work for it, until the server is dropped.

use std::cell::RefCell;
#[cfg(feature = "testing")]
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The time by this thread's clock.
pub(crate) fn now() -> SystemTime {
    of_this_thread().upgrade().map_or_else(SystemTime::now, |clock| clock.now())
}

/// A clock that a test moves: by how many seconds it is ahead.
#[derive(Debug, Default)]
pub(crate) struct MovedClock(AtomicU64);

impl MovedClock {
    /// Moves it forward, and makes it the clock of this thread.
    #[cfg(feature = "testing")]
    pub(crate) fn advance(self: &Arc<Self>, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
        use_in_this_thread(Arc::downgrade(self));
    }

    pub(crate) fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        now.checked_add(Duration::from_secs(self.0.load(Ordering::SeqCst))).unwrap_or(now)
    }
}

thread_local! {
    /// The clock of a thread: a moved one, or the system's if there is none any more.
    static OF_THIS_THREAD: RefCell<Weak<MovedClock>> = RefCell::default();
}

pub(crate) fn of_this_thread() -> Weak<MovedClock> {
    OF_THIS_THREAD.try_with(|clock| clock.borrow().clone()).unwrap_or_default()
}

pub(crate) fn use_in_this_thread(clock: Weak<MovedClock>) {
    // Fails only while the thread ends.
    let _ = OF_THIS_THREAD.try_with(|current| current.replace(clock));
}
