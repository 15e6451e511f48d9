//! Creates, gets and deletes a key in a process of its own.

#[path = "../contestants/raw.rs"]
mod contestant;

fn main() {
    typesense_keys_peers::one_shot(contestant::connect);
}
