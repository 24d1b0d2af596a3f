//! The hash chain of the log: each entry's hash covers the one before, so that none can be changed, dropped or moved unseen.

use aws_lc_rs::digest;

use crate::LogRecord;

/// The end of a log: where the next entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The sequence number of the last entry; 0: there is none yet.
    pub sequence: u64,
    /// The hash of the last entry; zeros before the first.
    pub hash: [u8; 32],
}

impl LogEnd {
    /// The end of a log without entries.
    pub const EMPTY: Self = Self { sequence: 0, hash: [0; 32] };

    /// Appends an entry: moves the end and returns the record to store.
    pub fn append(&mut self, entry: Vec<u8>) -> LogRecord {
        self.sequence += 1;
        self.hash = chain(&self.hash, self.sequence, &entry);
        LogRecord { sequence: self.sequence, hash: self.hash, entry }
    }

    /// Whether a record is the one that follows this end of the log.
    pub fn precedes(&self, record: &LogRecord) -> bool {
        record.sequence == self.sequence + 1 && record.hash == chain(&self.hash, record.sequence, &record.entry)
    }
}

/// SHA-256 over the previous entry's hash, the sequence (8 bytes, big-endian) and the entry.
pub fn chain(previous: &[u8; 32], sequence: u64, entry: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(&sequence.to_be_bytes());
    context.update(entry);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_covers_the_one_before() {
        let mut end = LogEnd::EMPTY;
        let first = end.append(b"first".to_vec());
        let after_first = end.clone();
        let second = end.append(b"second".to_vec());
        assert!(LogEnd::EMPTY.precedes(&first));
        assert!(after_first.precedes(&second));
        assert!(!LogEnd::EMPTY.precedes(&second));
        assert!(!after_first.precedes(&LogRecord { entry: b"other".to_vec(), ..second.clone() }));
        assert!(!after_first.precedes(&LogRecord { sequence: 3, ..second }));
    }

    #[test]
    fn the_hash_is_plain_sha_256_of_the_three_parts() {
        let mut bytes = vec![0; 32];
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend_from_slice(b"entry");
        let mut end = LogEnd::EMPTY;
        assert_eq!(end.append(b"entry".to_vec()).hash, digest::digest(&digest::SHA256, &bytes).as_ref());
    }
}
