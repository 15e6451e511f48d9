//! The official async client, on a single-threaded runtime.

use std::hint::black_box;

use tokio::runtime::{Builder, Runtime};
use typesense::Client;
use typesense::models::ApiKeySchema;
use typesense_keys_peers::Keys;

pub struct Official {
    runtime: Runtime,
    client: Client,
}

pub fn connect(url: &str, key: &str) -> Official {
    Official {
        runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        client: Client::builder().nodes([url]).api_key(key).build().unwrap(),
    }
}

impl Keys for Official {
    fn create(&self) -> u32 {
        let (actions, collections) = (vec!["documents:search".to_owned()], vec!["docs".to_owned()]);
        let key = ApiKeySchema::new("docs".into(), actions, collections);
        let key = self.runtime.block_on(self.client.keys().create(key)).unwrap();
        u32::try_from(black_box(key).id.unwrap()).unwrap()
    }

    fn get(&self, id: u32) {
        black_box(self.runtime.block_on(self.client.key(id.into()).retrieve()).unwrap());
    }

    fn delete(&self, id: u32) {
        black_box(self.runtime.block_on(self.client.key(id.into()).delete()).unwrap());
    }

    fn list(&self) -> usize {
        black_box(self.runtime.block_on(self.client.keys().retrieve()).unwrap()).keys.len()
    }
}
