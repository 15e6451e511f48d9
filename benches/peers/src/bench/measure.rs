//! CPU time, allocations and medians.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::ClockId;

/// The cost of some work.
pub(crate) struct Taken {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

/// Includes the CPU time of all threads of this process, also of those that have ended.
pub(crate) fn by_process(mut work: impl FnMut()) -> Taken {
    let cpu = || Duration::from(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().expect("a clock of the processor"));
    let (started, before) = (Instant::now(), cpu());
    work();
    Taken { cpu: cpu() - before, time: started.elapsed() }
}

/// The CPU time of the processes that `work` starts and waits for, and of their children.
pub(crate) fn by_children(work: impl FnOnce()) -> Duration {
    let spent = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the children's use");
        let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
        micros(usage.user_time()) + micros(usage.system_time())
    };
    let before = spent();
    work();
    Duration::from_micros(u64::try_from(spent() - before).expect("no less than before"))
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn median(of: impl Iterator<Item = f64>) -> Option<f64> {
    let mut of: Vec<f64> = of.collect();
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied()
}

/// The system's allocator. It counts only while [`allocated`] runs, so that other measurements are not affected.
pub(crate) struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// The number of allocations and reallocations that `work` makes, on any thread.
pub(crate) fn allocated(work: impl FnOnce()) -> usize {
    ALLOCATIONS.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    work();
    COUNTS.store(false, Relaxed);
    ALLOCATIONS.load(Relaxed)
}

fn count() {
    if COUNTS.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
    }
}

// SAFETY: forwards to the system's allocator; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        unsafe { System.dealloc(old, layout) }
    }
}
