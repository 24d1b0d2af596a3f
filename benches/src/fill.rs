//! Makes many objects: AES-256 keys, ten of a name, ten of a group, all of one more group, in batches over several connections.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use kmip::ProtocolVersion;
use kmip::attribute::Attribute;
use kmip::message::write_request_item;
use kmip::operation::Operation;
use kmip::payload::create::{CreateRequest, CreateResponse};
use kmip::payload::get::GetRequest;
use rustls::ClientConfig;

use crate::connection::Connection;
use crate::messages::{batch, create_payload, successes};

/// Objects of one request: a site that brings its keys along sends no more at a time.
const BATCH: usize = 32;
/// Objects that share a name, and objects of a group: what a Locate of either finds.
pub const SHARED: usize = 10;
/// The version of the messages: in 1.x, objects may share a name.
pub const VERSION: ProtocolVersion = ProtocolVersion::V1_4;

/// The Name that the objects have whose number is the same without its last digit.
#[must_use]
pub fn name(number: usize) -> String {
    format!("disk-{:07}", number / SHARED)
}

/// Their Object Group. Other objects share it than the name: those with the same last digit in the same hundred.
#[must_use]
pub fn group(number: usize) -> String {
    format!("array-{:05}-{}", number / (SHARED * SHARED), number % SHARED)
}

/// The Object Group that all objects have beside it.
pub const SITE: &str = "site";

/// What is made.
#[derive(Clone, Debug)]
pub struct Fill {
    /// HOST:PORT of the server.
    pub endpoint: String,
    /// The numbers of the objects.
    pub numbers: Range<usize>,
    /// With how many connections.
    pub connections: usize,
    /// Whether every object is read once: the first Get of an object writes that it is no longer fresh.
    pub read: bool,
}

/// Makes the objects, and returns their identifiers in the order of their numbers. `progress` is told how many there are.
///
/// # Errors
/// If the server cannot be reached, or refuses one.
pub fn fill(fill: &Fill, client: &Arc<ClientConfig>, progress: impl Fn(usize) + Sync) -> io::Result<Vec<String>> {
    let identifiers = Mutex::new(vec![String::new(); fill.numbers.len()]);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> io::Result<()> {
        let mut connection = Connection::open(client, &fill.endpoint)?;
        let mut response = Vec::new();
        loop {
            let first = next.fetch_add(BATCH, Ordering::SeqCst);
            if first >= fill.numbers.len() {
                return Ok(());
            }
            let count = BATCH.min(fill.numbers.len() - first);
            connection.exchange(&request(fill.numbers.start + first, count, fill.read), &mut response)?;
            let step = 1 + usize::from(fill.read);
            let created: Vec<CreateResponse> =
                successes(&response, |position| position.is_multiple_of(step)).map_err(io::Error::other)?;
            if created.len() != count {
                return Err(io::Error::other(format!("{count} objects were sent, {} answered", created.len())));
            }
            let mut all = identifiers.lock().unwrap_or_else(PoisonError::into_inner);
            for (offset, created) in created.into_iter().enumerate() {
                all[first + offset] = created.unique_identifier.0;
            }
            drop(all);
            progress(done.fetch_add(count, Ordering::SeqCst) + count);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..fill.connections).map(|_| scope.spawn(work)).collect();
        let panicked = || Err(io::Error::other("a thread of the fill panicked"));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| panicked()))
    })?;
    Ok(identifiers.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// One request of some objects, each read when it is made if `read` says so.
fn request(first: usize, count: usize, read: bool) -> Vec<u8> {
    let items = count * (1 + usize::from(read));
    // The ID Placeholder: the Get of the object that was just made.
    let get = GetRequest {
        unique_identifier: None,
        key_format_type: None,
        key_wrap_type: None,
        key_compression_type: None,
        key_wrapping_specification: None,
    };
    batch(VERSION, items, |writer| {
        let mut item = 0_u32;
        for number in first..first + count {
            item += 1;
            write_request_item(writer, VERSION, Operation::Create, Some(&item.to_be_bytes()), &object(number));
            if read {
                item += 1;
                write_request_item(writer, VERSION, Operation::Get, Some(&item.to_be_bytes()), &get);
            }
        }
    })
}

fn object(number: usize) -> CreateRequest {
    let mut payload = create_payload(Some(&name(number)));
    payload.attributes.attributes.push(Attribute::ObjectGroup(group(number)));
    payload.attributes.attributes.push(Attribute::ObjectGroup(SITE.to_owned()));
    payload
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kmip::message::RequestMessage;
    use ttlv_codec::Limits;

    use super::*;

    #[test]
    fn ten_share_a_name_and_ten_others_a_group() {
        let (mut names, mut groups) = (HashMap::new(), HashMap::new());
        for number in 0..1_000 {
            *names.entry(name(number)).or_insert(0) += 1;
            *groups.entry(group(number)).or_insert(0) += 1;
        }
        assert!(names.len() == 100 && names.values().all(|count| *count == SHARED));
        assert!(groups.len() == 100 && groups.values().all(|count| *count == SHARED));
    }

    #[test]
    fn a_request_can_be_read() {
        for (read, items) in [(false, BATCH), (true, 2 * BATCH)] {
            let bytes = request(7, BATCH, read);
            let message = RequestMessage::read(&bytes, &Limits::default(), 256).unwrap();
            assert_eq!(message.items.len(), items);
        }
    }
}
