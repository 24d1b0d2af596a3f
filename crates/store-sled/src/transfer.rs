//! Exports: the records of a store on their way to another one.
//!
//! An export is a sealed stream ([`StreamKind::Export`]), sealed under a root key and not under the keys of a store, since it is
//! opened where those are not. What a record can be found by is not in it: a store keeps of that hashes under a key of its own,
//! which are of no use elsewhere. Whoever imports knows what the records are and works it out again.
//!
//! The header: "kmipd export" (12 bytes), format (2), how many records there were when it began (8). Then a record to an item,
//! in the order of creation: 1 (1), tenant (4), length of the identifier (2) and of the owner (2) in bytes, identifier, owner,
//! body. The last item: 2 (1), how many records there are (8), the hash of the last (32). The hash of an item is SHA-256 over
//! the hash before (zeros before the first), its number from 1 (8) and the item. All numbers are big-endian.

use std::io::{Read, Write};

use store::log::LogEnd;
use store::sealing::stream::{KeySource, Reader, StreamError, StreamKind, Writer};
use store::{Cursor, MAX_IDENTIFIER, MAX_OWNER, StoreError, Tenant, log};
use zeroize::Zeroizing;

use crate::SledStore;

const MAGIC: &[u8; 12] = b"kmipd export";
const FORMAT: u16 = 1;
const RECORD: u8 = 1;
const END: u8 = 2;

/// Before the identifier: kind of item, tenant, two lengths.
const PREFIX: usize = 1 + 4 + 2 + 2;

/// How many records are read at once: each may have a few MiB.
const BATCH: usize = 16;

/// Why an export was not written or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The stream.
    #[error("{0}")]
    Stream(#[from] StreamError),
    /// A record of the store that is exported.
    #[error("{0}")]
    Record(#[from] StoreError),
    /// A newer release wrote it.
    #[error("the export has format {0}, and this release reads format {FORMAT}")]
    NewerFormat(u16),
    /// It is authentic and yet not what an export must be.
    #[error("{0}")]
    Form(&'static str),
}

/// Is told of a record that cannot be read: its identifier, and why.
pub type TellDamaged<'a> = dyn FnMut(&str, StoreError) + 'a;

/// A record of an export.
#[derive(Debug)]
pub struct ExportedRecord {
    /// Whose store it was in.
    pub tenant: Tenant,
    /// Its identifier.
    pub identifier: String,
    /// Whose it is.
    pub owner: String,
    /// What the caller had stored.
    pub body: Zeroizing<Vec<u8>>,
}

impl SledStore {
    /// Whether there is a record of this identifier.
    pub fn contains(&self, tenant: Tenant, identifier: &str) -> bool {
        self.shared.published().index.place(tenant, identifier).is_some()
    }

    /// Writes all records to an export, in the order of creation, and tells how many there are. `progress` is told how many of
    /// how many were written.
    ///
    /// While the store is being written to, records that are changed, made or removed meanwhile are in the export in one state
    /// or the other. With `damaged`, a record that cannot be read is left out and told to it; otherwise it is an error.
    ///
    /// # Errors
    /// [`TransferError`]; what was written then is no export.
    pub fn export<'a, W: Write>(
        &self,
        key: impl Into<KeySource<'a>>,
        out: W,
        mut damaged: Option<&mut TellDamaged<'_>>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(W, u64), TransferError> {
        let all = self.shared.published().head.count;
        let header = [&MAGIC[..], &FORMAT.to_be_bytes(), &all.to_be_bytes()].concat();
        let mut stream = Writer::new(out, key, StreamKind::Export, &header)?;
        let mut end = LogEnd::EMPTY;
        let mut after = None;
        loop {
            let (tenant, identifiers) = {
                let published = self.shared.published();
                let entries = published.index.entries_after(after, BATCH);
                let Some(tenant) = entries.first().map(|first| first.tenant) else { break };
                // Records of one tenant at a time.
                let of_tenant = || entries.iter().take_while(|entry| entry.tenant == tenant);
                after = of_tenant()
                    .last()
                    .map(|last| (tenant, Cursor { created: last.place.created, position: last.place.position }));
                (tenant, of_tenant().map(|entry| entry.identifier.clone()).collect::<Vec<_>>())
            };
            let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).collect();
            let records = match (self.shared.load(tenant, &identifiers), &mut damaged) {
                (Ok(records), _) => records,
                (Err(error), None) => return Err(error.into()),
                (Err(_), Some(damaged)) => {
                    let mut one = |identifier: &&str| match self.shared.load(tenant, &[identifier]) {
                        Ok(records) => records.into_iter().next().flatten(),
                        Err(error) => {
                            damaged(identifier, error);
                            None
                        }
                    };
                    identifiers.iter().map(&mut one).collect()
                }
            };
            // One that is gone by now is not exported.
            for record in records.into_iter().flatten() {
                let item = encode(tenant, &record.identifier, &record.owner, &record.body);
                end.sequence += 1;
                end.hash = log::chain(&end.hash, end.sequence, &item);
                stream.item(&item)?;
                progress(end.sequence, all.max(end.sequence));
            }
        }
        stream.item(&[&[END][..], &end.sequence.to_be_bytes(), &end.hash].concat())?;
        Ok((stream.finish()?, end.sequence))
    }
}

fn encode(tenant: Tenant, identifier: &str, owner: &str, body: &[u8]) -> Zeroizing<Vec<u8>> {
    // The exact capacity: growing would leave copies of the body behind in freed memory.
    let mut item = Zeroizing::new(Vec::with_capacity(PREFIX + identifier.len() + owner.len() + body.len()));
    item.push(RECORD);
    item.extend_from_slice(&tenant.0.to_be_bytes());
    item.extend_from_slice(&(identifier.len() as u16).to_be_bytes());
    item.extend_from_slice(&(owner.len() as u16).to_be_bytes());
    item.extend_from_slice(identifier.as_bytes());
    item.extend_from_slice(owner.as_bytes());
    item.extend_from_slice(body);
    item
}

fn decode(item: &[u8]) -> Option<ExportedRecord> {
    let (tenant, rest) = item.split_first_chunk()?;
    let (identifier, rest) = rest.split_first_chunk()?;
    let (owner, rest) = rest.split_first_chunk()?;
    let (identifier, owner) = (usize::from(u16::from_be_bytes(*identifier)), usize::from(u16::from_be_bytes(*owner)));
    if identifier == 0 || identifier > MAX_IDENTIFIER || owner > MAX_OWNER {
        return None;
    }
    let (identifier, rest) = rest.split_at_checked(identifier)?;
    let (owner, body) = rest.split_at_checked(owner)?;
    Some(ExportedRecord {
        tenant: Tenant(u32::from_be_bytes(*tenant)),
        identifier: str::from_utf8(identifier).ok()?.to_owned(),
        owner: str::from_utf8(owner).ok()?.to_owned(),
        body: Zeroizing::new(body.to_vec()),
    })
}

/// Reads an export record by record. Only when [`Export::next`] has returned `None` is it known that the export is whole.
#[derive(Debug)]
pub struct Export<R> {
    stream: Reader<R>,
    announced: u64,
    end: LogEnd,
}

impl<R: Read> Export<R> {
    /// Begins to read an export that was sealed under a root key.
    ///
    /// # Errors
    /// [`TransferError`].
    pub fn open<'a>(inner: R, key: impl Into<KeySource<'a>>) -> Result<Self, TransferError> {
        const FORM: TransferError = TransferError::Form("its header is not the one of an export");
        let (stream, header) = Reader::open(inner, key, StreamKind::Export)?;
        let rest = header.strip_prefix(MAGIC).ok_or(FORM)?;
        let (format, rest) = rest.split_first_chunk().ok_or(FORM)?;
        match u16::from_be_bytes(*format) {
            FORMAT => {}
            newer => return Err(TransferError::NewerFormat(newer)),
        }
        let announced = u64::from_be_bytes(rest.try_into().map_err(|_| FORM)?);
        Ok(Self { stream, announced, end: LogEnd::EMPTY })
    }

    /// About how many records there are.
    pub fn announced(&self) -> u64 {
        self.announced
    }

    /// The next record; `None`: there are no more, and the export is whole.
    ///
    /// # Errors
    /// [`TransferError`]: nothing of the export is to be used.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results goes on after an error, this must not")]
    pub fn next(&mut self) -> Result<Option<ExportedRecord>, TransferError> {
        let item = self.stream.next()?.ok_or(TransferError::Form("it ends without its last item"))?;
        match item.split_first() {
            Some((&RECORD, rest)) => {
                self.end.sequence += 1;
                self.end.hash = log::chain(&self.end.hash, self.end.sequence, &item);
                decode(rest).map(Some).ok_or(TransferError::Form("an item of it does not have the form of a record"))
            }
            Some((&END, rest)) => {
                if rest != [&self.end.sequence.to_be_bytes()[..], &self.end.hash].concat() {
                    return Err(TransferError::Form("its records are not those that were counted when it was written"));
                }
                match self.stream.next()? {
                    None => Ok(None),
                    Some(_) => Err(TransferError::Form("something follows its last item")),
                }
            }
            _ => Err(TransferError::Form("an item of it is of an unknown kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use store::contract::{commit, put};
    use store::sealing::RootKey;
    use store::{Change, Put};

    use super::*;
    use crate::Options;

    fn exported(count: usize, key: &RootKey) -> Vec<u8> {
        let directory = tempfile::tempdir().expect("directory");
        let root = RootKey::generate().expect("root key");
        let store = SledStore::create(&directory.path().join("data"), &root, &Options::default()).expect("create");
        for number in 0..count {
            let body = vec![number as u8; number * 40_000];
            let new = Put { owner: format!("owner {}", number % 3), ..put(&format!("key {}", 99 - number), None, &body) };
            commit(&store, vec![Change::Put(new)]).expect("commit");
        }
        let mut told = Vec::new();
        let (bytes, written) = store.export(key, Vec::new(), None, &mut |done, all| told.push((done, all))).expect("export");
        assert_eq!((written, told.len()), (count as u64, count));
        bytes
    }

    fn read(bytes: &[u8], key: &RootKey) -> Result<Vec<ExportedRecord>, TransferError> {
        let mut export = Export::open(bytes, key)?;
        let mut records = Vec::new();
        while let Some(record) = export.next()? {
            records.push(record);
        }
        Ok(records)
    }

    #[test]
    fn what_was_exported_comes_back_in_the_order_of_creation() {
        let key = RootKey::generate().expect("root key");
        let records = read(&exported(40, &key), &key).expect("read");
        assert_eq!(records.len(), 40);
        for (number, record) in records.iter().enumerate() {
            assert_eq!(
                (&*record.identifier, &*record.owner),
                (&*format!("key {}", 99 - number), &*format!("owner {}", number % 3))
            );
            assert!(record.body[..] == vec![number as u8; number * 40_000]);
        }
        assert!(read(&exported(0, &key), &key).expect("read").is_empty());
    }

    /// One damaged record keeps nobody from getting all others out.
    #[test]
    fn damaged_records_are_left_out_and_told_of() {
        let (directory, root) = (tempfile::tempdir().expect("directory"), RootKey::generate().expect("root key"));
        let options = Options { apply_after: std::time::Duration::from_millis(5), ..Options::default() };
        let store = SledStore::create(&directory.path().join("data"), &root, &options).expect("create");
        let write = |name: &str| commit(&store, vec![Change::Put(put(name, None, name.as_bytes()))]).expect("commit");
        let names: Vec<String> = (0..20).map(|number| format!("key {number}")).collect();
        for name in &names {
            write(name);
        }
        while store.status().overlay_bytes > 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // sled cannot be read, and the journal that it could be made again from is damaged; what comes stays in memory.
        let path = directory.path().join("data/journal/0000000000000001.journal");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[4096 + 100] ^= 1;
        std::fs::write(&path, bytes).expect("write");
        let broken = store.shared.engine(|engine| {
            engine.unreadable.store(true, std::sync::atomic::Ordering::SeqCst);
            Ok(())
        });
        broken.expect("engine");
        write("in memory");
        assert!(matches!(store.export(&root, Vec::new(), None, &mut |_, _| ()), Err(TransferError::Record(_))));
        let mut damaged = Vec::new();
        let mut tell = |identifier: &str, _: StoreError| damaged.push(identifier.to_owned());
        let (bytes, written) = store.export(&root, Vec::new(), Some(&mut tell), &mut |_, _| ()).expect("export");
        assert_eq!((written, damaged), (1, names));
        assert_eq!(read(&bytes, &root).expect("read")[0].identifier, "in memory");
    }

    #[test]
    fn a_cut_or_flipped_export_and_one_of_another_key_are_refused() {
        let key = RootKey::generate().expect("root key");
        let bytes = exported(5, &key);
        assert!(matches!(
            read(&bytes, &RootKey::generate().expect("root key")),
            Err(TransferError::Stream(StreamError::WrongRootKey { .. }))
        ));
        let step = (bytes.len() / 300).max(1);
        for at in (0..bytes.len()).step_by(step) {
            assert!(read(&bytes[..at], &key).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert!(read(&flipped, &key).is_err(), "flipped at {at}");
        }
    }
}
