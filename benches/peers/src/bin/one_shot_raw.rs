//! A key's life in a process of its own.

#[path = "../contestants/raw.rs"]
mod contestant;

fn main() {
    typesense_keys_peers::one_shot(contestant::connect);
}
