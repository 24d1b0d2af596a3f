//! The contract of every store, on sled.

use store::contract::{Backend, DurableBackend};
use store::sealing::RootKey;
use store_sled::{Options, SledStore};
use tempfile::TempDir;

struct Sled {
    store: SledStore,
    root: RootKey,
    directory: TempDir,
}

impl Backend for Sled {
    type Store = SledStore;

    fn create() -> Self {
        let (directory, root) = (tempfile::tempdir().expect("directory"), RootKey::generate().expect("root key"));
        let store = SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create");
        Self { store, root, directory }
    }

    fn store(&self) -> &SledStore {
        &self.store
    }
}

impl DurableBackend for Sled {
    fn reopen(self) -> Self {
        let Self { store, root, directory } = self;
        drop(store);
        let store = SledStore::open(&directory.path().join("data"), &root, &Options::default()).expect("open");
        Self { store, root, directory }
    }
}

store::contract_tests!(Sled);
store::durable_contract_tests!(Sled);
