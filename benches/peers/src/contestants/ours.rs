//! typesense-keys, with its default deadlines.

use std::hint::black_box;

use typesense_keys::{Action, KeysClient};
use typesense_keys_peers::Keys;

pub struct Ours(KeysClient);

pub fn connect(url: &str, key: &str) -> Ours {
    Ours(KeysClient::builder().node(url).api_key(key).build().unwrap())
}

impl Keys for Ours {
    fn create(&self) -> u32 {
        let request = self.0.create().description("docs").actions([Action::DOCUMENTS_SEARCH]).collections(["docs"]);
        black_box(request.send().unwrap()).id.get()
    }

    fn get(&self, id: u32) {
        black_box(self.0.get(id).send().unwrap());
    }

    fn delete(&self, id: u32) {
        black_box(self.0.delete(id).send().unwrap());
    }

    fn list(&self) -> usize {
        black_box(self.0.list().send().unwrap()).len()
    }

    fn stream(&self) -> usize {
        self.0.list().stream().unwrap().inspect(|key| _ = black_box(key.as_ref().unwrap())).count()
    }
}
