//! Measures a plan for many keys, next to the requests that it cannot do without: `cargo bench --bench plan`.
//!
//! Without TYPESENSE_URL and TYPESENSE_API_KEY, which should name a server for tests, it uses the fake server. That one
//! runs in this process, so its work is part of every row, and it creates keys much faster than a real one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may panic")]

use std::env;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use typesense_keys::KeysClient;
use typesense_keys::plan::KeySpec;
use typesense_keys::testing::FakeServer;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 10;
const LISTED: usize = 20_000;
const CREATED: usize = 2_000;

fn main() {
    let fake = env::var_os("TYPESENSE_URL").is_none().then(|| FakeServer::start().unwrap());
    let client = match &fake {
        Some(server) => KeysClient::builder().node(server.url()).api_key(server.api_key()).build().unwrap(),
        None => KeysClient::from_env().unwrap(),
    };
    create(&client);
    complete(&client);
    nothing_to_do(&client);
}

fn specs(count: usize) -> Vec<KeySpec> {
    let spec = |tenant| KeySpec::new(format!("bench {tenant}")).actions(["documents:search"]);
    (0..count).map(|tenant| spec(tenant).collections([format!("tenant_{tenant}")])).collect()
}

fn create(client: &KeysClient) {
    let many = || {
        let request = |tenant| client.create().description(format!("bench {tenant}")).actions(["documents:search"]);
        let requests = (0..CREATED).map(|tenant| request(tenant).collections([format!("tenant_{tenant}")]));
        let requests = requests.map(|request| request.prepare().unwrap());
        assert!(client.create_many(requests).send().is_complete());
    };
    let plan = || assert!(client.plan(specs(CREATED)).send().unwrap().apply().unwrap().is_complete());
    let (mut of_many, mut of_plan) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut works = [(&mut of_many, &many as &dyn Fn()), (&mut of_plan, &plan)];
        // A real server was seen to be slower for whatever comes second.
        works.rotate_left(round % 2);
        for (measured, work) in works {
            measured.push(measure(work));
            delete(client);
        }
    }
    let ((many, _), (plan, _)) = (best(of_many), best(of_plan));
    println!("{CREATED} new keys                 time     rate");
    println!("create_many            {many:>12.1?}     1.00");
    println!("plan and apply         {plan:>12.1?}{:>9.2}\n", many.as_secs_f64() / plan.as_secs_f64());
}

/// Completes requests whose keys exist among many others, next to one list of all of them. The requests share one list.
fn complete(client: &KeysClient) {
    assert!(client.plan(specs(LISTED)).send().unwrap().apply().unwrap().is_complete());
    let request = |tenant| {
        let request = client.create().description(format!("bench stored {tenant}")).actions(["documents:search"]);
        request.collections([format!("tenant_{tenant}")])
    };
    let requests = || (0..CREATED).map(request);
    let prepared = requests().map(|request| request.prepare().unwrap());
    let keys = client.create_many(prepared).send().into_outputs().unwrap();
    let stored =
        || requests().zip(&keys).map(|(request, key)| request.stored_value(key.value.clone()).prepare().unwrap());
    let (mut lists, mut completions, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lists.push(measure(|| client.list().send().unwrap()));
        completions.push(measure(|| assert!(client.create_many(stored()).send().is_complete())));
        reads.push(measure(|| keys.iter().for_each(|key| drop(client.get(key.id).send().unwrap()))));
    }
    delete(client);
    let [list, completion, read] = [lists, completions, reads].map(|measured| best(measured).0);
    let ratio = |time: Duration| time.as_secs_f64() / list.as_secs_f64();
    println!("{CREATED} of {} keys exist already    time   in lists", LISTED + CREATED);
    println!("one list               {list:>12.1?}     1.00");
    println!("get each key           {read:>12.1?}{:>9.2}", ratio(read));
    println!("create_many            {completion:>12.1?}{:>9.2}\n", ratio(completion));
}

fn nothing_to_do(client: &KeysClient) {
    let before = HEAP.current_usage();
    let described = specs(LISTED);
    let size_of_specs = HEAP.current_usage() - before;
    assert!(client.plan(described.clone()).send().unwrap().apply().unwrap().is_complete());
    let (mut lists, mut plans) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lists.push(measure(|| client.list().send().unwrap()));
        let described = described.clone();
        plans.push(measure(|| {
            let plan = client.plan(described).send().unwrap();
            assert!(!plan.has_changes());
            plan
        }));
    }
    delete(client);
    let ((list, size_of_list), (plan, size_of_plan)) = (best(lists), best(plans));
    // The plan takes the specs over, so they are a part of what it may hold.
    let larger = (size_of_plan + size_of_specs) as f64 / (size_of_list + size_of_specs) as f64;
    let slower = plan.as_secs_f64() / list.as_secs_f64();
    println!("{LISTED} keys as described        time    ratio   memory, KiB    ratio");
    println!("one list               {list:>12.1?}     1.00  {:>12}     1.00", size_of_list / 1024);
    println!("plan                   {plan:>12.1?}{slower:>9.2}  {:>12}{larger:>9.2}", size_of_plan / 1024);
}

/// Deletes the keys of this benchmark.
fn delete(client: &KeysClient) {
    let plan = client.plan([]).prune(|key| key.description.starts_with("bench ")).send().unwrap();
    assert!(plan.apply().unwrap().is_complete());
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

fn best(measured: Vec<(Duration, usize)>) -> (Duration, usize) {
    measured.into_iter().min().unwrap()
}
