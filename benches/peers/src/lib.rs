//! What the contestants share. Each contestant is a module of the programs that use it, so that no program contains
//! another one's code.

use std::{env, fs};

/// A client, or code that does the same work.
pub trait Keys: Sync {
    /// Creates a key that may search `docs`, reads the response, and returns the key's id.
    fn create(&self) -> u32;

    /// Gets a key, and reads the response.
    fn get(&self, id: u32);

    /// Deletes a key, and reads the response.
    fn delete(&self, id: u32);

    /// Lists all keys, and returns their number.
    fn list(&self) -> usize {
        unimplemented!()
    }

    /// The same, key by key, if the client can do that.
    fn stream(&self) -> usize {
        self.list()
    }
}

/// The whole of a small program: `URL KEY life`, `URL KEY list`, `URL KEY stream`, `URL KEY create TIMES`,
/// `URL KEY get TIMES ID`. With `peak` at the end, it prints its peak memory in KiB.
pub fn one_shot<K: Keys>(connect: impl FnOnce(&str, &str) -> K) {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse().expect("a number");
    let keys = connect(&arguments[0], &arguments[1]);
    match arguments[2].as_str() {
        "life" => {
            let id = keys.create();
            keys.get(id);
            keys.delete(id);
        }
        "list" => assert_ne!(keys.list(), 0),
        "stream" => assert_ne!(keys.stream(), 0),
        "create" => (0..number(3)).for_each(|_| _ = keys.create()),
        "get" => (0..number(3)).for_each(|_| keys.get(number(4))),
        other => panic!("unknown: {other}"),
    }
    if arguments.last().is_some_and(|last| last == "peak") {
        println!("{}", peak_kib());
    }
}

fn peak_kib() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").to_owned()
}
