//! The process's logger: keeps every record, of every crate, at level `trace`.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};

/// One record, as any logger may print it.
#[derive(Clone, Debug)]
pub struct Record {
    pub thread: ThreadId,
    pub level: log::Level,
    pub target: String,
    pub module: String,
    pub text: String,
}

/// The log, for one test at a time.
pub struct Log(#[allow(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

struct Capture;

static RECORDS: Mutex<Vec<Record>> = Mutex::new(Vec::new());
static IN_USE: Mutex<()> = Mutex::new(());

impl Log {
    /// Begins an empty log. Waits until no other test of this process uses it.
    pub fn begin() -> Log {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            log::set_logger(&Capture).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
        });
        let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        records().clear();
        Log(in_use)
    }

    /// What was logged since the last call.
    pub fn drain(&self) -> Vec<Record> {
        std::mem::take(&mut *records())
    }
}

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // Formatted before the lock, because formatting the record may log again.
        let record = Record {
            thread: thread::current().id(),
            level: record.level(),
            target: record.target().to_owned(),
            module: record.module_path().unwrap_or_default().to_owned(),
            text: record.args().to_string(),
        };
        records().push(record);
    }

    fn flush(&self) {}
}

fn records() -> MutexGuard<'static, Vec<Record>> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records joined as a reader would join them: the texts of each thread and target one after the other, and the
/// bytes of ureq's hexadecimal dumps, which have 16 bytes a line.
pub fn joined(records: &[Record]) -> Vec<Vec<u8>> {
    let mut joined: Vec<(ThreadId, &str, Vec<u8>, Vec<u8>)> = Vec::new();
    for record in records {
        let at = joined.iter().position(|(thread, target, ..)| *thread == record.thread && *target == record.target);
        let at = at.unwrap_or_else(|| {
            joined.push((record.thread, &record.target, Vec::new(), Vec::new()));
            joined.len() - 1
        });
        joined[at].2.extend_from_slice(record.text.as_bytes());
        joined[at].3.extend(row(&record.text));
    }
    joined.into_iter().flat_map(|(_, _, text, rows)| [text, rows]).collect()
}

/// The bytes of a line such as `7261 6e73 …  rans…`; nothing for other lines.
fn row(text: &str) -> Vec<u8> {
    const DIGITS: usize = 8 * 5;
    let Some(digits) = text.get(..DIGITS) else { return Vec::new() };
    let digits: String = digits.split(' ').collect();
    let pairs = digits.as_bytes().chunks(2).map_while(|pair| std::str::from_utf8(pair).ok());
    pairs.map_while(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
