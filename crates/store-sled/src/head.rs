//! The head: what the store must hold at a moment. Every frame of the journal ends in one; copies of it are in sled, in the
//! anchor, in a saved index and in a snapshot, so that each of them can be compared with what must be there.

use store::index::Place;
use store::log::LogEnd;
use store::sealing::{Keyring, Kind, Label, OVERHEAD, Randomness, SealingError};
use store::{Revision, Tenant};

const LENGTH: usize = 8 + 8 + 8 + 32 + 8 + 32;

/// The length of a sealed head in bytes.
pub(crate) const SEALED: usize = LENGTH + OVERHEAD;

/// Where a copy of the head is; none can be put in the place of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Where {
    Engine = 0,
    /// Of stores that an earlier release wrote.
    Anchor = 1,
    /// Likewise: in a frame of format 1.
    Journal = 2,
    Index = 3,
    Snapshot = 4,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The frame of the journal that tells of it; 0: before the first.
    pub(crate) frame: u64,
    /// The last commit.
    pub(crate) revision: Revision,
    /// How many records there are.
    pub(crate) count: u64,
    /// The exclusive or of what every record adds to it: see [`Keyring::set_element`].
    pub(crate) set: [u8; 32],
    pub(crate) log: LogEnd,
}

impl Head {
    pub(crate) const EMPTY: Self = Self { frame: 0, revision: Revision(0), count: 0, set: [0; 32], log: LogEnd::EMPTY };

    pub(crate) fn enter(&mut self, keyring: &Keyring, tenant: Tenant, place: &Place) {
        self.count += 1;
        self.toggle(keyring, tenant, place);
    }

    pub(crate) fn leave(&mut self, keyring: &Keyring, tenant: Tenant, place: &Place) {
        self.count = self.count.saturating_sub(1);
        self.toggle(keyring, tenant, place);
    }

    fn toggle(&mut self, keyring: &Keyring, tenant: Tenant, place: &Place) {
        let element = keyring.set_element(tenant, place);
        self.set.iter_mut().zip(element).for_each(|(set, element)| *set ^= element);
    }

    pub(crate) fn seal(&self, keyring: &Keyring, place: Where) -> Result<Vec<u8>, SealingError> {
        self.seal_with(keyring, &mut Randomness::for_seals(1)?, place)
    }

    pub(crate) fn seal_with(&self, keyring: &Keyring, random: &mut Randomness, place: Where) -> Result<Vec<u8>, SealingError> {
        keyring.seal_with(random, &label(place, self.revision), &self.contents())
    }

    /// Seals it with the rest of its frame, which stands beside it: nobody can change a byte of that without the keys.
    pub(crate) fn seal_frame(&self, keyring: &Keyring, random: &mut Randomness, rest: &[u8]) -> Result<Vec<u8>, SealingError> {
        keyring.seal_beside(random, Kind::Head, self.revision, rest, &self.contents())
    }

    fn contents(&self) -> [u8; LENGTH] {
        let mut contents = [0; LENGTH];
        let (numbers, rest) = contents.split_at_mut(24);
        for (place, number) in numbers.chunks_exact_mut(8).zip([self.frame, self.revision.0, self.count]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        let (set, log) = rest.split_at_mut(32);
        set.copy_from_slice(&self.set);
        log[..8].copy_from_slice(&self.log.sequence.to_be_bytes());
        log[8..].copy_from_slice(&self.log.hash);
        contents
    }

    pub(crate) fn open(keyring: &Keyring, place: Where, sealed: &[u8]) -> Result<Self, SealingError> {
        let revision = store::sealing::revision_of(sealed).unwrap_or(Revision(0));
        let contents = keyring.open(&label(place, revision), sealed)?;
        Self::read(&contents).ok_or(FORM)
    }

    /// Opens the one of a frame, of which the rest is as it was written if this is no error.
    pub(crate) fn open_frame(keyring: &Keyring, rest: &[u8], sealed: &[u8]) -> Result<Self, SealingError> {
        let revision = store::sealing::revision_of(sealed).unwrap_or(Revision(0));
        let contents = keyring.open_beside(Kind::Head, revision, rest, sealed)?;
        Self::read(&contents).filter(|head| head.revision == revision).ok_or(FORM)
    }

    fn read(contents: &[u8]) -> Option<Self> {
        let (frame, rest) = contents.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (set, rest) = rest.split_first_chunk()?;
        let (sequence, hash) = rest.split_first_chunk()?;
        Some(Self {
            frame: u64::from_be_bytes(*frame),
            revision: Revision(u64::from_be_bytes(*revision)),
            count: u64::from_be_bytes(*count),
            set: *set,
            log: LogEnd { sequence: u64::from_be_bytes(*sequence), hash: hash.try_into().ok()? },
        })
    }
}

const FORM: SealingError = SealingError::Damaged("its contents do not have the form of a head");

fn label(place: Where, revision: Revision) -> Label {
    Label { kind: Kind::Head, tenant: Tenant::DEFAULT, number: place as u64, position: 0, revision }
}
