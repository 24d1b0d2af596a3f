//! A block: the consecutive entries of one group of commits, sealed as one value.
//!
//! Of each entry: hash (32 bytes), length (4), entry. The label binds the block to its first sequence number and to how many
//! entries it has.

use store::log::LogEnd;
use store::sealing::{Keyring, Kind, Label, Randomness, SealingError, revision_of};
use store::{LogRecord, Revision, Tenant};

/// Hash and length in front of an entry.
const PREFIX: usize = 32 + 4;

/// Puts the contents of a block together.
pub(crate) fn encode_block(entries: &[LogRecord]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(|record| PREFIX + record.entry.len()).sum());
    for LogRecord { hash, entry, .. } in entries {
        bytes.extend_from_slice(hash);
        bytes.extend_from_slice(&(entry.len() as u32).to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// Takes the contents of a block apart whose first entry has this sequence number. The caller verifies the chain.
///
/// # Errors
/// [`SealingError::Damaged`]: authentic contents that do not have this form, which only a defect can have written.
pub(crate) fn decode_block(mut bytes: &[u8], first: u64) -> Result<Vec<LogRecord>, SealingError> {
    const DAMAGED: SealingError = SealingError::Damaged("its contents do not have the form of a block of log entries");
    let mut records = Vec::new();
    let mut sequence = first;
    while !bytes.is_empty() {
        let (hash, rest) = bytes.split_first_chunk().ok_or(DAMAGED)?;
        let (length, rest) = rest.split_first_chunk().ok_or(DAMAGED)?;
        let (entry, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(DAMAGED)?;
        records.push(LogRecord { sequence, hash: *hash, entry: entry.to_vec() });
        sequence = sequence.checked_add(1).ok_or(DAMAGED)?;
        bytes = rest;
    }
    Ok(records)
}

/// Seals the entries of a group, which must be consecutive and at least one. The revision is the last commit of the group.
///
/// # Errors
/// [`SealingError::Failed`].
pub(crate) fn seal_block(
    keyring: &Keyring,
    random: &mut Randomness,
    revision: Revision,
    entries: &[LogRecord],
) -> Result<Vec<u8>, SealingError> {
    let first = entries.first().ok_or(SealingError::Failed("sealing a block of no log entries"))?.sequence;
    let count = u32::try_from(entries.len()).map_err(|_| SealingError::Failed("counting the log entries of a block"))?;
    keyring.seal_with(random, &label(first, count, revision), &encode_block(entries))
}

/// Opens a sealed block that must hold so many entries from this sequence number on.
///
/// # Errors
/// [`SealingError`] says what is wrong with it.
pub(crate) fn open_block(keyring: &Keyring, first: u64, count: u32, sealed: &[u8]) -> Result<Vec<LogRecord>, SealingError> {
    let revision = revision_of(sealed).unwrap_or(Revision(0));
    let contents = keyring.open(&label(first, count, revision), sealed)?;
    let records = decode_block(&contents, first)?;
    if records.len() != count as usize {
        return Err(SealingError::Damaged("it holds another number of log entries than it says"));
    }
    Ok(records)
}

fn label(first: u64, count: u32, revision: Revision) -> Label {
    Label { kind: Kind::LogEntry, tenant: Tenant::DEFAULT, number: first, position: count, revision }
}

/// The first record that does not follow the one before it, if there is one; moves the end over those that do.
pub(crate) fn first_unchained(end: &mut LogEnd, records: &[LogRecord]) -> Option<u64> {
    for record in records {
        if !end.precedes(record) {
            return Some(record.sequence);
        }
        *end = LogEnd { sequence: record.sequence, hash: record.hash };
    }
    None
}

#[cfg(test)]
mod tests {
    use store::sealing::RootKey;

    use super::*;

    fn records(from: LogEnd, count: usize) -> Vec<LogRecord> {
        let mut end = from;
        (0..count).map(|number| end.append(vec![number as u8; number * 7])).collect()
    }

    #[test]
    fn a_block_comes_back() {
        let keyring = Keyring::generate(&RootKey::generate().expect("root key")).expect("keyring").0;
        for count in [1, 2, 50] {
            let records = records(LogEnd { sequence: 1 << 40, hash: [3; 32] }, count);
            let sealed = seal_block(&keyring, &mut Randomness::default(), Revision(7), &records).expect("seal");
            let first = records[0].sequence;
            assert_eq!(open_block(&keyring, first, count as u32, &sealed).expect("open"), records);
            assert!(open_block(&keyring, first + 1, count as u32, &sealed).is_err());
            assert!(open_block(&keyring, first, count as u32 + 1, &sealed).is_err());
        }
        assert!(seal_block(&keyring, &mut Randomness::default(), Revision(7), &[]).is_err());
    }

    #[test]
    fn contents_that_are_cut_are_an_error() {
        let records = records(LogEnd::EMPTY, 3);
        let bytes = encode_block(&records);
        assert_eq!(decode_block(&bytes, 1).expect("decode"), records);
        let whole = [0, PREFIX, 2 * PREFIX + 7];
        for length in 0..bytes.len() {
            assert_eq!(decode_block(&bytes[..length], 1).is_ok(), whole.contains(&length), "{length} bytes");
        }
        assert!(decode_block(&bytes, u64::MAX - 1).is_err(), "sequence numbers do not wrap");
    }

    #[test]
    fn the_first_record_off_the_chain_is_named() {
        let mut records = records(LogEnd::EMPTY, 5);
        let mut end = LogEnd::EMPTY;
        assert_eq!(first_unchained(&mut end, &records), None);
        assert_eq!(end.sequence, 5);
        records[3].entry.push(0);
        assert_eq!(first_unchained(&mut LogEnd::EMPTY.clone(), &records), Some(4));
    }
}
