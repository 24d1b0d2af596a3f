//! The contents of a file: what it holds, and what of that the next power cut may take back.

use super::Random;
use super::disk::Survival;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The unit in which data survives or not, in bytes.
pub(super) const BLOCK: usize = 4096;

/// A block; `None` is a hole, read as zeros.
type Block = Option<Arc<[u8; BLOCK]>>;

/// Versions kept of one unsynced block, or lengths of one unsynced file: the durable one and a few that were in between.
const VERSIONS: usize = 4;

/// Preallocated files are made of zeros; they share one block.
static ZEROS: LazyLock<Arc<[u8; BLOCK]>> = LazyLock::new(|| Arc::new([0; BLOCK]));

#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    length: u64,
    /// The blocks up to the length; beyond it, there are none, and the rest of the last block is zeros.
    blocks: Vec<Block>,
    dirty: BTreeMap<usize, Unsynced<Block>>,
    lengths: Option<Unsynced<u64>>,
}

/// What something was since it was synced last; what it is now is not among it.
#[derive(Clone, Debug)]
struct Unsynced<T> {
    /// The durable version first.
    versions: Vec<T>,
    /// A sync failed: a later one does not make this durable any more, as in Linux, where the pages count as clean then.
    abandoned: bool,
}

impl<T: Clone + PartialEq> Unsynced<T> {
    fn note(&mut self, version: T) {
        self.abandoned = false;
        if self.versions.len() < VERSIONS {
            self.versions.push(version);
        }
    }

    fn first(version: T) -> Self {
        Self { versions: vec![version], abandoned: false }
    }

    /// What is left after a power cut.
    fn survivor(&self, now: T, survival: Survival, random: &mut Random) -> T {
        let old = match survival {
            Survival::All => None,
            Survival::Nothing => self.versions.first(),
            // Half the time the last version; otherwise one of those before.
            Survival::Some => self.versions.get(random.below(2 * self.versions.len() as u64) as usize),
        };
        old.cloned().unwrap_or(now)
    }
}

impl Contents {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many blocks take room on the disk.
    pub(super) fn allocated(&self) -> u64 {
        self.blocks.iter().flatten().count() as u64
    }

    /// How many blocks a write of this range would have to allocate.
    pub(super) fn missing(&self, offset: u64, length: u64) -> u64 {
        let range = span(offset, length);
        let there = self.blocks.iter().take(range.end).skip(range.start).flatten().count();
        (range.len() - there) as u64
    }

    pub(super) fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let end = self.length.min(offset.saturating_add(length as u64));
        let mut data = Vec::with_capacity(end.saturating_sub(offset) as usize);
        let mut at = offset;
        while at < end {
            let (index, within) = split(at);
            let piece = (BLOCK - within).min((end - at) as usize);
            match self.blocks.get(index) {
                Some(Some(block)) => data.extend_from_slice(&block[within..within + piece]),
                _ => data.resize(data.len() + piece, 0),
            }
            at += piece as u64;
        }
        data
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let end = offset + data.len() as u64;
        if end > self.length {
            self.set_length(end);
        }
        let mut at = offset;
        while at < end {
            let (index, within) = split(at);
            let piece = (BLOCK - within).min((end - at) as usize);
            let start = (at - offset) as usize;
            let piece_of_data = &data[start..start + piece];
            self.touch(index);
            let block = &mut self.blocks[index];
            match <&[u8; BLOCK]>::try_from(piece_of_data) {
                Ok(whole) if *whole == **ZEROS => *block = Some(Arc::clone(&ZEROS)),
                Ok(whole) => *block = Some(Arc::new(*whole)),
                Err(_) => {
                    let block = block.get_or_insert_with(|| Arc::clone(&ZEROS));
                    Arc::make_mut(block)[within..within + piece].copy_from_slice(piece_of_data);
                }
            }
            at += piece as u64;
        }
    }

    /// Gives a range room on the disk, as zeros where nothing is.
    pub(super) fn allocate(&mut self, offset: u64, length: u64, keep_length: bool) {
        let end = offset + length;
        if end > self.length && !keep_length {
            self.set_length(end);
        }
        let range = span(offset, length);
        for index in range.start..range.end.min(self.blocks.len()) {
            if self.blocks[index].is_none() {
                self.touch(index);
                self.blocks[index] = Some(Arc::clone(&ZEROS));
            }
        }
    }

    pub(super) fn set_length(&mut self, length: u64) {
        if length == self.length {
            return;
        }
        match &mut self.lengths {
            Some(lengths) => lengths.note(self.length),
            None => self.lengths = Some(Unsynced::first(self.length)),
        }
        let blocks = length.div_ceil(BLOCK as u64) as usize;
        for index in blocks..self.blocks.len() {
            self.touch(index);
        }
        let (last, within) = split(length);
        if length < self.length && within > 0 {
            self.touch(last);
        }
        self.blocks.resize(blocks, None);
        self.length = length;
        self.clear_tail();
    }

    /// fsync or fdatasync: what is now is durable.
    pub(super) fn sync(&mut self) {
        self.dirty.retain(|_, unsynced| unsynced.abandoned);
        self.lengths.take_if(|lengths| !lengths.abandoned);
    }

    /// A sync that failed: nothing became durable, and no later sync makes it so.
    pub(super) fn fail_sync(&mut self) {
        self.dirty.values_mut().for_each(|unsynced| unsynced.abandoned = true);
        if let Some(lengths) = &mut self.lengths {
            lengths.abandoned = true;
        }
    }

    /// What a power cut leaves becomes what the file holds, durably.
    pub(super) fn cut(&mut self, survival: Survival, random: &mut Random) {
        for (index, unsynced) in std::mem::take(&mut self.dirty) {
            if index >= self.blocks.len() {
                self.blocks.resize(index + 1, None);
            }
            let now = self.blocks[index].take();
            self.blocks[index] = unsynced.survivor(now, survival, random);
        }
        if let Some(lengths) = self.lengths.take() {
            self.length = lengths.survivor(self.length, survival, random);
        }
        self.blocks.resize(self.length.div_ceil(BLOCK as u64) as usize, None);
        self.clear_tail();
    }

    /// Remembers what a block is before it changes.
    fn touch(&mut self, index: usize) {
        let now = self.blocks.get(index).cloned().flatten();
        self.dirty.entry(index).and_modify(|unsynced| unsynced.note(now.clone())).or_insert_with(|| Unsynced::first(now));
    }

    /// The rest of the last block is zeros.
    fn clear_tail(&mut self) {
        let (last, within) = split(self.length);
        if let Some(Some(block)) = self.blocks.get_mut(last)
            && block[within..].iter().any(|byte| *byte != 0)
        {
            Arc::make_mut(block)[within..].fill(0);
        }
    }
}

/// The block of an offset, and where in it.
fn split(offset: u64) -> (usize, usize) {
    ((offset / BLOCK as u64) as usize, (offset % BLOCK as u64) as usize)
}

/// The blocks a range touches.
fn span(offset: u64, length: u64) -> std::ops::Range<usize> {
    split(offset).0..(offset + length).div_ceil(BLOCK as u64) as usize
}
