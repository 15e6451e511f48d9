//! The local clock, by which this crate tells whether a key has expired.

use std::time::SystemTime;

/// The time by this thread's [`LocalClock`].
pub(crate) fn now() -> SystemTime {
    LocalClock::of_this_thread().now()
}

/// The system's clock. With the feature `testing`, a fake server can move it forward, for one thread and for the threads
/// that work for it, until the server is dropped.
#[cfg(not(feature = "testing"))]
#[derive(Clone, Copy)]
pub(crate) struct LocalClock;

#[cfg(not(feature = "testing"))]
impl LocalClock {
    pub(crate) fn of_this_thread() -> Self {
        Self
    }

    pub(crate) fn use_in_this_thread(self) {}

    fn now(self) -> SystemTime {
        SystemTime::now()
    }
}

#[cfg(feature = "testing")]
pub(crate) use self::moved::{LocalClock, MovedClock};

#[cfg(feature = "testing")]
mod moved {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Weak};
    use std::time::{Duration, SystemTime};

    /// A clock that a test moves forward.
    #[derive(Debug, Default)]
    pub(crate) struct MovedClock {
        seconds: AtomicU64,
    }

    impl MovedClock {
        /// `seconds` are added to what it is ahead already. It becomes the local clock of this thread.
        pub(crate) fn advance(self: &Arc<Self>, seconds: u64) {
            self.seconds.fetch_add(seconds, Ordering::SeqCst);
            LocalClock(Arc::downgrade(self)).use_in_this_thread();
        }

        pub(crate) fn now(&self) -> SystemTime {
            let now = SystemTime::now();
            now.checked_add(Duration::from_secs(self.seconds.load(Ordering::SeqCst))).unwrap_or(now)
        }
    }

    /// The system's clock if there is no moved one any more.
    #[derive(Clone, Default)]
    pub(crate) struct LocalClock(Weak<MovedClock>);

    thread_local! {
        static OF_THIS_THREAD: RefCell<LocalClock> = RefCell::default();
    }

    impl LocalClock {
        pub(crate) fn of_this_thread() -> Self {
            OF_THIS_THREAD.try_with(|clock| clock.borrow().clone()).unwrap_or_default()
        }

        pub(crate) fn use_in_this_thread(self) {
            // Fails only while the thread ends.
            let _ = OF_THIS_THREAD.try_with(|clock| clock.replace(self));
        }

        pub(super) fn now(&self) -> SystemTime {
            self.0.upgrade().map_or_else(SystemTime::now, |clock| clock.now())
        }
    }
}
