//! The files of a store: kept in memory, put back after every flip, and chosen from.

use crate::dice::Dice;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Zeros are not written back: sparse files and preallocated ones are mostly zeros.
const BLOCK: usize = 64 << 10;
/// The header of a segment of the journal, in bytes.
const JOURNAL_HEADER: u64 = 4096;
/// All files bear this time once they are put back: one that bears another was changed since.
const STAMP: Duration = Duration::from_secs(1_000_000_000);

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Journal,
    Log,
    Snapshot,
    Index,
    Sled,
    Anchor,
    Keys,
    Other,
}

/// All kinds, in the order of the table.
pub(super) const KINDS: &[Kind] =
    &[Kind::Journal, Kind::Log, Kind::Snapshot, Kind::Index, Kind::Sled, Kind::Anchor, Kind::Keys, Kind::Other];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Log => "log",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
            Self::Sled => "sled",
            Self::Anchor => "anchor",
            Self::Keys => "keys",
            Self::Other => "other",
        }
    }

    /// How often it is chosen, against the others: the files that hold objects most often.
    const fn share(self) -> usize {
        match self {
            Self::Journal | Self::Sled => 4,
            Self::Log | Self::Snapshot | Self::Index => 2,
            Self::Anchor | Self::Keys | Self::Other => 1,
        }
    }

    fn of(path: &Path) -> Self {
        let part = path.iter().nth(1).and_then(|part| part.to_str()).unwrap_or_default();
        match part {
            "journal" => Self::Journal,
            "log" => Self::Log,
            "snapshot" => Self::Snapshot,
            "index" => Self::Index,
            "objects" => Self::Sled,
            "anchor" => Self::Anchor,
            "keys" | "keys.copy" => Self::Keys,
            _ => Self::Other,
        }
    }
}

/// The files of a directory, by their paths in it.
pub(super) struct Saved {
    directories: Vec<PathBuf>,
    files: BTreeMap<PathBuf, SavedFile>,
}

struct SavedFile {
    length: u64,
    /// Where the last byte that is not zero ends.
    used: u64,
    permissions: fs::Permissions,
    /// The blocks that are not all zeros, by their offsets.
    blocks: Vec<(u64, Vec<u8>)>,
}

impl Saved {
    /// Reads all files below a directory.
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        let mut saved = Self { directories: Vec::new(), files: BTreeMap::new() };
        saved.walk(directory, Path::new(""))?;
        Ok(saved)
    }

    fn walk(&mut self, root: &Path, below: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.directories.push(path.clone());
                self.walk(root, &path)?;
            } else {
                self.files.insert(path, SavedFile::read(&entry.path())?);
            }
        }
        Ok(())
    }

    /// Puts everything back as it was. Only files that were changed are written, unless it is the `first` time.
    pub(super) fn restore(&self, directory: &Path, first: bool) -> io::Result<()> {
        if first {
            for path in &self.directories {
                fs::create_dir_all(directory.join(path))?;
            }
        }
        self.remove_others(directory, Path::new(""))?;
        for path in &self.directories {
            fs::create_dir_all(directory.join(path))?;
        }
        let stamp = SystemTime::UNIX_EPOCH + STAMP;
        for (path, file) in &self.files {
            let path = directory.join(path);
            let same = fs::metadata(&path)
                .is_ok_and(|found| found.modified().is_ok_and(|modified| modified == stamp) && found.len() == file.length);
            if !same {
                file.write(&path)?;
            }
        }
        Ok(())
    }

    fn remove_others(&self, root: &Path, below: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                if self.directories.contains(&path) {
                    self.remove_others(root, &path)?;
                } else {
                    fs::remove_dir_all(entry.path())?;
                }
            } else if !self.files.contains_key(&path) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Draws a bit. Every kind of file gets its share, small as it may be; bits that were ever written get most of it.
    pub(super) fn choose(&self, number: usize, dice: &mut Dice) -> Flip {
        let there = KINDS.iter().copied().filter(|kind| self.of_kind(*kind).next().is_some());
        let kinds: Vec<Kind> = there.flat_map(|kind| std::iter::repeat_n(kind, kind.share())).collect();
        let kind = kinds.get(number % kinds.len().max(1)).copied().unwrap_or(Kind::Other);
        let files: Vec<(&PathBuf, &SavedFile)> = self.of_kind(kind).collect();
        let Some((path, file)) = files.get(dice.below(files.len())) else {
            return Flip { kind, path: PathBuf::new(), byte: 0, bit: 0, was: 0, unused: true };
        };
        let span = if dice.once_in(8) { file.length } else { file.used };
        let byte = dice.bits() % span.max(1);
        let was = file.byte(byte);
        let bit = u8::try_from(dice.below(8)).unwrap_or(0);
        Flip { kind, path: (*path).clone(), byte, bit, was, unused: byte >= file.used }
    }

    /// The files that have bits, of one kind.
    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&PathBuf, &SavedFile)> {
        self.files.iter().filter(move |(path, file)| Kind::of(path) == kind && file.length > 0)
    }

    /// How many files of each kind there are, and how large.
    pub(super) fn describe(&self) -> String {
        let line = |kind: &Kind| {
            let files: Vec<_> = self.of_kind(*kind).collect();
            let used: u64 = files.iter().map(|(_, file)| file.used).sum();
            (!files.is_empty()).then(|| format!("{} {} ({} KiB used)", files.len(), kind.name(), used.div_ceil(1024)))
        };
        KINDS.iter().filter_map(line).collect::<Vec<_>>().join(", ")
    }
}

impl SavedFile {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let mut this = Self { length: metadata.len(), used: 0, permissions: metadata.permissions(), blocks: Vec::new() };
        let mut offset = 0;
        while offset < this.length {
            let length = usize::try_from(this.length - offset).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; length];
            file.read_exact(&mut block)?;
            if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
                this.used = offset + last as u64 + 1;
                this.blocks.push((offset, block));
            }
            offset += length as u64;
        }
        Ok(this)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.set_len(self.length)?;
        for (offset, block) in &self.blocks {
            file.seek(SeekFrom::Start(*offset))?;
            file.write_all(block)?;
        }
        file.set_permissions(self.permissions.clone())?;
        file.set_modified(SystemTime::UNIX_EPOCH + STAMP)
    }

    fn byte(&self, at: u64) -> u8 {
        let block = self.blocks.iter().find(|(offset, block)| (*offset..*offset + block.len() as u64).contains(&at));
        let byte = block.and_then(|(offset, block)| block.get(usize::try_from(at - offset).ok()?));
        byte.copied().unwrap_or(0)
    }
}

/// One flipped bit.
#[derive(Clone, Debug)]
pub(super) struct Flip {
    pub(super) kind: Kind,
    path: PathBuf,
    byte: u64,
    bit: u8,
    was: u8,
    /// Nothing was ever written there, but zeros.
    unused: bool,
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bit {} of byte {} of {}", self.bit, self.byte, self.path.display())
    }
}

impl Flip {
    const fn flipped(&self) -> u8 {
        self.was ^ (1 << self.bit)
    }

    /// Whether it is, in a segment of the journal, in its header or in what was never written to.
    pub(super) const fn is_in_no_frame(&self) -> bool {
        self.unused || self.byte < JOURNAL_HEADER
    }

    /// Flips it.
    pub(super) fn apply(&self, directory: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(directory.join(&self.path))?;
        file.seek(SeekFrom::Start(self.byte))?;
        file.write_all(&[self.flipped()])
    }

    /// Whether it is still there.
    pub(super) fn is_there(&self, directory: &Path) -> bool {
        let read = || -> io::Result<u8> {
            let mut file = File::open(directory.join(&self.path))?;
            file.seek(SeekFrom::Start(self.byte))?;
            let mut byte = [0];
            file.read_exact(&mut byte)?;
            Ok(byte[0])
        };
        read().is_ok_and(|byte| byte == self.flipped())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A failed unwrap is a failed test.
mod tests {
    use super::*;

    #[test]
    fn everything_is_put_back() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("data/journal")).unwrap();
        let mut bytes = vec![0; 200_000];
        bytes[70_000] = 7;
        fs::write(from.path().join("data/journal/1"), &bytes).unwrap();
        fs::write(from.path().join("data/keys"), b"k").unwrap();
        let saved = Saved::read(from.path()).unwrap();
        saved.restore(to.path(), true).unwrap();
        for number in 0..20 {
            let flip = saved.choose(number, &mut Dice::new(number as u64));
            assert_eq!(flip.kind, if number % 5 < 4 { Kind::Journal } else { Kind::Keys });
            assert!(!flip.is_there(to.path()));
            flip.apply(to.path()).unwrap();
            assert!(flip.is_there(to.path()));
            fs::write(to.path().join("data/stray"), b"x").unwrap();
            fs::remove_dir_all(to.path().join("data/journal")).unwrap();
            saved.restore(to.path(), false).unwrap();
            assert_eq!(fs::read(to.path().join("data/journal/1")).unwrap(), bytes);
            assert_eq!(fs::read(to.path().join("data/keys")).unwrap(), b"k");
            assert!(!to.path().join("data/stray").exists());
        }
    }
}
