//! Processor time, allocations, medians.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::ClockId;

/// What a piece of work took.
pub(crate) struct Taken {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

/// With the processor time of all threads of this process, also of those that ended meanwhile.
pub(crate) fn by_process(mut work: impl FnMut()) -> Taken {
    let cpu = || Duration::from(ClockId::CLOCK_PROCESS_CPUTIME_ID.now().expect("a clock of the processor"));
    let (started, before) = (Instant::now(), cpu());
    work();
    Taken { cpu: cpu() - before, time: started.elapsed() }
}

/// The processor time of the processes that `work` starts and waits for, and of theirs.
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

/// The system's allocator; counts while [`allocated`] is at work, so that it costs nothing otherwise.
pub(crate) struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// How many allocations `work` makes, on any thread, counting each change of size as one.
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

// SAFETY: the system's own allocator does the work; counting neither allocates nor panics.
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
