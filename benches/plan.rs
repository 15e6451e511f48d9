//! Measures a plan for many keys, next to the requests that it cannot do without: `cargo bench --bench plan`.
//!
//! The fake server runs in this process, so its work is part of every row.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use typesense_keys::testing::{FakeServer, TestKey};
use typesense_keys::{KeySpec, KeysClient};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 9;
const LISTED: usize = 20_000;
const CREATED: usize = 2_000;

fn main() {
    nothing_to_do();
    create();
}

fn client(server: &FakeServer) -> KeysClient {
    KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap()
}

fn specs(count: usize) -> Vec<KeySpec> {
    let spec = |tenant| KeySpec::new(format!("tenant {tenant}")).actions(["documents:search"]);
    (0..count).map(|tenant| spec(tenant).collections([format!("tenant_{tenant}")])).collect()
}

fn nothing_to_do() {
    let server = FakeServer::start().unwrap();
    for tenant in 0..LISTED {
        let key = TestKey::new(format!("tenant {tenant}"), ["documents:search"], [format!("tenant_{tenant}")]);
        server.seed(key).unwrap();
    }
    let client = client(&server);
    let before = HEAP.current_usage();
    let described = specs(LISTED);
    let size_of_specs = HEAP.current_usage() - before;
    let (mut lists, mut plans) = (Vec::new(), Vec::new());
    // In turns, so that a noisy machine disturbs both equally.
    for _ in 0..ROUNDS {
        lists.push(measure(|| client.list().send().unwrap()));
        let described = described.clone();
        plans.push(measure(|| {
            let plan = client.plan(described).send().unwrap();
            assert!(!plan.has_changes());
            plan
        }));
    }
    let ((list, size_of_list), (plan, size_of_plan)) = (median(lists), median(plans));
    println!("{LISTED} keys as described   time    ratio   memory, KiB   ratio");
    println!("one list                {list:>8.1?}    1.00  {:>12}", size_of_list / 1024);
    // The plan takes the specs over, so they are a part of what it may hold.
    let ratio = (size_of_plan + size_of_specs) as f64 / (size_of_list + size_of_specs) as f64;
    let slower = plan.as_secs_f64() / list.as_secs_f64();
    println!("plan                    {plan:>8.1?}{slower:>8.2}  {:>12}{ratio:>8.2}\n", size_of_plan / 1024);
}

fn create() {
    let many = |client: &KeysClient| {
        let request = |tenant| client.create().description(format!("tenant {tenant}")).actions(["documents:search"]);
        let requests = (0..CREATED).map(|tenant| request(tenant).collections([format!("tenant_{tenant}")]));
        assert!(client.create_many(requests).send().unwrap().is_complete());
    };
    let plan = |client: &KeysClient| {
        assert!(client.plan(specs(CREATED)).send().unwrap().apply().unwrap().is_complete());
    };
    let (mut of_many, mut of_plan) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (times, work) in [(&mut of_many, &many as &dyn Fn(&KeysClient)), (&mut of_plan, &plan)] {
            let server = FakeServer::start().unwrap();
            let client = client(&server);
            times.push(measure(|| work(&client)));
        }
    }
    let ((many, _), (plan, _)) = (median(of_many), median(of_plan));
    println!("{CREATED} new keys           time    rate");
    println!("create_many             {many:>8.1?}    1.00");
    println!("plan and apply          {plan:>8.1?}{:>8.2}", many.as_secs_f64() / plan.as_secs_f64());
}

/// The time that `work` takes, and the peak of the memory that it uses.
fn measure<T>(work: impl FnOnce() -> T) -> (Duration, usize) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let started = Instant::now();
    let result = work();
    let measured = (started.elapsed(), HEAP.peak_usage().saturating_sub(before));
    drop(result);
    measured
}

fn median(mut measured: Vec<(Duration, usize)>) -> (Duration, usize) {
    measured.sort();
    measured[ROUNDS / 2]
}
