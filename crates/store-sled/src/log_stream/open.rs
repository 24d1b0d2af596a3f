//! Opening the log stream: the last segment is read, its torn tail cut off, and what may not have reached the disk written again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use store::StoreError;

use super::frame::{self, Bad};
use super::segment::{self, FrameReader, Progress, Segment};
use super::{LogStream, Writer, failed};
use crate::files::sync_directory;

/// How much is written again at once, in bytes.
const PIECE: u64 = 256 << 10;

impl LogStream {
    /// Opens the log stream of a directory, which is made if it is not there.
    ///
    /// Entries up to `durable` were synced, as far as the caller knows (0: it knows nothing): they must be there. What comes
    /// after them may be torn, and is cut off from the first frame that is not whole; the journal has it. Frames that are whole
    /// are kept, but written again: after a failed sync the operating system shows bytes that the disk does not have.
    ///
    /// Where bytes of a synced frame are damaged, its entries are lost; that is said loudly, the file is kept as it is, and what
    /// comes goes into a new segment. Bytes that are missing at the end are an error: nobody cuts off a log by accident.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file and the offset; [`StoreError::NewerFormat`]; [`StoreError::Failed`].
    pub(crate) fn open(directory: &Path, segment_bytes: u64, durable: u64) -> Result<Self, StoreError> {
        let firsts = list(directory).map_err(|cause| failed("examining", directory, &cause))?;
        let mut segments = Vec::with_capacity(firsts.len());
        for pair in firsts.windows(2) {
            let segment = Segment::new(directory, pair[0], Progress::empty(pair[0]));
            let bytes = fs::metadata(&segment.path).map_err(|cause| failed("examining", &segment.path, &cause))?.len();
            *segment.progress() = Progress::unread(bytes, pair[1] - 1);
            segments.push(Arc::new(segment));
        }
        let (mut file, mut begins_anew) = (None, false);
        let mut end = 0;
        if let Some(first) = firsts.last() {
            let (segment, opened, is_damaged) = open_last(directory, *first, durable)?;
            end = segment.progress().last;
            begins_anew = is_damaged;
            segments.push(Arc::new(segment));
            file = Some(opened);
        }
        if end < durable {
            let cause = format!("it ends with entry {end}, and entries up to {durable} were synced");
            return Err(StoreError::Damaged { what: format!("the log stream in {}", directory.display()), cause });
        }
        let writer = Writer { file, begins_anew, dirty: false, failed: None, may_try_again: false };
        let folder = File::open(directory).map_err(|cause| failed("opening", directory, &cause))?;
        Ok(Self {
            directory: directory.into(),
            folder,
            segment_bytes,
            segments: RwLock::new(segments),
            writer: Mutex::new(writer),
        })
    }
}

/// Makes the directory, clears what an unfinished attempt to begin a segment left, and returns the segments in order.
fn list(directory: &Path) -> io::Result<Vec<u64>> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut firsts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(first) = segment::first_of(name) {
            firsts.push(first);
        } else if name.strip_suffix(".new").is_some_and(|stem| segment::first_of(&format!("{stem}.log")).is_some()) {
            fs::remove_file(entry.path())?;
        }
    }
    firsts.sort_unstable();
    // What was there when a process ended is not always on the disk yet.
    sync_directory(directory)?;
    if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_directory(parent)?;
    }
    Ok(firsts)
}

/// Reads the last segment to its last whole frame, cuts off the rest and makes sure of what is kept. Tells also whether a part of
/// it that was synced is damaged.
fn open_last(directory: &Path, first: u64, durable: u64) -> Result<(Segment, File, bool), StoreError> {
    let segment = Segment::new(directory, first, Progress::empty(first));
    let path = &segment.path;
    let length = fs::metadata(path).map_err(|cause| failed("examining", path, &cause))?.len();
    *segment.progress() = Progress::unread(length, u64::MAX);
    let mut reader = segment.reader_of_all()?;
    let mut progress = Progress::empty(first);
    let mut uncertain = None;
    let mut is_damaged = false;
    let mut sealed = Vec::new();
    while reader.offset < length {
        let offset = reader.offset;
        match read_frame(&mut reader, &mut sealed) {
            Ok((first, last)) => {
                progress.extend(first, last, reader.offset - offset);
                if last > durable {
                    uncertain.get_or_insert(offset);
                }
            }
            Err(Bad::Damaged(what)) if reader.expected > durable => {
                let (path, entry) = (path.display(), reader.expected);
                tracing::warn!(%path, offset, bytes = length - offset, entry, "cutting off the torn end of the log stream: {what}");
                break;
            }
            // A frame that is longer than what is left may have been cut off, unless whole frames follow.
            Err(bad @ Bad::Damaged(_)) => {
                let (lost, error) = (reader.expected, reader.error(offset, bad));
                let goes_on = reader.resume()?;
                let is_cut_off = !goes_on && !is_long_enough(path, offset, length)?;
                if is_cut_off {
                    return Err(error);
                }
                is_damaged = true;
                // Of what the journal still has nothing is lost: it is appended again.
                let last = if goes_on { (reader.expected - 1).min(durable) } else { durable };
                tracing::error!(
                    %error,
                    "ENTRIES {lost} TO {last} OF THE AUDIT LOG ARE DAMAGED AND LOST. The file is kept, and what comes goes into a new one"
                );
                if goes_on && reader.expected <= durable + 1 {
                    progress.pass_over(reader.expected, reader.offset);
                    continue;
                }
                progress.bytes = length;
                progress.last = durable;
                break;
            }
            Err(bad) => return Err(reader.error(offset, bad)),
        }
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|cause| failed("opening", path, &cause))?;
    let kept = progress.bytes;
    let made_sure = file.set_len(kept).and_then(|()| write_again(&file, uncertain.unwrap_or(kept), kept));
    made_sure.and_then(|()| file.sync_all()).map_err(|cause| failed("cutting off the torn end of", path, &cause))?;
    *segment.progress() = progress;
    Ok((segment, file, is_damaged))
}

/// Whether at an offset there are as many bytes as the frame there says that it has, or so many that it is not its end that is
/// missing.
fn is_long_enough(path: &Path, offset: u64, length: u64) -> Result<bool, StoreError> {
    let left = (length - offset) as usize;
    let mut bytes = vec![0; left.min(frame::PREFIX + frame::MAX_SEALED)];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, offset));
    read.map_err(|cause| failed("reading", path, &cause))?;
    let Some((prefix, sealed)) = bytes.split_first_chunk::<{ frame::PREFIX }>() else { return Ok(false) };
    // A length that is damaged itself tells nothing: then the frame counts as damaged, not as cut off.
    Ok(frame::Frame::parse(prefix)
        .is_none_or(|frame| frame.length() <= left as u64 || frame.of_length(sealed.len()).is_intact(sealed)))
}

fn read_frame(reader: &mut FrameReader, sealed: &mut Vec<u8>) -> Result<(u64, u64), Bad> {
    let frame = reader.next_prefix()?.ok_or(Bad::Damaged("it ends too early"))?;
    reader.sealed(&frame, sealed)?;
    Ok((frame.first, frame.last))
}

/// Writes bytes over themselves, so that the next sync writes them to the disk even if an earlier one failed to.
fn write_again(file: &File, mut offset: u64, end: u64) -> io::Result<()> {
    let mut piece = Vec::new();
    while offset < end {
        piece.resize((end - offset).min(PIECE) as usize, 0);
        file.read_exact_at(&mut piece, offset)?;
        file.write_all_at(&piece, offset)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

// The header is never torn: a segment is renamed into place when it has been synced.
const _: () = assert!(frame::HEADER < 4096);
