//! Keys and chunks: how records lie in sled.
//!
//! A record's key is where it was created (tenant, commit, position in the commit) and the number of a chunk: numbers the
//! server made, so that no name a client chose is on disk, and in the order of creation, so that new records append. They are
//! never used twice. Chunk 0 begins with the length of the whole sealed record.

use store::Tenant;
use store::index::Place;
use store::sealing::{Kind, Label};

/// The longest value given to sled. Longer ones, 64 KiB at the latest, become files of their own that nobody syncs.
pub(crate) const CHUNK: usize = 60 << 10;

/// The length of the whole, in front of chunk 0.
const PREFIX: usize = 4;

/// The number of a record: nothing of it is reused when the record is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number {
    pub(crate) tenant: Tenant,
    pub(crate) created: u64,
    pub(crate) position: u32,
}

impl Number {
    pub(crate) fn of(tenant: Tenant, place: &Place) -> Self {
        Self { tenant, created: place.created.0, position: place.position }
    }

    pub(crate) fn key(self, chunk: u16) -> [u8; 18] {
        let mut key = [0; 18];
        key[..4].copy_from_slice(&self.tenant.0.to_be_bytes());
        key[4..12].copy_from_slice(&self.created.to_be_bytes());
        key[12..16].copy_from_slice(&self.position.to_be_bytes());
        key[16..].copy_from_slice(&chunk.to_be_bytes());
        key
    }

    /// The record and chunk of a key; `None`: no key of this tree.
    pub(crate) fn read(key: &[u8]) -> Option<(Self, u16)> {
        let (tenant, rest) = key.split_first_chunk()?;
        let (created, rest) = rest.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let number = Self {
            tenant: Tenant(u32::from_be_bytes(*tenant)),
            created: u64::from_be_bytes(*created),
            position: u32::from_be_bytes(*position),
        };
        Some((number, u16::from_be_bytes(rest.try_into().ok()?)))
    }
}

/// The label a record's bytes must have at a place.
pub(crate) fn label(tenant: Tenant, place: &Place) -> Label {
    Label { kind: Kind::Record, tenant, number: place.created.0, position: place.position, revision: place.revision }
}

/// Cuts a sealed record into the values for chunks 0, 1, and so on.
pub(crate) fn split(sealed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let first = sealed.len().min(CHUNK - PREFIX);
    let (head, rest) = sealed.split_at(first);
    let mut chunk = Vec::with_capacity(PREFIX + first);
    chunk.extend_from_slice(&(sealed.len() as u32).to_be_bytes());
    chunk.extend_from_slice(head);
    std::iter::once(chunk).chain(rest.chunks(CHUNK).map(<[u8]>::to_vec))
}

/// How many chunks a sealed record of this length has.
pub(crate) fn chunks(length: usize) -> u16 {
    (length + PREFIX).div_ceil(CHUNK).max(1) as u16
}

/// The length of the whole sealed record and its beginning, from chunk 0.
pub(crate) fn first(chunk: &[u8]) -> Option<(usize, &[u8])> {
    let (length, sealed) = chunk.split_first_chunk()?;
    let length = u32::from_be_bytes(*length) as usize;
    // A damaged length asks for no memory: no record is longer than this.
    (length <= usize::from(u16::MAX) * CHUNK && sealed.len() <= length).then_some((length, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_make_the_whole_again() {
        for length in
            [0, 1, CHUNK - PREFIX - 1, CHUNK - PREFIX, CHUNK - PREFIX + 1, CHUNK, 2 * CHUNK - PREFIX, 2 * CHUNK, 1 << 20]
        {
            let sealed: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let split: Vec<_> = split(&sealed).collect();
            assert_eq!(split.len(), usize::from(chunks(length)), "{length} bytes");
            assert!(split.iter().all(|chunk| chunk.len() <= CHUNK));
            let (whole, start) = first(&split[0]).expect("chunk 0");
            assert!(whole == length && [start, &split[1..].concat()].concat() == sealed);
        }
    }

    #[test]
    fn keys_sort_by_tenant_and_creation() {
        let number = |tenant, created, position| Number { tenant: Tenant(tenant), created, position };
        let numbers = [number(0, 1, 0), number(0, 1, 256), number(0, 2, 0), number(0, 1 << 32, 0), number(1, 0, 0)];
        let keys: Vec<_> = numbers.iter().flat_map(|number| [number.key(0), number.key(1), number.key(256)]).collect();
        assert!(keys.is_sorted());
        assert_eq!(Number::read(&keys[4]), Some((numbers[1], 1)));
        assert_eq!(Number::read(&keys[4][..17]), None);
    }
}
