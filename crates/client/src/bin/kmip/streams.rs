//! Data that are longer than memory: read from a file or standard input piece by piece, written as they come.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding as _};
use client::{Client, Error, Request};
use kmip::codec::ByteString;
use kmip::structures::Data;
use kmip::{ProtocolVersion, Secret};
use zeroize::Zeroizing;

use crate::input;
use crate::output::Failure;
use crate::service_arguments::{Destination, Digits, Input};

/// Bytes that are sent at a time: far more than a message costs, and far less than servers refuse.
const PART: usize = 256 << 10;
/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// Where data come from.
pub(crate) struct Source {
    name: String,
    input: Box<dyn Read>,
    digits: Digits,
    /// Characters of a text that do not make whole bytes yet.
    text: Zeroizing<String>,
    /// Bytes that were read and not taken.
    buffer: Zeroizing<Vec<u8>>,
    ended: bool,
}

impl Source {
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) fn open(from: &Input) -> Result<Self, Failure> {
        let name = if from.file == Path::new("-") { "standard input".to_owned() } else { from.file.display().to_string() };
        let input: Box<dyn Read> = if from.file == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(&from.file).map_err(|error| Failure::other(format!("cannot read {name}: {error}")))?)
        };
        let (text, buffer) = (Zeroizing::default(), Zeroizing::default());
        Ok(Self { name, input, digits: from.input_encoding, text, buffer, ended: false })
    }

    /// Reads until there are so many bytes, or no more.
    fn fill(&mut self, wanted: usize) -> Result<(), Failure> {
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        while !self.ended && self.buffer.len() < wanted {
            let read = match self.input.read(&mut piece) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::other(format!("cannot read {}: {error}", self.name))),
            };
            self.ended = read == 0;
            match self.digits {
                Digits::Raw => self.buffer.extend_from_slice(&piece[..read]),
                digits => self.decode(&piece[..read], digits)?,
            }
        }
        Ok(())
    }

    fn decode(&mut self, piece: &[u8], digits: Digits) -> Result<(), Failure> {
        let wrong = || Failure::other(format!("{} is not text in the encoding that --input-encoding names", self.name));
        let text = std::str::from_utf8(piece).map_err(|_| wrong())?;
        self.text.extend(text.chars().filter(|character| !character.is_ascii_whitespace()));
        let unit = if digits == Digits::Hex { 2 } else { 4 };
        let whole = if self.ended { self.text.len() } else { self.text.len() / unit * unit };
        if whole == 0 {
            return Ok(());
        }
        let part = self.text.get(..whole).ok_or_else(wrong)?;
        let bytes = match digits {
            Digits::Hex => input::from_hex(part).ok_or_else(wrong)?,
            _ => Zeroizing::new(Base64::decode_vec(part).map_err(|_| wrong())?),
        };
        self.buffer.extend_from_slice(&bytes);
        self.text = Zeroizing::new(self.text.get(whole..).unwrap_or_default().to_owned());
        Ok(())
    }

    fn take(&mut self, length: usize) -> Zeroizing<Vec<u8>> {
        let rest = Zeroizing::new(self.buffer.split_off(length));
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The first bytes.
    ///
    /// # Errors
    /// If there are not as many.
    pub(crate) fn first(&mut self, length: usize, what: &str) -> Result<Vec<u8>, Failure> {
        self.fill(length)?;
        if self.buffer.len() < length {
            return Err(Failure::other(format!("{} is too short: there is no {what} of {length} bytes in front", self.name)));
        }
        Ok(self.take(length).to_vec())
    }

    /// The next part, and whether it is the last one; the last `tail` bytes are left.
    ///
    /// # Errors
    /// If there are not as many.
    pub(crate) fn part(&mut self, tail: usize) -> Result<(Secret, bool), Failure> {
        // One byte more says that another part follows.
        self.fill(PART + tail + 1)?;
        if self.buffer.len() > PART + tail {
            let part = self.take(PART);
            return Ok((Secret::from_slice(&part), false));
        }
        let length = self.buffer.len().checked_sub(tail);
        let length = length.ok_or_else(|| Failure::other(format!("{} is too short: it has no tag", self.name)))?;
        let part = self.take(length);
        Ok((Secret::from_slice(&part), true))
    }

    /// What is left.
    pub(crate) fn tail(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.buffer)
    }

    /// All of it, for what is sent in one piece.
    ///
    /// # Errors
    /// If it is longer than a part.
    pub(crate) fn whole(&mut self) -> Result<Secret, Failure> {
        match self.part(0)? {
            (whole, true) => Ok(whole),
            _ => Err(Failure::other(format!("{} is longer than {PART} bytes", self.name))),
        }
    }
}

/// Where a result goes.
pub(crate) struct Sink {
    output: Box<dyn Write>,
    digits: Digits,
    /// Bytes that are no whole group of base64 yet.
    pending: Zeroizing<Vec<u8>>,
    /// The file that is removed if the result does not become whole.
    unfinished: Option<PathBuf>,
}

impl Sink {
    /// Opens what the command line names. What is only to be read by machines is not written to a terminal.
    ///
    /// # Errors
    /// If the file is there already or cannot be made.
    pub(crate) fn open(to: &Destination, is_data: bool) -> Result<Self, Failure> {
        let pending = Zeroizing::default();
        let Some(path) = &to.out else {
            let digits = to.encoding.unwrap_or(if is_data { Digits::Raw } else { Digits::Hex });
            if digits == Digits::Raw && !is_data && io::stdout().is_terminal() {
                return Err(Failure::usage("raw bytes are not for a terminal: redirect them, or take another --encoding"));
            }
            return Ok(Self { output: Box::new(io::stdout()), digits, pending, unfinished: None });
        };
        let cannot = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::other(format!("{} exists; --force replaces it", path.display())),
            _ => Failure::other(format!("cannot write {}: {error}", path.display())),
        };
        if to.force {
            // A file made anew has the new permissions, and nobody has it open already.
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
                _ => {}
            }
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
        let digits = to.encoding.unwrap_or(Digits::Raw);
        Ok(Self { output: Box::new(file), digits, pending, unfinished: Some(path.clone()) })
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.digits {
            Digits::Raw => self.put(bytes),
            Digits::Hex => self.put(input::to_hex(bytes).as_bytes()),
            Digits::Base64 => {
                self.pending.extend_from_slice(bytes);
                let whole = self.pending.len() / 3 * 3;
                let rest = Zeroizing::new(self.pending.split_off(whole));
                let whole = std::mem::replace(&mut self.pending, rest);
                self.put(Zeroizing::new(Base64::encode_string(&whole)).as_bytes())
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.output.write_all(bytes).map_err(|error| Failure::other(format!("cannot write the result: {error}")))
    }

    /// The result is whole.
    ///
    /// # Errors
    /// If the rest cannot be written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.put(Zeroizing::new(Base64::encode_string(&rest)).as_bytes())?;
        }
        if self.digits != Digits::Raw {
            self.put(b"\n")?;
        }
        self.output.flush().map_err(|error| Failure::other(format!("cannot write the result: {error}")))?;
        self.unfinished = None;
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(path) = self.unfinished.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What the requests of all services have in common, for one part of the data.
pub(crate) struct Part {
    pub(crate) data: Option<Data>,
    pub(crate) correlation_value: Option<ByteString>,
    pub(crate) init_indicator: Option<bool>,
    pub(crate) final_indicator: Option<bool>,
    /// Whether the parameters, the IV and the like belong to it.
    pub(crate) is_first: bool,
    /// What stands behind the data, with the last part.
    pub(crate) tail: Option<Vec<u8>>,
}

/// Sends all data, in one request or as a stream: `request` makes the payload of a part, `answer` takes what comes back and returns its
/// Correlation Value.
///
/// # Errors
/// Those of reading, of the server, and of `answer`; data of several parts before 1.3.
pub(crate) async fn send<R: Request>(
    client: &mut Client,
    source: &mut Source,
    tail: usize,
    mut request: impl FnMut(Part) -> R,
    mut answer: impl FnMut(R::Response) -> Result<Option<ByteString>, Failure>,
) -> Result<(), Failure> {
    let (mut data, mut is_last) = source.part(tail)?;
    if !is_last && client.version() < ProtocolVersion::V1_3 {
        let what = format!("a stream, for data of more than {PART} bytes,");
        return Err(Error::NotInVersion { what, version: client.version() }.into());
    }
    let mut correlation: Option<ByteString> = None;
    let mut is_first = true;
    loop {
        let part = Part {
            data: Some(Data::Bytes(data)),
            correlation_value: correlation.take(),
            init_indicator: (is_first && !is_last).then_some(true),
            final_indicator: (!is_first && is_last).then_some(true),
            is_first,
            tail: (is_last && tail > 0).then(|| source.tail()),
        };
        correlation = answer(client.call(&request(part)).await?)?;
        if is_last {
            return Ok(());
        }
        if correlation.is_none() {
            return Err(Error::Mismatch("a stream has no Correlation Value").into());
        }
        is_first = false;
        (data, is_last) = source.part(tail)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: Vec<u8>, digits: Digits) -> Source {
        let (text, buffer) = (Zeroizing::default(), Zeroizing::default());
        Source { name: "the test".to_owned(), input: Box::new(io::Cursor::new(bytes)), digits, text, buffer, ended: false }
    }

    /// The lengths of the parts, and what is left behind them.
    fn parts(mut source: Source, tail: usize) -> (Vec<usize>, Vec<u8>) {
        let mut lengths = Vec::new();
        loop {
            let (part, is_last) = source.part(tail).ok().unwrap();
            lengths.push(part.len());
            if is_last {
                return (lengths, source.tail());
            }
        }
    }

    #[test]
    fn parts_are_whole_and_the_last_one_is_known() {
        for (length, tail, expected) in [
            (0, 0, vec![0]),
            (PART, 0, vec![PART]),
            (PART + 1, 0, vec![PART, 1]),
            (PART + 16, 16, vec![PART]),
            (PART + 17, 16, vec![PART, 1]),
            (3 * PART, 16, vec![PART, PART, PART - 16]),
        ] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let (lengths, left) = parts(source(bytes.clone(), Digits::Raw), tail);
            assert_eq!(lengths, expected, "{length} {tail}");
            assert_eq!(left, bytes[length - tail..]);
        }
        assert!(source(vec![1; 15], Digits::Raw).part(16).is_err());
        assert_eq!(source(vec![1; 15], Digits::Raw).first(12, "IV").ok(), Some(vec![1; 12]));
        assert!(source(vec![1; 15], Digits::Raw).first(16, "IV").is_err());
    }

    #[test]
    fn texts_are_decoded_across_pieces() {
        let bytes: Vec<u8> = (0..200_000).map(|at| (at % 253) as u8).collect();
        let lines = |text: &str, width: usize| {
            let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            lines.join("\n").into_bytes()
        };
        let hex = lines(&input::to_hex(&bytes), 63);
        assert_eq!(source(hex, Digits::Hex).whole().ok().unwrap().expose(), bytes);
        let base64 = lines(&Base64::encode_string(&bytes), 77);
        assert_eq!(source(base64, Digits::Base64).whole().ok().unwrap().expose(), bytes);
        assert!(source(b"abc".to_vec(), Digits::Hex).whole().is_err());
        assert!(source(b"no base64!".to_vec(), Digits::Base64).whole().is_err());
    }

    #[test]
    fn what_did_not_become_whole_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let to = |digits, force| Destination { out: Some(folder.path().join("result")), force, encoding: Some(digits) };
        for (digits, expected) in
            [(Digits::Raw, "abcdefg"), (Digits::Hex, "61626364656667\n"), (Digits::Base64, "YWJjZGVmZw==\n")]
        {
            let mut sink = Sink::open(&to(digits, true), true).ok().unwrap();
            for piece in ["ab", "cdef", "", "g"] {
                assert!(sink.write(piece.as_bytes()).is_ok());
            }
            assert!(sink.finish().is_ok());
            assert_eq!(std::fs::read_to_string(folder.path().join("result")).unwrap(), expected);
        }
        assert!(Sink::open(&to(Digits::Raw, false), true).is_err(), "it exists");
        let mut sink = Sink::open(&to(Digits::Raw, true), true).ok().unwrap();
        assert!(sink.write(b"half").is_ok());
        drop(sink);
        assert!(!folder.path().join("result").exists());
    }
}
