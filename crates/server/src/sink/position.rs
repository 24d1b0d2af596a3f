//! Up to where a sink has delivered the log, kept in a file of one line that is written over.

use crate::files::{self, SECRET};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the file is synced: a power cut repeats what was delivered since.
const SYNC: Duration = Duration::from_secs(1);
/// Twenty digits, a space, the hash, the end of the line.
const LINE: usize = 20 + 1 + 64 + 1;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Its sequence number; 0: none yet.
    pub(super) sequence: u64,
    /// Its hash; zeros: not known.
    pub(super) hash: [u8; 32],
}

impl Position {
    pub(super) const START: Self = Self { sequence: 0, hash: [0; 32] };

    /// An entry of which the hash is not known.
    pub(super) const fn at(sequence: u64) -> Self {
        Self { sequence, hash: [0; 32] }
    }

    /// The entry of a number and a hash in hexadecimal digits.
    pub(super) fn of(sequence: u64, hash: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hash.len() != 64 {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(hash.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self { sequence, hash: bytes })
    }

    fn line(&self) -> String {
        let hash: String = self.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:020} {hash}\n", self.sequence)
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct PositionFile {
    file: File,
    synced: Instant,
}

impl PositionFile {
    /// Opens the file of a sink in a folder, and makes both where they are not there.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(format!("{name}.position"));
        files::make_directory(folder).map_err(|error| error.to_string())?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(SECRET).open(&path);
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { file, synced: Instant::now() })
    }

    /// `None`: there is none yet.
    pub(super) fn read(&self) -> Option<Position> {
        let mut line = [0; LINE];
        self.file.read_exact_at(&mut line, 0).ok()?;
        let (sequence, hash) = std::str::from_utf8(&line).ok()?.trim_end().split_once(' ')?;
        Position::of(sequence.parse().ok()?, hash)
    }

    /// Given to the kernel at once, and to the disk within a second of deliveries.
    pub(super) fn write(&mut self, position: &Position) -> io::Result<()> {
        self.file.write_all_at(position.line().as_bytes(), 0)?;
        if self.synced.elapsed() >= SYNC {
            self.sync()?;
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_and_damage_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PositionFile::open(&folder.path().join("sinks"), "siem").unwrap();
        assert_eq!(file.read(), None);
        for position in [Position { sequence: u64::MAX, hash: [0xA5; 32] }, Position { sequence: 7, hash: [1; 32] }] {
            file.write(&position).unwrap();
            let again = PositionFile::open(&folder.path().join("sinks"), "siem").unwrap();
            assert_eq!(again.read(), Some(position));
        }
        std::fs::write(folder.path().join("sinks/siem.position"), "x".repeat(LINE)).unwrap();
        assert_eq!(file.read(), None);
    }
}
