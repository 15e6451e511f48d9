//! Knows the secrets of one test, and at its end searches everything that was logged or shown.

use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::{ExposeSecret, SecretString};
use typesense_keys::{CreatedKey, Error};

use crate::support::capture::{Log, Record, joined};
use crate::support::random_text;
use crate::support::scan::{Found, Scanner, WINDOW};

static RECORDS: AtomicUsize = AtomicUsize::new(0);
static TEXTS: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);

/// The log of one test, the texts that it has shown, and the secrets that must be in neither.
pub(super) struct Watch {
    log: Log,
    scanner: Scanner,
    shown: Vec<String>,
}

impl Watch {
    pub(super) fn begin() -> Watch {
        Watch { log: Log::begin(), scanner: Scanner::default(), shown: Vec::new() }
    }

    /// Adds a secret, which no record or text of this test may contain, not even an earlier one.
    pub(super) fn secret(&mut self, name: &str, secret: &str) {
        self.scanner.add(name, secret);
    }

    /// Like [`secret`](Self::secret), for a secret that is the same in every run.
    pub(super) fn fixed_secret(&mut self, name: &str, secret: &str) {
        self.scanner.add_fixed(name, secret);
    }

    /// Draws a secret of this length, and adds it.
    pub(super) fn draw(&mut self, name: &str, length: usize) -> String {
        let secret = random_text(length);
        self.secret(name, &secret);
        secret
    }

    /// Shows `this` in both forms of `Debug`.
    pub(super) fn debug(&mut self, this: &impl Debug) {
        self.shown.extend([format!("{this:?}"), format!("{this:#?}")]);
    }

    pub(super) fn display(&mut self, this: &impl Display) {
        self.shown.extend([format!("{this}"), format!("{this:#}")]);
    }

    /// Shows a new key, and adds its value as a secret.
    pub(super) fn created(&mut self, name: &str, key: CreatedKey) -> CreatedKey {
        if key.value.expose_secret().len() >= WINDOW {
            self.secret(name, key.value.expose_secret());
        }
        self.debug(&key);
        key
    }

    /// Shows an error with all its parts: its causes, its attempts, and the panic of an `unwrap`.
    pub(super) fn error(&mut self, error: Error) {
        self.debug(&error);
        self.display(&error);
        let mut cause = error.source();
        while let Some(source) = cause {
            self.debug(&source);
            self.display(&source);
            cause = source.source();
        }
        if let Some(report) = error.report() {
            self.debug(report);
            self.shown.extend([report.node(), report.message().unwrap_or_default()].map(str::to_owned));
            self.shown.push(report.content_type().unwrap_or_default().to_owned());
            for attempt in report.attempts() {
                self.debug(attempt);
                self.display(attempt);
            }
        }
        if let Error::OutcomeUnknown(unknown) = &error {
            self.debug(unknown);
            self.display(unknown);
        }
        if let Error::NotReplicated(created) = &error {
            self.debug(created);
            self.debug(&created.key);
            created.nodes.iter().for_each(|node| self.display(node));
        }
        self.panic(|| drop(fail(error).unwrap()));
    }

    /// Shows the message of the panic with which `work` ends.
    pub(super) fn panic(&mut self, work: impl FnOnce()) {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let payload = panic::catch_unwind(AssertUnwindSafe(work)).unwrap_err();
        panic::set_hook(hook);
        self.shown.push(payload.downcast_ref::<String>().unwrap().clone());
    }

    /// All records, and the secrets that were found in the records and the shown texts.
    pub(super) fn search(self) -> (Vec<Record>, Vec<(String, Found)>) {
        let Watch { log, scanner, shown } = self;
        let records = log.drain();
        let mut found = Vec::new();
        let mut look = |place: &str, text: &[u8]| {
            TEXTS.fetch_add(1, Ordering::Relaxed);
            let text_found = scanner.find(text).into_iter();
            found.extend(text_found.map(|one| (format!("{place}: {}", String::from_utf8_lossy(text)), one)));
        };
        for Record { thread: _, level, target, module, text } in &records {
            look("log", format!("{level} {target} {module} {text}").as_bytes());
        }
        for text in joined(&records) {
            look("log, read on", &text);
        }
        for text in &shown {
            look("shown", text.as_bytes());
        }
        RECORDS.fetch_add(records.len(), Ordering::Relaxed);
        (records, found)
    }

    /// Searches, and fails if a secret is found.
    pub(super) fn end(self) {
        let (records, found) = self.search();
        FOUND.fetch_add(found.len(), Ordering::Relaxed);
        assert!(!records.is_empty(), "nothing was logged, so nothing was tested");
        let list: String = found.iter().map(|(place, found)| format!("{found:?}\n    in {place}\n")).collect();
        assert!(found.is_empty(), "secrets are shown in {} places:\n{list}", found.len());
    }
}

fn fail(error: Error) -> Result<CreatedKey, Error> {
    Err(error)
}

pub(crate) fn print_totals() {
    let [records, texts, found] = [&RECORDS, &TEXTS, &FOUND].map(|count| count.load(Ordering::Relaxed));
    println!(
        "{records} log records inspected, {texts} texts searched in all, {found} places with a window of a secret"
    );
}

pub(super) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}
