//! A file of JSON lines: appended to, never written over. Its last line tells up to where it has the log.

use super::position::Position;
use super::{Target, line};
use crate::files::SECRET;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use store::LogRecord;

/// So many bytes at the end of a file are searched for the last line: an entry has at most 60 KiB, and JSON makes six bytes of one.
const LAST: u64 = 1 << 20;

pub(super) struct LineFile {
    path: PathBuf,
    file: Option<File>,
}

impl LineFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn failed(&self, what: &str, error: &io::Error) -> String {
        format!("{what} {}: {error}", self.path.display())
    }

    fn open_file(&self) -> io::Result<File> {
        // Neither through a link that somebody put there nor into anything that would keep the thread waiting.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(SECRET)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(file)
    }
}

impl Target for LineFile {
    fn open(&mut self) -> Result<Option<Position>, String> {
        self.file = None;
        let open = || {
            let mut file = self.open_file()?;
            let last = last_line(&mut file)?;
            Ok((file, last))
        };
        let (file, last) = open().map_err(|error: io::Error| self.failed("open", &error))?;
        self.file = Some(file);
        Ok(last)
    }

    fn write(&mut self, records: &[LogRecord]) -> Result<(), (usize, String)> {
        // Nothing goes to a file that was removed a moment ago.
        self.probe().map_err(|cause| (0, cause))?;
        let mut lines = String::new();
        for record in records {
            lines.push_str(&line(record).0);
            lines.push('\n');
        }
        let Some(file) = &mut self.file else { return Err((0, "it is not open".to_owned())) };
        let written = file.write_all(lines.as_bytes());
        // What is there is told by the last line.
        written.map_err(|error| (0, self.failed("write", &error)))
    }

    fn probe(&mut self) -> Result<(), String> {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let here = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        match std::fs::symlink_metadata(&self.path).map(identity) {
            Ok(there) if Some(there) == here => Ok(()),
            // Moved or removed: a new one is begun.
            Ok(_) => self.reopen(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.reopen(),
            Err(error) => Err(self.failed("look at", &error)),
        }
    }

    fn reopen(&mut self) -> Result<(), String> {
        // What was written to the file that was moved stays written: what follows goes to the new one.
        if let Some(file) = &self.file {
            file.sync_data().map_err(|error| self.failed("sync", &error))?;
        }
        let file = self.open_file().map_err(|error| self.failed("open", &error))?;
        self.file = Some(file);
        Ok(())
    }
}

/// The record of the last line; `None`: the file has none. A line that was cut off is taken away, since it is written again.
fn last_line(file: &mut File) -> io::Result<Option<Position>> {
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(LAST);
    file.seek(SeekFrom::Start(begin))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < end.len() {
        // Where nothing may be taken away, the line is ended.
        match begin + whole as u64 {
            0 if begin > 0 => file.write_all(b"\n")?,
            length => file.set_len(length).or_else(|_| file.write_all(b"\n"))?,
        }
    }
    let lines = end[..whole].split(|byte| *byte == b'\n');
    let read = |line: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(line).ok()?;
        Position::of(value["sequence"].as_u64()?, value["hash"].as_str()?)
    };
    Ok(lines.rev().find_map(read))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use store::log::LogEnd;

    fn records(count: usize) -> Vec<LogRecord> {
        let mut end = LogEnd::EMPTY;
        let record = |number: usize| {
            crate::live::administrative("root", &format!("command {number}"), Vec::new(), audit::Outcome::Success)
        };
        (0..count).map(|number| end.append(record(number).encode())).collect()
    }

    #[test]
    fn the_last_line_tells_where_to_go_on_and_a_torn_one_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let records = records(4);
        let mut file = LineFile::new(path.clone());
        assert_eq!(file.open().unwrap(), None);
        file.write(&records[..3]).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let whole = std::fs::read(&path).unwrap();
        for torn in [0, 1, 20] {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            let told = LineFile::new(path.clone()).open().unwrap().unwrap();
            assert_eq!(told.sequence, if torn == 0 { 3 } else { 2 });
            assert_eq!(told.hash, records[told.sequence as usize - 1].hash);
            assert!(std::fs::read(&path).unwrap().ends_with(b"\n"));
        }
    }

    #[test]
    fn a_file_that_is_moved_or_removed_is_begun_anew_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let records = records(3);
        let mut file = LineFile::new(path.clone());
        file.open().unwrap();
        file.write(&records[..1]).unwrap();
        std::fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
        file.probe().unwrap();
        file.write(&records[1..2]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        std::fs::remove_file(&path).unwrap();
        file.probe().unwrap();
        file.write(&records[2..]).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("command 2"));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("audit.jsonl.1"), &path).unwrap();
        assert!(file.probe().unwrap_err().contains("audit.jsonl"));
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(file.probe().is_err());
    }
}
