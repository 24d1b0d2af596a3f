//! Reading a sealed stream.

use std::io::{self, ErrorKind};

use zeroize::Zeroizing;

use super::{
    CHUNK, Cipher, FORMAT, KeySource, LAST, LENGTH, MAGIC, MAX_HEADER, MAX_ITEM, PREFIX, StreamError, StreamKind, buffer,
};
use crate::sealing::{DATA_KEY, TAG, WRAPPED_KEY};

/// Reads a sealed stream.
pub struct Reader<R> {
    input: Input<R>,
    cipher: Cipher,
    /// The clear bytes of the chunk being read.
    chunk: Zeroizing<Vec<u8>>,
    /// How many of them were handed out.
    taken: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// More chunks follow.
    Within,
    /// This chunk is the last.
    Last,
    /// Reading failed; nothing that follows can be trusted to be in its place.
    Broken,
}

/// The bytes below, counted.
struct Input<R> {
    inner: R,
    offset: u64,
}

impl<R: io::Read> Input<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), StreamError> {
        self.inner.read_exact(bytes).map_err(|cause| match cause.kind() {
            ErrorKind::UnexpectedEof => self.damaged("the stream is cut off"),
            _ => StreamError::Io(cause),
        })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn is_at_end(&mut self) -> Result<bool, StreamError> {
        loop {
            match self.inner.read(&mut [0]) {
                Ok(count) => return Ok(count == 0),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause.into()),
            }
        }
    }

    fn damaged(&self, what: &'static str) -> StreamError {
        StreamError::Damaged { what, offset: self.offset }
    }
}

impl<R: io::Read> Reader<R> {
    /// Begins to read a stream of this kind; returns its header too, authenticated. Reads in pieces of up to 128 KiB, so the
    /// reader below needs no buffer of its own.
    ///
    /// # Errors
    /// [`StreamError`] says what is wrong with it.
    pub fn open<'a>(inner: R, keys: impl Into<KeySource<'a>>, kind: StreamKind) -> Result<(Self, Vec<u8>), StreamError> {
        Self::begin(inner, keys.into(), kind)
    }

    fn begin(inner: R, keys: KeySource<'_>, expected: StreamKind) -> Result<(Self, Vec<u8>), StreamError> {
        let at = |offset, what| StreamError::Damaged { what, offset };
        let mut input = Input { inner, offset: 0 };
        let mut bytes = vec![0; PREFIX];
        input.read(&mut bytes[..10])?;
        if bytes[..8] != *MAGIC {
            return Err(at(0, "it does not begin as a sealed stream"));
        }
        let format = u16::from_be_bytes([bytes[8], bytes[9]]);
        if format > FORMAT {
            return Err(StreamError::NewerFormat(format));
        }
        if format != keys.format() {
            return Err(at(8, "it is not sealed"));
        }
        input.read(&mut bytes[10..])?;
        let found = StreamKind::read(bytes[10]).ok_or_else(|| at(10, "it is of an unknown kind"))?;
        if found != expected {
            return Err(StreamError::WrongKind { expected, found });
        }
        let number = bytes[12..20].try_into().map_err(|_| StreamError::Failed("reading the header"))?;
        let wrapping = keys.unwrapping(bytes[11], number)?;
        let length = usize::from(u16::from_be_bytes([bytes[PREFIX - 2], bytes[PREFIX - 1]]));
        if length > MAX_HEADER {
            return Err(at(PREFIX as u64 - 2, "its header is too long"));
        }
        bytes.resize(PREFIX + length, 0);
        input.read(&mut bytes[PREFIX..])?;
        let mut tag = [0; TAG];
        input.read(&mut tag)?;

        let mut data_key = Zeroizing::new([0; DATA_KEY]);
        let unwrapped = wrapping.key().unwrap_key(&bytes[20..20 + WRAPPED_KEY], &mut *data_key);
        unwrapped.map_err(|_| at(20, "its data key cannot be unwrapped"))?;
        let mut cipher = Cipher::new(&*data_key, format)?;
        if !cipher.open(&bytes, &mut tag)? {
            return Err(at(0, "its header cannot be authenticated"));
        }
        let header = bytes.split_off(PREFIX);
        Ok((Self { input, cipher, chunk: buffer(CHUNK + TAG), taken: 0, state: State::Within }, header))
    }

    /// The next item; `None` at the end of a stream that is whole.
    ///
    /// # Errors
    /// [`StreamError`] says what is wrong. After an error every further call is one.
    #[allow(clippy::should_implement_trait, reason = "an iterator's `None` could be taken for the end after an error")]
    pub fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StreamError> {
        if self.state == State::Broken {
            return Err(StreamError::Failed("an earlier read of the stream"));
        }
        self.next_item().inspect_err(|_| self.state = State::Broken)
    }

    fn next_item(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StreamError> {
        while self.taken == self.chunk.len() {
            if self.state == State::Last {
                return Ok(None);
            }
            self.read_chunk()?;
        }
        let offset = self.input.offset;
        let mut length = [0; LENGTH];
        self.take(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_ITEM {
            return Err(StreamError::Damaged { what: "an item before it is too large", offset });
        }
        if let Some(whole) = self.chunk.get(self.taken..self.taken + length) {
            self.taken += length;
            return Ok(Some(Zeroizing::new(whole.to_vec())));
        }
        let mut item = Zeroizing::new(vec![0; length]);
        self.take(&mut item)?;
        Ok(Some(item))
    }

    fn take(&mut self, mut target: &mut [u8]) -> Result<(), StreamError> {
        while !target.is_empty() {
            let rest = &self.chunk[self.taken..];
            let count = rest.len().min(target.len());
            let (now, later) = target.split_at_mut(count);
            now.copy_from_slice(&rest[..count]);
            self.taken += count;
            target = later;
            if !target.is_empty() {
                if self.state == State::Last {
                    return Err(self.input.damaged("the stream ends within an item"));
                }
                self.read_chunk()?;
            }
        }
        Ok(())
    }

    fn read_chunk(&mut self) -> Result<(), StreamError> {
        let offset = self.input.offset;
        let mut front = [0; LENGTH];
        self.input.read(&mut front)?;
        let marked = u32::from_be_bytes(front);
        let (length, last) = ((marked & !LAST) as usize, marked & LAST != 0);
        if length > CHUNK || (!last && length < CHUNK) {
            return Err(StreamError::Damaged { what: "a chunk has an impossible length", offset });
        }
        self.taken = 0;
        self.chunk.resize(length + TAG, 0);
        self.input.read(&mut self.chunk)?;
        if !self.cipher.open(&front, &mut self.chunk)? {
            return Err(StreamError::Damaged { what: "a chunk cannot be authenticated", offset });
        }
        self.chunk.truncate(length);
        if last {
            self.state = State::Last;
            if !self.input.is_at_end()? {
                return Err(self.input.damaged("the stream goes on after its end"));
            }
        }
        Ok(())
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("offset", &self.input.offset).field("state", &self.state).finish_non_exhaustive()
    }
}
