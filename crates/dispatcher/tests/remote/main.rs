//! Two dispatchers on one store in another process, which is slow, refuses commits for conflicts that are none, and ends
//! connections so that nobody can tell what became of a commit: everything happens as if there were one dispatcher that did one
//! thing after another.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

mod batches;
#[path = "../engine/client.rs"]
#[allow(dead_code)] // The tests of one dispatcher need more of it.
mod client;
mod dice;
#[path = "../engine/fidelity.rs"]
mod fidelity;
mod keys;
mod linear;
mod names;
#[path = "../engine/objects.rs"]
#[allow(dead_code)]
mod objects;
mod server;

/// Serves the store where another test started this one to that end; and the end of that process is the end of its store.
#[test]
fn the_store_is_in_another_process() {
    if store::contract::remote::serve_if_asked().unwrap() {
        return;
    }
    let servers = server::Servers::new(0);
    let key = servers.client(0).create(client::aes());
    assert_eq!(servers.client(1).state(&key), kmip::enumerations::State::PreActive);
    servers.end();
}
