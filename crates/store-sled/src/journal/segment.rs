//! A segment: a file of frames, made whole before it is used.
//!
//! Its bytes are there as zeros and on the disk before the first frame is written, so that a frame changes nothing but
//! blocks that exist: `fdatasync` has no metadata to bring along, and a full disk is met here and not in the middle of a frame.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise};
use rustix::io::Errno;

use super::frame::BLOCK;
use crate::files;

const MAGIC: &[u8; 8] = b"kmipdjnl";
const FORMAT: u16 = 1;
const EXTENSION: &str = "journal";

/// How much is written at once when a segment is made. The kernel keeps what is written at once as one piece, and looks at every block of a
/// piece for each frame that is written into it: with pieces of 1 MiB, a frame takes 8 us longer (Linux 6.18, ext4).
const ZEROS: usize = 64 << 10;

/// A segment that frames can be written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) ordinal: u64,
    pub(super) file: File,
    /// The same file, written to without the page cache: a frame goes from where it was made to the disk. `None` where the file
    /// system does not do that.
    direct: Option<File>,
}

/// The path of a segment.
pub(crate) fn path(directory: &Path, ordinal: u64) -> PathBuf {
    directory.join(format!("{ordinal:016x}.{EXTENSION}"))
}

/// The ordinals of the segments in a directory, in order.
pub(super) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let mut ordinals = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(ordinal) = name.strip_suffix(EXTENSION).and_then(|name| name.strip_suffix('.')) {
            let ordinal = u64::from_str_radix(ordinal, 16).map_err(|_| io::Error::other(format!("{name} has no number")))?;
            ordinals.push(ordinal);
        }
    }
    ordinals.sort_unstable();
    Ok(ordinals)
}

/// Takes away what was left of a segment that was being made.
pub(super) fn remove_unfinished(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

impl Segment {
    /// Makes a segment of zeros with its header, and brings it to the disk under its name.
    /// `folder` is the directory, open: its names are synced through it, however many files are open then.
    pub(super) fn create(directory: &Path, folder: &File, ordinal: u64, size: u64) -> io::Result<Self> {
        let path = path(directory, ordinal);
        let new = path.with_extension("new");
        let made = (|| {
            let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(&new)?;
            let mut zeros = vec![0; ZEROS];
            zeros[..BLOCK].copy_from_slice(&header(ordinal));
            let size = (size as usize).max(2 * BLOCK);
            let mut offset = 0;
            while offset < size {
                file.write_all_at(&zeros[..ZEROS.min(size - offset)], offset as u64)?;
                zeros[..BLOCK].fill(0);
                offset += ZEROS;
            }
            file.sync_all().map_err(files::final_error)?;
            fs::rename(&new, &path)?;
            folder.sync_all().map_err(files::final_error)?;
            Ok(file)
        })();
        match made {
            Ok(file) => Ok(Self::new(ordinal, file, &path)),
            Err(cause) => {
                // Whatever is left is taken away at the next start, too.
                let _ = fs::remove_file(&new);
                Err(cause)
            }
        }
    }

    pub(super) fn open(directory: &Path, ordinal: u64) -> io::Result<Self> {
        let path = path(directory, ordinal);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Self::new(ordinal, file, &path))
    }

    fn new(ordinal: u64, file: File, path: &Path) -> Self {
        let direct = OpenOptions::new().write(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path).ok();
        if direct.is_some() {
            // Its pages are on the disk; where none is in memory, the kernel has none to look for when a frame is written. It is a hint.
            let _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Self { ordinal, file, direct }
    }

    /// Writes a frame, which counts once the file is synced. What lies at a multiple of [`BLOCK`] in memory goes straight to
    /// the disk where the file system lets it.
    pub(super) fn write(&mut self, frame: &[u8], offset: u64) -> io::Result<()> {
        let written = match self.direct.as_ref().map(|direct| direct.write_at(frame, offset)) {
            Some(Ok(written)) => written,
            // It can be opened so and not written so.
            Some(Err(cause)) if cause.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                self.direct = None;
                0
            }
            Some(Err(cause)) if cause.kind() != io::ErrorKind::Interrupted => return Err(cause),
            Some(Err(_)) | None => 0,
        };
        match frame.get(written..) {
            None | Some([]) => Ok(()),
            Some(rest) => self.file.write_all_at(rest, offset + written as u64),
        }
    }

    /// Writes the header again, and syncs.
    pub(super) fn write_header(&self) -> io::Result<()> {
        self.file.write_all_at(&header(self.ordinal), 0)?;
        self.file.sync_all()
    }

    /// Overwrites what lies from an offset on with zeros, and syncs.
    pub(super) fn clear(&self, offset: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let end = self.file.metadata()?.len();
        let mut at = offset;
        while at < end {
            self.file.write_all_at(&zeros[..ZEROS.min((end - at) as usize)], at)?;
            at += ZEROS as u64;
        }
        self.file.sync_all()
    }
}

/// Whether a segment that has no frame yet cannot be used: its header is damaged, or it is too short.
pub(super) fn is_bad(directory: &Path, ordinal: u64) -> io::Result<bool> {
    let mut block = [0; BLOCK];
    let file = File::open(path(directory, ordinal))?;
    match file.read_exact_at(&mut block, 0) {
        Ok(()) => Ok(check_header(&block, ordinal).is_err() || file.metadata()?.len() < 2 * BLOCK as u64),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
        Err(cause) => Err(cause),
    }
}

fn header(ordinal: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&FORMAT.to_be_bytes());
    header[10..18].copy_from_slice(&ordinal.to_be_bytes());
    let checksum = crc32c::crc32c(&header[..18]);
    header[18..22].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// What is wrong with the first block of a segment.
pub(super) enum BadHeader {
    /// A newer release wrote it.
    Newer(u16),
    /// It is whole, and the one of another segment.
    Foreign,
    /// It is not as it was written. It tells nothing that the name of the file, and the frames, do not tell.
    Damaged,
}

pub(super) fn check_header(bytes: &[u8], ordinal: u64) -> Result<(), BadHeader> {
    let Some(block) = bytes.first_chunk::<BLOCK>() else { return Err(BadHeader::Damaged) };
    let format = u16::from_be_bytes([block[8], block[9]]);
    let is_whole = block[..8] == *MAGIC && crc32c::crc32c(&block[..18]).to_be_bytes() == block[18..22];
    match block[..22] == header(ordinal)[..22] {
        true => Ok(()),
        false if is_whole && format > FORMAT => Err(BadHeader::Newer(format)),
        false if is_whole => Err(BadHeader::Foreign),
        false => Err(BadHeader::Damaged),
    }
}
