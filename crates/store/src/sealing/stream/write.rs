//! Writing a sealed stream.

use std::io;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use super::{CHUNK, Cipher, KeySource, LAST, LENGTH, MAGIC, MAX_HEADER, MAX_ITEM, PREFIX, StreamError, StreamKind, buffer};
use crate::sealing::{DATA_KEY, TAG, WRAPPED_KEY};

/// Writes a sealed stream. Without [`Writer::finish`] what was written is a cut stream, which no reader accepts as whole.
pub struct Writer<W> {
    inner: W,
    cipher: Cipher,
    /// The length of the chunk being filled, its clear bytes, and room for its tag.
    chunk: Zeroizing<Vec<u8>>,
    /// Set while bytes are on their way: after an error what has been written is unknown, and nothing may follow it.
    broken: bool,
}

impl<W: io::Write> Writer<W> {
    /// Begins a stream: draws its key and writes its header, which anyone can read and nobody can change.
    ///
    /// # Errors
    /// [`StreamError::TooLarge`] for a header of more than [`MAX_HEADER`] bytes; [`StreamError::Io`]; [`StreamError::Failed`].
    pub fn new<'a>(inner: W, keys: impl Into<KeySource<'a>>, kind: StreamKind, header: &[u8]) -> Result<Self, StreamError> {
        Self::begin(inner, keys.into(), kind, header)
    }

    fn begin(mut inner: W, keys: KeySource<'_>, kind: StreamKind, header: &[u8]) -> Result<Self, StreamError> {
        if header.len() > MAX_HEADER {
            return Err(StreamError::TooLarge { what: "a header", size: header.len(), limit: MAX_HEADER });
        }
        let mut data_key = Zeroizing::new([0; DATA_KEY]);
        rand::fill(&mut *data_key).map_err(|_| StreamError::Failed("drawing random bytes"))?;
        let (sort, number, wrapping) = keys.wrapping();
        let mut wrapped = [0; WRAPPED_KEY];
        wrapping.key().wrap_key(&*data_key, &mut wrapped).map_err(|_| StreamError::Failed("wrapping a data key"))?;

        let mut bytes = Vec::with_capacity(PREFIX + header.len() + TAG);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&keys.format().to_be_bytes());
        bytes.push(kind as u8);
        bytes.push(sort);
        bytes.extend_from_slice(&number);
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&(header.len() as u16).to_be_bytes());
        bytes.extend_from_slice(header);
        let mut cipher = Cipher::new(&*data_key, keys.format())?;
        let tag = cipher.seal(&bytes, &mut [])?;
        bytes.extend_from_slice(&tag);
        inner.write_all(&bytes)?;

        let mut chunk = buffer(LENGTH + CHUNK + TAG);
        chunk.extend_from_slice(&[0; LENGTH]);
        Ok(Self { inner, cipher, chunk, broken: false })
    }

    /// Appends an item of at most [`MAX_ITEM`] bytes.
    ///
    /// # Errors
    /// [`StreamError::TooLarge`], after which the stream is as it was; [`StreamError::Io`] and [`StreamError::Failed`], after
    /// which it takes nothing more.
    pub fn item(&mut self, item: &[u8]) -> Result<(), StreamError> {
        if item.len() > MAX_ITEM {
            return Err(StreamError::TooLarge { what: "an item", size: item.len(), limit: MAX_ITEM });
        }
        self.append(&(item.len() as u32).to_be_bytes())?;
        self.append(item)
    }

    /// Seals and writes what is left, flushes the writer below and returns it. Syncing is the caller's.
    ///
    /// # Errors
    /// [`StreamError::Io`] and [`StreamError::Failed`].
    pub fn finish(mut self) -> Result<W, StreamError> {
        self.write_chunk(LAST)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            // Only when more follows is a full chunk known not to be the last.
            if self.chunk.len() == LENGTH + CHUNK {
                self.write_chunk(0)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(LENGTH + CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn write_chunk(&mut self, mark: u32) -> Result<(), StreamError> {
        if self.broken {
            return Err(StreamError::Failed("an earlier write of the stream"));
        }
        self.broken = true;
        let length = ((self.chunk.len() - LENGTH) as u32 | mark).to_be_bytes();
        let (front, clear) = self.chunk.split_at_mut(LENGTH);
        front.copy_from_slice(&length);
        let tag = self.cipher.seal(&length, clear)?;
        self.chunk.extend_from_slice(&tag);
        self.inner.write_all(&self.chunk)?;
        self.chunk.truncate(LENGTH);
        self.broken = false;
        Ok(())
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").field("chunks", &self.cipher.number).finish_non_exhaustive()
    }
}
