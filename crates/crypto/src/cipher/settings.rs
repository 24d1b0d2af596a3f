//! What Cryptographic Parameters mean for a symmetric cipher, and where the IV comes from (2.1, sections 4.16, 6.1.11 and 6.1.17).
//!
//! What is absent:
//!
//! - Block Cipher Mode: required for block ciphers; a stream cipher has none, and ChaCha20-Poly1305 has one only.
//! - Padding Method: None.
//! - IV: made here if Random IV is true and something is encrypted; in all other cases an error, and one that is given is always
//!   the one that is used, as the description of Encrypt's response has it.
//! - IV Length: of an IV that is made, 96 bits in GCM, CCM and ChaCha20, else the length of a block.
//! - Tag Length: 16 bytes. A tag that is given must have exactly the length: a shorter one would be easier to forge.
//! - Counter Length: as many bits as the IV leaves of the block; all of it if the IV is a block.
//! - Initial Counter Value: what the IV says if it is a block, zero in an IV made here and in ChaCha20.
//!
//! The standard wants IV Length with modes that have IVs of any length, and Tag Length with GCM. Its own cases leave IV Length out: an
//! absent one is no error, and neither is an absent Tag Length, because the longest tag is the safe one.
//!
//! Fixed Field Length and Invocation Field Length describe how an IV is composed by who makes it. The server keeps no count of
//! invocations, so that IVs it makes are random (SP 800-38D, section 8.2.2); the two are only checked to add up.
//! How many messages one key has encrypted with IVs made here is not counted (SP 800-38D wants at most 2^32): Usage Limits can.

use kmip::enumerations::{BlockCipherMode, CryptographicAlgorithm};
use kmip::structures::CryptographicParameters;

use super::padding::Padding;
use super::table::{CipherRow, cipher, cipher_supported};
use crate::error::CryptoError;
use crate::random::Random;

/// The length of a tag, in bytes, without Tag Length.
const TAG: usize = 16;

/// The fewest random bytes beside a counter: with half of them, two of 65,536 messages would be likely to have one key stream.
const RANDOM_NONCE_MIN: usize = 8;

/// What is to be done, checked for everything that does not depend on the data.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) row: &'static CipherRow,
    pub(super) padding: Padding,
    /// Empty in ECB. In CTR, the whole first counter block.
    pub(super) iv: Vec<u8>,
    /// The IV as the client must be told it, if it was made here.
    pub(super) generated: Option<Vec<u8>>,
    /// In bytes; 0 without authentication.
    pub(super) tag_length: usize,
    /// How many bits of the block count in CTR.
    pub(super) counter_bits: usize,
    /// Where ChaCha20 begins to count.
    pub(super) initial_counter: u32,
}

/// The lengths an IV can have, in bytes.
struct IvLengths {
    allowed: fn(usize) -> bool,
    described: &'static str,
    /// Of an IV that is made here, unless IV Length says otherwise.
    usual: usize,
    /// The shortest of which it is unlikely enough that two random ones are the same.
    least_random: usize,
}

impl Settings {
    /// `random` is there if something is encrypted: only then an IV can be made.
    pub(super) fn new(
        parameters: &CryptographicParameters,
        key: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        random: Option<&dyn Random>,
    ) -> Result<Self, CryptoError> {
        let row = row(parameters)?;
        if !row.key_bits.contains(&(key.len() * 8)) {
            return Err(bad(format!(
                "a key of {} bits cannot be used: {} has {}",
                key.len() * 8,
                described(row),
                list(row.key_bits)
            )));
        }
        let padding = parameters.padding_method.map_or(Ok(Padding::None), Padding::new)?;
        if row.paddings.is_empty() && padding != Padding::None {
            return Err(bad(format!("{} takes data of any length, without padding", described(row))));
        }
        if !row.authenticated && aad.is_some_and(|aad| !aad.is_empty()) {
            return Err(bad(format!("{} authenticates nothing: there can be no additional data", described(row))));
        }
        let mut settings = Self {
            row,
            padding,
            iv: Vec::new(),
            generated: None,
            tag_length: tag_length(row, parameters)?,
            counter_bits: 0,
            initial_counter: initial_counter(parameters)?.unwrap_or_default(),
        };
        match row.mode {
            Some(BlockCipherMode::ECB) if iv.is_some_and(|iv| !iv.is_empty()) => {
                return Err(bad("ECB has no IV".to_owned()));
            }
            Some(BlockCipherMode::ECB) => {}
            Some(BlockCipherMode::CTR) => settings.first_counter_block(parameters, iv, random)?,
            _ => settings.plain_iv(parameters, iv, random)?,
        }
        Ok(settings)
    }

    fn plain_iv(
        &mut self,
        parameters: &CryptographicParameters,
        iv: Option<&[u8]>,
        random: Option<&dyn Random>,
    ) -> Result<(), CryptoError> {
        let lengths = iv_lengths(self.row);
        let length = bytes("IV Length", parameters.iv_length)?;
        if let Some(iv) = iv.filter(|iv| !iv.is_empty()) {
            if !(lengths.allowed)(iv.len()) || length.is_some_and(|length| length != iv.len()) {
                let wanted = length.map_or(lengths.described.to_owned(), |length| format!("{length} bytes (IV Length)"));
                return Err(bad(format!("an IV of {} bytes for {}, which has {wanted}", iv.len(), described(self.row))));
            }
            self.iv = iv.to_vec();
        } else {
            let random = random.filter(|_| parameters.random_iv == Some(true)).ok_or(CryptoError::MissingIv)?;
            let length = length.unwrap_or(lengths.usual);
            if !(lengths.allowed)(length) || length < lengths.least_random || length > 64 {
                return Err(bad(format!("an IV of {length} bytes cannot be made for {}", described(self.row))));
            }
            self.iv = vec![0; length];
            random.fill(&mut self.iv)?;
            self.generated = Some(self.iv.clone());
        }
        check_fields(parameters, self.iv.len() * 8)
    }

    /// CTR: the IV is the first counter block (SP 800-38A), or what stands before the counter in it (RFC 3686).
    fn first_counter_block(
        &mut self,
        parameters: &CryptographicParameters,
        iv: Option<&[u8]>,
        random: Option<&dyn Random>,
    ) -> Result<(), CryptoError> {
        let block = block_size(self.row.algorithm);
        let iv = iv.filter(|iv| !iv.is_empty());
        let counter_length = bytes("Counter Length", parameters.counter_length)?;
        let initial = initial_counter(parameters)?;
        let counter = match (counter_length, iv) {
            (Some(length), _) => length,
            (None, Some(iv)) if iv.len() < block => block - iv.len(),
            (None, _) => block,
        };
        if ![4, 8, 16].contains(&counter) || counter > block {
            return Err(bad(format!("a counter of {} bits in a block of {}: it can have 32, 64 or all", counter * 8, block * 8)));
        }
        self.counter_bits = counter * 8;
        let nonce = block - counter;
        let length = bytes("IV Length", parameters.iv_length)?;
        if let Some(iv) = iv {
            if length.is_some_and(|length| length != iv.len()) {
                return Err(bad(format!("an IV of {} bytes, where IV Length says otherwise", iv.len())));
            }
            self.iv = iv.to_vec();
            if iv.len() == nonce {
                let initial =
                    initial.ok_or_else(|| bad("an IV shorter than a block needs an Initial Counter Value".to_owned()))?;
                self.iv.resize(block, 0);
                set_counter(&mut self.iv, initial);
            } else if iv.len() != block {
                return Err(bad(format!("an IV of {} bytes: it must be a block, or a block without its counter", iv.len())));
            } else if let Some(initial) = initial {
                // Both say where counting begins. They must not contradict each other; zeros in the IV leave it open.
                let mut expected = iv.to_vec();
                expected.get_mut(nonce..).unwrap_or_default().fill(0);
                let open = expected == iv;
                set_counter(&mut expected, initial);
                if !open && expected != iv {
                    return Err(bad("the counter in the IV is not the Initial Counter Value".to_owned()));
                }
                self.iv = expected;
            }
        } else {
            let random = random.filter(|_| parameters.random_iv == Some(true)).ok_or(CryptoError::MissingIv)?;
            if length.is_some_and(|length| length != block) {
                return Err(bad(format!("an IV of {} bytes cannot be made: it is a block", length.unwrap_or_default())));
            }
            // With a counter of its own length, the rest is random; without one, all of it is.
            self.iv = vec![0; block];
            let drawn = if counter_length.is_some() && nonce > 0 { nonce } else { block };
            if drawn < RANDOM_NONCE_MIN {
                return Err(bad(format!("an IV cannot be made: beside the counter, {} bits are left for it", drawn * 8)));
            }
            random.fill(self.iv.get_mut(..drawn).unwrap_or_default())?;
            if drawn < block {
                set_counter(&mut self.iv, initial.unwrap_or_default());
            }
            self.generated = Some(self.iv.clone());
        }
        check_fields(parameters, block * 8)
    }
}

fn row(parameters: &CryptographicParameters) -> Result<&'static CipherRow, CryptoError> {
    let algorithm = parameters.cryptographic_algorithm;
    let algorithm = algorithm.ok_or_else(|| bad("the Cryptographic Algorithm is missing".to_owned()))?;
    if !cipher_supported(algorithm) {
        return Err(CryptoError::UnsupportedParameters(format!("data cannot be encrypted with {algorithm:?} here")));
    }
    let mode = match (algorithm, parameters.block_cipher_mode) {
        (CryptographicAlgorithm::ChaCha20, None) => None,
        (CryptographicAlgorithm::ChaCha20Poly1305, None) => Some(BlockCipherMode::AEAD),
        (_, None) => return Err(bad(format!("{algorithm:?} needs a Block Cipher Mode"))),
        (_, mode) => mode,
    };
    cipher(algorithm, mode).ok_or_else(|| {
        let mode = mode.map_or(String::new(), |mode| format!(" in the mode {mode:?}"));
        CryptoError::UnsupportedParameters(format!("{algorithm:?}{mode} is not offered"))
    })
}

fn iv_lengths(row: &CipherRow) -> IvLengths {
    match (row.algorithm, row.mode) {
        (_, Some(BlockCipherMode::GCM)) => {
            // SP 800-38D, sections 5.2.1.1 and 8.2.2.
            IvLengths { allowed: |length| length >= 1, described: "at least one byte", usual: 12, least_random: 12 }
        }
        (_, Some(BlockCipherMode::CCM)) => {
            IvLengths { allowed: |length| (7..=13).contains(&length), described: "7 to 13", usual: 12, least_random: 11 }
        }
        (_, Some(BlockCipherMode::XTS)) => {
            // The number of the data unit, least byte first (IEEE 1619, section 5.1); what is missing of 16 bytes is zero.
            IvLengths { allowed: |length| (1..=16).contains(&length), described: "1 to 16", usual: 16, least_random: 16 }
        }
        (CryptographicAlgorithm::ChaCha20, _) => {
            // The nonce of the cipher's author, with a counter of 64 bits, and that of RFC 8439, with one of 32.
            IvLengths { allowed: |length| length == 8 || length == 12, described: "8 or 12", usual: 12, least_random: 8 }
        }
        (CryptographicAlgorithm::ChaCha20Poly1305, _) => {
            IvLengths { allowed: |length| length == 12, described: "12", usual: 12, least_random: 12 }
        }
        (CryptographicAlgorithm::DES3, _) => {
            IvLengths { allowed: |length| length == 8, described: "8", usual: 8, least_random: 8 }
        }
        _ => IvLengths { allowed: |length| length == 16, described: "16", usual: 16, least_random: 16 },
    }
}

fn tag_length(row: &CipherRow, parameters: &CryptographicParameters) -> Result<usize, CryptoError> {
    if !row.authenticated {
        return Ok(0);
    }
    let Some(length) = parameters.tag_length else { return Ok(TAG) };
    let length = usize::try_from(length).unwrap_or_default();
    let allowed: &[usize] = match row.mode {
        Some(BlockCipherMode::GCM) => &[4, 8, 12, 13, 14, 15, 16],
        Some(BlockCipherMode::CCM) => &[4, 6, 8, 10, 12, 14, 16],
        // RFC 8439 has tags of 16 bytes, and leaves it to protocols to cut them: 12 is what the standard's own test case does.
        _ => &[12, 13, 14, 15, 16],
    };
    if !allowed.contains(&length) {
        let text = format!("{} has no tags of {length} bytes, only of {}", described(row), list(allowed));
        return Err(CryptoError::TagLength(text));
    }
    Ok(length)
}

/// The block of a block cipher, in bytes.
pub(super) fn block_size(algorithm: CryptographicAlgorithm) -> usize {
    if algorithm == CryptographicAlgorithm::DES3 { 8 } else { 16 }
}

fn initial_counter(parameters: &CryptographicParameters) -> Result<Option<u32>, CryptoError> {
    let value = parameters.initial_counter_value.map(u32::try_from).transpose();
    value.map_err(|_| bad("the Initial Counter Value is negative".to_owned()))
}

/// Writes a counter into the last four bytes, and zeros before it are there already.
fn set_counter(block: &mut [u8], value: u32) {
    if let Some(end) = block.last_chunk_mut() {
        *end = value.to_be_bytes();
    }
}

/// A number of bits as bytes.
fn bytes(name: &str, bits: Option<i32>) -> Result<Option<usize>, CryptoError> {
    let Some(bits) = bits else { return Ok(None) };
    let whole = usize::try_from(bits).ok().filter(|bits| *bits > 0 && bits.is_multiple_of(8));
    whole.map(|bits| Some(bits / 8)).ok_or_else(|| bad(format!("{name} is {bits}, which is no number of bytes")))
}

/// The fields an IV is said to have must fill it.
fn check_fields(parameters: &CryptographicParameters, iv_bits: usize) -> Result<(), CryptoError> {
    let (Some(fixed), Some(invocation)) = (parameters.fixed_field_length, parameters.invocation_field_length) else {
        return Ok(());
    };
    let sum = [fixed, invocation, parameters.counter_length.unwrap_or_default()]
        .into_iter()
        .try_fold(0_usize, |sum, field| sum.checked_add(usize::try_from(field).ok()?));
    if sum == Some(iv_bits) {
        return Ok(());
    }
    Err(bad(format!(
        "Fixed Field Length, Invocation Field Length and Counter Length do not add up to the {iv_bits} bits of the IV"
    )))
}

pub(super) fn described(row: &CipherRow) -> String {
    let mode = row.mode.map_or(String::new(), |mode| format!("-{mode:?}"));
    format!("{:?}{mode}", row.algorithm)
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn bad(text: String) -> CryptoError {
    CryptoError::BadParameters(text)
}
