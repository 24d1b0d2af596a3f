//! Modes that need all of a message at once: CCM, XTS, ChaCha20-Poly1305.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use cipher::array::Array;
use cipher::consts::U16;
use cipher::{Block, BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use kmip::enumerations::BlockCipherMode;
use xts_mode::Xts128;
use zeroize::Zeroizing;

use super::block::{keyed, with_block_cipher};
use super::settings::{Settings, bad};
use crate::buffer::Buffer;
use crate::digest::equal;
use crate::error::CryptoError;

/// A key with all that is known before the data.
pub(super) trait Whole: Send {
    /// Encrypts in place. The tag, if there is one.
    fn seal(&self, data: &mut [u8]) -> Result<Option<Vec<u8>>, CryptoError>;
    /// Decrypts in place; if the tag is not right, there is nothing to be read afterwards.
    fn open(&self, data: &mut Buffer, tag: &[u8]) -> Result<(), CryptoError>;
}

/// The mode of the settings.
pub(super) fn whole(settings: &Settings, key: &[u8], aad: &[u8]) -> Result<Box<dyn Whole>, CryptoError> {
    match settings.row.mode {
        Some(BlockCipherMode::CCM) => with_block_cipher!(settings.row.algorithm, key, |cipher|
            wide => Ok(Box::new(Ccm {
                cipher,
                nonce: settings.iv.clone(),
                aad: aad.to_vec(),
                tag_length: settings.tag_length,
            }) as Box<dyn Whole>),
            narrow => { drop(cipher); Err(CryptoError::UnsupportedParameters("CCM needs blocks of 128 bits".to_owned())) }
        ),
        Some(BlockCipherMode::XTS) => xts(&settings.iv, key),
        _ => {
            let nonce = <[u8; 12]>::try_from(&settings.iv[..]).map_err(|_| CryptoError::Failed("the nonce"))?;
            let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| CryptoError::Failed("the key schedule"))?;
            let (key, tag_length) = (LessSafeKey::new(key), settings.tag_length);
            Ok(Box::new(ChaCha20Poly1305 { key, nonce, aad: aad.to_vec(), tag_length }))
        }
    }
}

struct ChaCha20Poly1305 {
    key: LessSafeKey,
    nonce: [u8; 12],
    aad: Vec<u8>,
    tag_length: usize,
}

impl ChaCha20Poly1305 {
    /// Encrypts in place; the whole tag.
    fn sealed(&self, data: &mut [u8]) -> Result<Tag, CryptoError> {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(&self.aad), data);
        tag.map_err(|_| CryptoError::Failed("ChaCha20-Poly1305"))
    }
}

impl Whole for ChaCha20Poly1305 {
    fn seal(&self, data: &mut [u8]) -> Result<Option<Vec<u8>>, CryptoError> {
        Ok(Some(self.sealed(data)?.as_ref()[..self.tag_length].to_vec()))
    }

    fn open(&self, data: &mut Buffer, tag: &[u8]) -> Result<(), CryptoError> {
        if self.tag_length < CHACHA20_POLY1305.tag_len() {
            // The library takes whole tags only. Encrypting is the same as decrypting, so that the first pass gives what was encrypted,
            // and the second, over a copy, its tag.
            let mut plain = Zeroizing::new(data.as_slice().to_vec());
            let _ = self.sealed(&mut plain)?;
            let mut again = plain.clone();
            let whole = self.sealed(&mut again)?;
            if !equal(&whole.as_ref()[..self.tag_length], tag) {
                return Err(CryptoError::Refused);
            }
            data.as_mut_slice().copy_from_slice(&plain);
            return Ok(());
        }
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let mut plain = Zeroizing::new(vec![0; data.len()]);
        self.key
            .open_separate_gather(nonce, Aad::from(&self.aad), data.as_slice(), tag, &mut plain)
            .map_err(|_| CryptoError::Refused)?;
        data.as_mut_slice().copy_from_slice(&plain);
        Ok(())
    }
}

/// Counter with CBC-MAC (SP 800-38C, appendix A).
struct Ccm<C> {
    cipher: C,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    tag_length: usize,
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send> Ccm<C> {
    /// How many bytes the length of the data takes in the first block, and the counter in the others.
    fn width(&self) -> usize {
        15 - self.nonce.len()
    }

    fn check(&self, data: &[u8]) -> Result<(), CryptoError> {
        let most = 1_u128 << (8 * self.width());
        if (data.len() as u128) < most {
            return Ok(());
        }
        Err(bad(format!("with a nonce of {} bytes, CCM takes less than {most} bytes", self.nonce.len())))
    }

    /// A block that begins with flags and the nonce; the rest is a number.
    fn block(&self, flags: u8, number: usize) -> Block<C> {
        let mut block = Block::<C>::from((number as u128).to_be_bytes());
        block[0] = flags;
        block[1..=self.nonce.len()].copy_from_slice(&self.nonce);
        block
    }

    /// The CBC-MAC over the first block, the additional data and the plaintext.
    fn mac(&self, data: &[u8]) -> Zeroizing<[u8; 16]> {
        let flags = u8::from(!self.aad.is_empty()) * 0x40 + ((self.tag_length - 2) / 2 * 8) as u8 + (self.width() - 1) as u8;
        let mut state = self.block(flags, data.len());
        self.cipher.encrypt_block(&mut state);
        if !self.aad.is_empty() {
            let mut encoded = match self.aad.len() as u64 {
                length @ 0..0xFF00 => (length as u16).to_be_bytes().to_vec(),
                length @ 0xFF00..=0xFFFF_FFFF => [&[0xFF, 0xFE], &(length as u32).to_be_bytes()[..]].concat(),
                length => [&[0xFF, 0xFF], &length.to_be_bytes()[..]].concat(),
            };
            encoded.extend_from_slice(&self.aad);
            self.chain(&mut state, &encoded);
        }
        self.chain(&mut state, data);
        Zeroizing::new(state.into())
    }

    /// Whole blocks, the last filled with zeros.
    fn chain(&self, state: &mut Block<C>, data: &[u8]) {
        for block in data.chunks(16) {
            state.iter_mut().zip(block).for_each(|(byte, next)| *byte ^= next);
            self.cipher.encrypt_block(state);
        }
    }

    /// The key stream of the tag's block, then of the data's.
    fn stream(&self) -> (Zeroizing<[u8; 16]>, StreamCipherCoreWrapper<CtrCore<&C, Ctr128BE>>) {
        let first = self.block((self.width() - 1) as u8, 0);
        let mut stream = StreamCipherCoreWrapper::from_core(CtrCore::inner_iv_init(&self.cipher, &first));
        let mut mask = Zeroizing::new([0; 16]);
        stream.apply_keystream(&mut mask[..]);
        (mask, stream)
    }

    fn tag(&self, data: &[u8], mask: &[u8; 16]) -> Vec<u8> {
        self.mac(data).iter().zip(mask).take(self.tag_length).map(|(byte, mask)| byte ^ mask).collect()
    }
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send> Whole for Ccm<C> {
    fn seal(&self, data: &mut [u8]) -> Result<Option<Vec<u8>>, CryptoError> {
        self.check(data)?;
        let (mask, mut stream) = self.stream();
        let tag = self.tag(data, &mask);
        stream.try_apply_keystream(data).map_err(|_| CryptoError::Failed("CCM"))?;
        Ok(Some(tag))
    }

    fn open(&self, data: &mut Buffer, tag: &[u8]) -> Result<(), CryptoError> {
        self.check(data.as_slice())?;
        let (mask, mut stream) = self.stream();
        stream.try_apply_keystream(data.as_mut_slice()).map_err(|_| CryptoError::Failed("CCM"))?;
        let expected = Zeroizing::new(self.tag(data.as_slice(), &mask));
        if equal(&expected, tag) {
            return Ok(());
        }
        data.truncate(0);
        Err(CryptoError::Refused)
    }
}

/// XTS (SP 800-38E): the data is one data unit, the IV its tweak.
struct Xts<C>(Xts128<C>, [u8; 16]);

fn xts(iv: &[u8], key: &[u8]) -> Result<Box<dyn Whole>, CryptoError> {
    let (first, second) = key.split_at(key.len() / 2);
    // FIPS 140-3 implementation guidance C.I: with two equal keys the mode is no better than ECB in places.
    if equal(first, second) {
        return Err(bad("the two halves of a key for XTS must not be the same".to_owned()));
    }
    let mut tweak = [0; 16];
    tweak.iter_mut().zip(iv).for_each(|(byte, from)| *byte = *from);
    Ok(if first.len() == 16 {
        Box::new(Xts(Xts128::<aes::Aes128>::new(keyed(first)?, keyed(second)?), tweak))
    } else {
        Box::new(Xts(Xts128::<aes::Aes256>::new(keyed(first)?, keyed(second)?), tweak))
    })
}

/// The bounds of a data unit: one block (what is shorter cannot be ciphered), 2^20 of them (SP 800-38E, section 4).
fn check_unit(length: usize) -> Result<(), CryptoError> {
    if (16..=16 << 20).contains(&length) {
        return Ok(());
    }
    Err(bad(format!("a data unit of XTS has 16 bytes to 16 MiB, not {length} bytes")))
}

impl<C: BlockCipherEncrypt + cipher::BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + Send> Whole for Xts<C> {
    fn seal(&self, data: &mut [u8]) -> Result<Option<Vec<u8>>, CryptoError> {
        check_unit(data.len())?;
        self.0.encrypt_sector(data, Array(self.1));
        Ok(None)
    }

    fn open(&self, data: &mut Buffer, _: &[u8]) -> Result<(), CryptoError> {
        check_unit(data.len())?;
        self.0.decrypt_sector(data.as_mut_slice(), Array(self.1));
        Ok(())
    }
}
