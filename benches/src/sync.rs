//! What a sync of 4 KiB costs on a file system.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
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

/// Writes a block and waits for fdatasync, again and again for a time; each in nanoseconds.
///
/// The file is made in the directory, and removed.
///
/// # Errors
/// If the file cannot be made or written.
pub fn measure(directory: &Path, place: Place, length: Duration) -> io::Result<Vec<u32>> {
    let path = directory.join("sync-measurement");
    let file = File::create_new(&path)?;
    let measured = times(&file, place, length);
    std::fs::remove_file(&path)?;
    measured
}

fn times(file: &File, place: Place, length: Duration) -> io::Result<Vec<u32>> {
    for number in 0..BLOCKS {
        file.write_all_at(&[0; BLOCK], (number * BLOCK) as u64)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < length {
        let block = match place {
            Place::Existing => times.len() % BLOCKS,
            Place::End => BLOCKS + times.len(),
        };
        let begun = Instant::now();
        file.write_all_at(&[0xA5; BLOCK], (block * BLOCK) as u64)?;
        file.sync_data()?;
        times.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
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
