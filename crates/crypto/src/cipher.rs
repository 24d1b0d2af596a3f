//! Encryption and decryption with symmetric keys, in one call or in parts.
//!
//! [`CIPHERS`] says what is offered and who does it; `settings` what Cryptographic Parameters mean and what is assumed where
//! they are silent.

pub(crate) mod block;
mod gcm;
mod padding;
mod settings;
mod table;
mod transform;
mod whole;

use kmip::Secret;
use kmip::enumerations::BlockCipherMode;
use kmip::structures::CryptographicParameters;
use zeroize::Zeroizing;

use crate::buffer::Buffer;
use crate::digest::equal;
use crate::error::CryptoError;
use crate::random::Random;
use gcm::{Galois, galois};
use padding::Padding;
use settings::{Settings, bad, block_size, described};
pub use table::{CIPHERS, CipherRow, Streaming, cipher, cipher_supported};
use transform::{Direction, Transform, transform};
use whole::{Whole, whole};

/// A mode with its key and IV, by how it takes data.
enum Mode {
    /// In whole blocks.
    Blocks { transform: Box<dyn Transform>, size: usize, padding: Padding },
    /// As it comes.
    Stream(Box<dyn Transform>),
    /// As it comes, with a tag at the end.
    Galois(Box<dyn Galois>),
    /// All at once.
    Whole(Box<dyn Whole>),
}

impl Mode {
    fn new(settings: &Settings, key: &[u8], aad: Option<&[u8]>, direction: Direction) -> Result<Self, CryptoError> {
        let aad = aad.unwrap_or_default();
        Ok(match settings.row.mode {
            Some(BlockCipherMode::ECB | BlockCipherMode::CBC) => Self::Blocks {
                transform: transform(settings, key, direction)?,
                size: block_size(settings.row.algorithm),
                padding: settings.padding,
            },
            Some(BlockCipherMode::GCM) => Self::Galois(galois(settings, key, aad)?),
            Some(BlockCipherMode::CCM | BlockCipherMode::XTS | BlockCipherMode::AEAD) => Self::Whole(whole(settings, key, aad)?),
            _ => Self::Stream(transform(settings, key, direction)?),
        })
    }
}

/// An encryption that goes on. What it holds is wiped when it is dropped.
pub struct Encryptor {
    mode: Mode,
    /// Plaintext that is not complete yet.
    held: Buffer,
    /// What ISO 10126 fills with.
    filler: Zeroizing<[u8; 16]>,
    iv: Option<Vec<u8>>,
    tag_length: usize,
}

impl Encryptor {
    /// Begins to encrypt. `parameters` have the Cryptographic Algorithm; `aad` is additional data that is authenticated.
    ///
    /// # Errors
    /// What is not offered or contradicts itself, a missing IV, or no random bytes.
    pub fn new(
        parameters: &CryptographicParameters,
        key: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        random: &dyn Random,
    ) -> Result<Self, CryptoError> {
        let mut settings = Settings::new(parameters, key, iv, aad, Some(random))?;
        let mut filler = Zeroizing::new([0; 16]);
        if settings.padding == Padding::Iso10126 {
            random.fill(&mut filler[..])?;
        }
        Ok(Self {
            mode: Mode::new(&settings, key, aad, Direction::Encrypt)?,
            held: Buffer::default(),
            filler,
            iv: settings.generated.take(),
            tag_length: settings.tag_length,
        })
    }

    /// The IV, if it was made here (Random IV): the client must be told.
    #[must_use]
    pub fn generated_iv(&self) -> Option<&[u8]> {
        self.iv.as_deref()
    }

    /// How many bytes of plaintext are kept in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes more plaintext, and gives as much ciphertext as there can be: all, whole blocks, or nothing before the end.
    ///
    /// # Errors
    /// More data than the mode can encrypt with one IV.
    pub fn update(&mut self, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match &mut self.mode {
            Mode::Blocks { transform, size, .. } => {
                let complete = (self.held.len() + data.len()) / *size * *size;
                let Some(from_data) = complete.checked_sub(self.held.len()) else {
                    self.held.extend(data);
                    return Ok(Vec::new());
                };
                let (now, later) = data.split_at(from_data);
                let mut out = Zeroizing::new(Vec::with_capacity(complete));
                out.extend_from_slice(self.held.as_slice());
                out.extend_from_slice(now);
                self.held.truncate(0);
                self.held.extend(later);
                transform.apply(&mut out)?;
                Ok(std::mem::take(&mut *out))
            }
            Mode::Stream(transform) => in_place(data, |data| transform.apply(data)),
            Mode::Galois(galois) => in_place(data, |data| galois.encrypt(data)),
            Mode::Whole(_) => {
                self.held.extend(data);
                Ok(Vec::new())
            }
        }
    }

    /// The rest of the ciphertext, and the tag if the mode has one.
    ///
    /// # Errors
    /// Data that is no multiple of a block where there is no padding, or that the mode cannot encrypt.
    pub fn finish(mut self) -> Result<(Vec<u8>, Option<Vec<u8>>), CryptoError> {
        match &mut self.mode {
            Mode::Blocks { transform, size, padding } => {
                let fill = padding.fill(self.held.len(), *size, &self.filler[..])?;
                if fill.is_empty() {
                    return Ok((Vec::new(), None));
                }
                self.held.extend(&fill);
                transform.apply(self.held.as_mut_slice())?;
                Ok((self.held.take(), None))
            }
            Mode::Stream(_) => Ok((Vec::new(), None)),
            Mode::Galois(galois) => Ok((Vec::new(), galois.tag().get(..self.tag_length).map(<[u8]>::to_vec))),
            Mode::Whole(whole) => {
                let tag = whole.seal(self.held.as_mut_slice())?;
                Ok((self.held.take(), tag))
            }
        }
    }
}

/// A decryption that goes on. What it holds is wiped when it is dropped.
///
/// Plaintext that a tag authenticates is given by [`Decryptor::finish`] only.
pub struct Decryptor {
    mode: Mode,
    /// Ciphertext that is not complete yet.
    held: Buffer,
    tag: Option<Vec<u8>>,
    tag_length: usize,
    row: &'static CipherRow,
}

impl Decryptor {
    /// Begins to decrypt. Without a tag in a mode that has one, the tag is the end of the data, as it was up to 1.3.
    ///
    /// # Errors
    /// What is not offered or contradicts itself, or a missing IV.
    pub fn new(
        parameters: &CryptographicParameters,
        key: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        tag: Option<&[u8]>,
    ) -> Result<Self, CryptoError> {
        let settings = Settings::new(parameters, key, iv, aad, None)?;
        let mut decryptor = Self {
            mode: Mode::new(&settings, key, aad, Direction::Decrypt)?,
            held: Buffer::default(),
            tag: None,
            tag_length: settings.tag_length,
            row: settings.row,
        };
        if let Some(tag) = tag {
            if !settings.row.authenticated {
                return Err(bad(format!("{} has no tag", described(settings.row))));
            }
            decryptor.set_tag(tag);
        }
        Ok(decryptor)
    }

    /// The tag, if it comes later than the first data.
    pub fn set_tag(&mut self, tag: &[u8]) {
        self.tag = Some(tag.to_vec());
    }

    /// How many bytes of ciphertext are kept in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes more ciphertext, and gives the plaintext there can be before the end.
    ///
    /// # Errors
    /// More data than the mode can have encrypted with one IV.
    pub fn update(&mut self, data: &[u8]) -> Result<Secret, CryptoError> {
        match &mut self.mode {
            Mode::Blocks { transform, size, padding } => {
                let total = self.held.len() + data.len();
                // The last block may be padding: it waits for the end.
                let complete = if padding.has_end() { total.saturating_sub(1) } else { total } / *size * *size;
                let Some(from_data) = complete.checked_sub(self.held.len()) else {
                    self.held.extend(data);
                    return Ok(Secret::new(Vec::new()));
                };
                let (now, later) = data.split_at(from_data);
                let mut out = Zeroizing::new(Vec::with_capacity(complete));
                out.extend_from_slice(self.held.as_slice());
                out.extend_from_slice(now);
                self.held.truncate(0);
                self.held.extend(later);
                transform.apply(&mut out)?;
                Ok(Secret::new(std::mem::take(&mut *out)))
            }
            Mode::Stream(transform) => in_place(data, |data| transform.apply(data)).map(Secret::new),
            Mode::Galois(_) | Mode::Whole(_) => {
                self.held.extend(data);
                Ok(Secret::new(Vec::new()))
            }
        }
    }

    /// The rest of the plaintext.
    ///
    /// # Errors
    /// [`CryptoError::Refused`] if the padding or the tag is not right, and nothing more; what contradicts itself in what is not
    /// secret (the length of ciphertext and tag) by name.
    pub fn finish(mut self) -> Result<Secret, CryptoError> {
        let tag = self.take_tag()?;
        match &mut self.mode {
            Mode::Blocks { transform, size, padding } => {
                let length = self.held.len();
                let wanted = if *padding == Padding::Zeros && length == 0 { 0 } else { usize::from(padding.has_end()) * *size };
                if length != wanted {
                    return Err(bad(format!("ciphertext in {} is a multiple of {size} bytes", described(self.row))));
                }
                if length > 0 {
                    transform.apply(self.held.as_mut_slice())?;
                    let rest = padding.strip(self.held.as_slice())?;
                    self.held.truncate(rest);
                }
            }
            Mode::Stream(_) => {}
            Mode::Galois(galois) => {
                galois.authenticate(self.held.as_slice());
                let expected = Zeroizing::new(galois.tag());
                if !equal(expected.get(..self.tag_length).unwrap_or_default(), &tag) {
                    return Err(CryptoError::Refused);
                }
                galois.decrypt(self.held.as_mut_slice())?;
            }
            Mode::Whole(whole) => whole.open(&mut self.held, &tag)?,
        }
        Ok(Secret::new(self.held.take()))
    }

    /// The tag that was given, or the end of what is held.
    fn take_tag(&mut self) -> Result<Vec<u8>, CryptoError> {
        match self.tag.take() {
            Some(tag) if tag.len() == self.tag_length => Ok(tag),
            Some(_) if self.tag_length == 0 => Err(bad(format!("{} has no tag", described(self.row)))),
            Some(tag) => Err(bad(format!("a tag of {} bytes, where Tag Length says {}", tag.len(), self.tag_length))),
            None => {
                let short = || bad(format!("data of {} bytes cannot end with a tag of {}", self.held.len(), self.tag_length));
                let start = self.held.len().checked_sub(self.tag_length).ok_or_else(short)?;
                let tag = self.held.as_slice().get(start..).unwrap_or_default().to_vec();
                self.held.truncate(start);
                Ok(tag)
            }
        }
    }
}

/// A copy of bytes, turned in place. If that fails, the copy is wiped.
fn in_place(data: &[u8], turn: impl FnOnce(&mut [u8]) -> Result<(), CryptoError>) -> Result<Vec<u8>, CryptoError> {
    let mut out = Zeroizing::new(data.to_vec());
    turn(&mut out)?;
    Ok(std::mem::take(&mut *out))
}
