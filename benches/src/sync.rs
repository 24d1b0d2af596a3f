//! What a sync of 4 KiB costs on a file system.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is written before each sync, and what the file is made of: the block of file systems.
const BLOCK: usize = 4096;
/// Blocks of the file that are there before the measurement.
const BLOCKS: usize = 256;

/// Where the blocks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over blocks that are there: a sync writes data and nothing else. A journal that is made ahead is written so.
    Existing,
    /// At the end of a file that grows: a sync writes its new size and place, too.
    End,
}

/// A file in which blocks are written and synced; it is removed at the end.
#[derive(Debug)]
pub struct Syncs {
    file: File,
    path: PathBuf,
    place: Place,
    written: usize,
}

impl Syncs {
    /// Makes the file in a directory.
    ///
    /// # Errors
    /// If it cannot be made or written.
    pub fn begin(directory: &Path, place: Place) -> io::Result<Self> {
        let path = directory.join("sync-measurement");
        let file = File::create_new(&path)?;
        let syncs = Self { file, path, place, written: 0 };
        for number in 0..BLOCKS {
            syncs.file.write_all_at(&[0; BLOCK], (number * BLOCK) as u64)?;
        }
        syncs.file.sync_all()?;
        Ok(syncs)
    }

    /// Writes a block and waits for fdatasync; how long that took.
    ///
    /// # Errors
    /// If it fails.
    pub fn once(&mut self) -> io::Result<Duration> {
        let block = match self.place {
            Place::Existing => self.written % BLOCKS,
            Place::End => BLOCKS + self.written,
        };
        self.written += 1;
        let begun = Instant::now();
        self.file.write_all_at(&[0xA5; BLOCK], (block * BLOCK) as u64)?;
        self.file.sync_data()?;
        Ok(begun.elapsed())
    }
}

impl Drop for Syncs {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes a block and waits for fdatasync, again and again for a time; each in nanoseconds.
///
/// # Errors
/// If the file cannot be made or written.
pub fn measure(directory: &Path, place: Place, length: Duration) -> io::Result<Vec<u32>> {
    let mut syncs = Syncs::begin(directory, place)?;
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < length {
        times.push(u32::try_from(syncs.once()?.as_nanos()).unwrap_or(u32::MAX));
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        for place in [Place::Existing, Place::End] {
            assert!(!measure(directory.path(), place, Duration::from_millis(20)).unwrap().is_empty());
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
