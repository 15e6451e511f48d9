//! Sends requests to two worlds, and compares the responses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connection::Connection;
use super::exceptions::reason;
use super::generate::Names;
use super::keys::Key;
use super::request::{Search, Way, body};
use super::shrink;
use super::world::{Stage, World, shows_hidden_words, shows_other_tenants};

use crate::support::Random;
use crate::support::harness::cases;

const THREADS: usize = 4;
/// The number of searches in one `multi_search`.
const TOGETHER: usize = 12;
/// The number of rows after which the search ends.
pub(crate) const MAX_ROWS: usize = 30;

/// The number of requests; by default, enough for half a minute.
pub(crate) fn requests() -> usize {
    from_environment("NONINTERFERENCE_REQUESTS").unwrap_or_else(|| cases(24_000))
}

pub(crate) fn seed() -> u64 {
    from_environment("NONINTERFERENCE_SEED").unwrap_or(20)
}

pub(crate) fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// A request whose responses differ, as small as possible.
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) search: Search,
    pub(crate) responses: [String; 2],
}

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) requests: usize,
    pub(crate) rows: Vec<Row>,
    seed: u64,
    /// Requests whose responses differ and that contain a smaller one that differs.
    explained: usize,
    /// Requests whose responses differed once, but not again.
    unstable: Vec<Search>,
    /// Requests without a response: in both worlds, the server fails during the search.
    unanswered: Vec<Search>,
    /// Requests whose responses may differ, and how many do, for each reason.
    excepted: BTreeMap<&'static str, (usize, usize)>,
    /// Responses by status: a generator whose requests are all refused proves nothing.
    statuses: BTreeMap<u16, usize>,
    took: Duration,
}

impl Report {
    /// Whether most requests succeeded, and nearly all got the same response each time. Otherwise, the test proves
    /// nothing.
    pub(crate) fn is_conclusive(&self) -> bool {
        let found = self.statuses.get(&200).copied().unwrap_or_default();
        found * 2 > self.requests && (self.unanswered.len() + self.unstable.len()) * 1000 < self.requests
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, rows, seed, explained, unstable, unanswered, excepted, statuses, took } = self;
        writeln!(f, "seed {seed}: {requests} requests in {took:.0?}, by status {statuses:?}")?;
        writeln!(f, "unstable: {}; unanswered: {}", unstable.len(), unanswered.len())?;
        for (reason, (requests, different)) in excepted {
            writeln!(f, "{different} of {requests} may differ: {reason}")?;
        }
        for search in unstable.iter().take(3) {
            writeln!(f, "  unstable: {search}")?;
        }
        for search in unanswered.iter().take(3) {
            writeln!(f, "  unanswered: {search}")?;
        }
        writeln!(f, "{} rows, and {explained} differences that they explain", rows.len())?;
        for Row { key, search, responses: [one, other] } in rows {
            writeln!(f, "({key:?}, {search}),\n    // {}\n    // {}", shortened(one, other), shortened(other, one))?;
        }
        Ok(())
    }
}

/// The part of a response around the first byte that differs.
fn shortened(text: &str, other: &str) -> String {
    let same = text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    text.chars().skip(same.saturating_sub(60)).take(160).collect()
}

/// Sends to two worlds as a key.
pub(crate) struct Pair<'a> {
    stage: &'a Stage,
    connection: Connection,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        Self { stage, connection: Connection::new(stage.port) }
    }

    /// The status and the text of a response, without the name of the world and without times.
    fn send(
        &mut self,
        key: &SecretString,
        world: World,
        (method, path, body): (&str, String, String),
    ) -> (u16, String) {
        let response = self.connection.send(method, &path, key.expose_secret(), &body);
        match response {
            Ok(response) => (response.status, normalized(&response.text(), &self.stage.collection(world))),
            Err(error) => (0, format!("no response: {}", error.kind())),
        }
    }

    /// One search in both worlds. If the response may come from a cache, another tenant sends the same search first.
    pub(crate) fn search(&mut self, key: &Key, search: &Search) -> [(u16, String); 2] {
        let mut search = search.clone();
        let is_cached = search.values("use_cache").next().is_some();
        if is_cached {
            // A response to an earlier, mutated key must not come from the cache.
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            search.params.push(("count".to_owned(), count.to_string()));
        }
        key.worlds.map(|world| {
            let request = || search.request(&self.stage.collection(world));
            if is_cached {
                self.send(&key.of_other_tenant, world, request());
            }
            self.send(&key.value, world, request())
        })
    }

    /// The responses, if they reveal something: they differ, each of them twice in the same way, or one of them shows a
    /// document of another tenant.
    pub(crate) fn revealed(&mut self, key: &Key, search: &Search) -> Option<[String; 2]> {
        let first = self.search(key, search);
        let [one, other] = &first;
        let reveal = reveal(key, search, &one.1, &other.1) || (one.0 != other.0 && reason(key, search).is_none());
        let reveal = reveal && first == self.search(key, search);
        reveal.then(|| first.map(|(status, text)| format!("{status} {text}")))
    }

    /// The texts of the responses to several searches at once, if the server responds to all of them.
    fn together(&mut self, key: &Key, searches: &[Search]) -> Option<[Vec<String>; 2]> {
        let texts = key.worlds.map(|world| {
            let request = ("POST", "/multi_search".to_owned(), body(searches, &self.stage.collection(world)));
            let (status, text) = self.send(&key.value, world, request);
            let results = serde_json::from_str::<Results<'_>>(&text).ok().filter(|_| status == 200)?;
            Some(results.results.iter().map(|result| result.get().to_owned()).collect())
        });
        let [one, other] = texts;
        Some([one?, other?])
    }
}

/// Whether these responses to a search reveal something. Even responses that may differ must not show documents of
/// others or hidden values.
fn reveal(key: &Key, search: &Search, one: &str, other: &str) -> bool {
    let request = search.to_string();
    [one, other].into_iter().any(|text| {
        (key.limits_documents() && shows_other_tenants(text))
            || (key.limits_fields() && shows_hidden_words(text, &request, key.hides_objects()))
    }) || (one != other && reason(key, search).is_none())
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

/// Only two things are not compared: the time that a search took, and the name of the collection, which is in the
/// request.
fn normalized(text: &str, collection: &str) -> String {
    let mut parts = text.split("\"search_time_ms\":");
    let mut normalized = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        normalized += "\"search_time_ms\":0";
        normalized += part.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    normalized.replace(collection, "COLLECTION")
}

/// Draws requests for all keys, and reports those whose responses differ.
pub(crate) fn search(stage: &Stage, keys: &[Key], requests: usize, seed: u64, max_rows: usize) -> Report {
    let (started, names, next) = (Instant::now(), Names::read(), AtomicUsize::new(0));
    let report = Mutex::new(Report { seed, ..Report::default() });
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut pair = Pair::new(stage);
                loop {
                    // Each draw has its own generator, so the number of threads does not change the requests.
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let mut random = Random::new(seed.wrapping_mul(1 << 32).wrapping_add(at as u64 * 1000));
                    let key = &keys[at % keys.len()];
                    draw(&mut pair, key, &names, &mut random, &report);
                    let report = report.lock().unwrap();
                    if report.requests >= requests || report.rows.len() >= max_rows {
                        break;
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap();
    report.took = started.elapsed();
    report
}

/// One request, or one `multi_search` with several.
fn draw(pair: &mut Pair<'_>, key: &Key, names: &Names, random: &mut Random, report: &Mutex<Report>) {
    let (way, length) = match random.below(20) {
        0..=9 => (Way::Get, 1),
        10..=11 => (Way::MultiUrl, 1),
        12..=13 => (Way::MultiBoth, 1),
        _ => (Way::Multi, TOGETHER),
    };
    let searches: Vec<_> = (0..length).map(|_| names.search(random, way)).collect();
    let responses = (length > 1).then(|| pair.together(key, &searches)).flatten();
    for (at, search) in searches.iter().enumerate() {
        let (status, one, other) = match &responses {
            Some([one, other]) => {
                (if one[at].contains("\"error\":") { 400 } else { 200 }, one[at].clone(), other[at].clone())
            }
            None => {
                let [one, other] = pair.search(key, search);
                (one.0, one.1, if one.0 == other.0 { other.1 } else { format!("{}", other.0) })
            }
        };
        {
            let mut report = report.lock().unwrap();
            report.requests += 1;
            *report.statuses.entry(status).or_default() += 1;
            if status == 0 {
                report.unanswered.push(search.clone());
            }
            if let Some(reason) = reason(key, search) {
                let (requests, different) = report.excepted.entry(reason).or_default();
                *requests += 1;
                *different += usize::from(one != other);
            }
        }
        if reveal(key, search, &one, &other) {
            explain(pair, key, search, report);
        }
    }
}

/// Adds the smallest request that differs, unless a smaller one is already known.
fn explain(pair: &mut Pair<'_>, key: &Key, search: &Search, report: &Mutex<Report>) {
    let is_part =
        |row: &Row| row.key == key.name && row.search.params.iter().all(|param| search.params.contains(param));
    if report.lock().unwrap().rows.iter().any(is_part) {
        report.lock().unwrap().explained += 1;
        return;
    }
    if pair.revealed(key, search).is_none() {
        report.lock().unwrap().unstable.push(search.clone());
        return;
    }
    let search = shrink::smallest(search.clone(), |candidate| pair.revealed(key, candidate).is_some());
    let responses = pair.revealed(key, &search).unwrap_or_default();
    let mut report = report.lock().unwrap();
    let names = |search: &Search| search.params.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    if report.rows.iter().filter(|row| row.key == key.name && names(&row.search) == names(&search)).count() > 3 {
        report.explained += 1;
    } else {
        report.rows.push(Row { key: key.name, search, responses });
    }
}
