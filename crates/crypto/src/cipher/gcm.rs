//! Galois/Counter Mode (SP 800-38D), for nonces and tags of any length it allows and for data that comes in parts.

use cipher::array::Array;
use cipher::consts::U16;
use cipher::{Block, BlockCipherEncrypt, BlockSizeUser, InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use zeroize::Zeroizing;

use super::block::with_block_cipher;
use super::settings::Settings;
use crate::error::CryptoError;

/// The block of every cipher that GCM is defined for, in bytes.
const BLOCK: usize = 16;

/// The encryption and the tag of one message.
pub(super) trait Galois: Send {
    /// Encrypts the next bytes of plaintext in place, and authenticates what they become.
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), CryptoError>;
    /// Authenticates the next bytes of ciphertext.
    fn authenticate(&mut self, data: &[u8]);
    /// Decrypts bytes whose tag is right, in place.
    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), CryptoError>;
    /// The tag of what was authenticated, all of it.
    fn tag(&mut self) -> [u8; BLOCK];
}

/// GCM with the cipher, key and nonce of the settings, and additional data.
pub(super) fn galois(settings: &Settings, key: &[u8], aad: &[u8]) -> Result<Box<dyn Galois>, CryptoError> {
    with_block_cipher!(settings.row.algorithm, key, |cipher|
        wide => Ok(Box::new(Gcm::new(cipher, &settings.iv, aad)) as Box<dyn Galois>),
        narrow => { drop(cipher); Err(CryptoError::UnsupportedParameters("GCM needs blocks of 128 bits".to_owned())) }
    )
}

struct Gcm<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> {
    hash: GHash,
    stream: StreamCipherCoreWrapper<CtrCore<C, Ctr32BE>>,
    /// What the hash is hidden behind in the tag.
    mask: Zeroizing<[u8; BLOCK]>,
    /// Ciphertext that is not a block yet.
    partial: Vec<u8>,
    aad_length: u64,
    length: u64,
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Gcm<C> {
    fn new(cipher: C, nonce: &[u8], aad: &[u8]) -> Self {
        let mut subkey = Zeroizing::new([0; BLOCK]);
        cipher.encrypt_block((&mut *subkey).into());
        let mut hash = GHash::new((&*subkey).into());
        let mut first = Block::<C>::default();
        if let Ok(nonce) = <&[u8; 12]>::try_from(nonce) {
            first[..12].copy_from_slice(nonce);
            first[15] = 1;
        } else {
            let mut nonce_hash = hash.clone();
            nonce_hash.update_padded(nonce);
            nonce_hash.update(&[lengths(0, nonce.len() as u64)]);
            first = nonce_hash.finalize();
        }
        let mut stream = StreamCipherCoreWrapper::from_core(CtrCore::inner_iv_init(cipher, &first));
        let mut mask = Zeroizing::new([0; BLOCK]);
        // One block of a stream that has 2^32 - 1 of them.
        stream.apply_keystream(&mut mask[..]);
        hash.update_padded(aad);
        Self { hash, stream, mask, partial: Vec::with_capacity(BLOCK), aad_length: aad.len() as u64, length: 0 }
    }
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send> Galois for Gcm<C> {
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.decrypt(data)?;
        self.authenticate(data);
        Ok(())
    }

    fn authenticate(&mut self, mut data: &[u8]) {
        self.length += data.len() as u64;
        if !self.partial.is_empty() {
            let (now, later) = data.split_at(data.len().min(BLOCK - self.partial.len()));
            self.partial.extend_from_slice(now);
            data = later;
            if self.partial.len() < BLOCK {
                return;
            }
            self.hash.update_padded(&self.partial);
            self.partial.clear();
        }
        let (blocks, rest) = Array::slice_as_chunks(data);
        self.hash.update(blocks);
        self.partial.extend_from_slice(rest);
    }

    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        let too_long = |_| CryptoError::BadParameters("one message in GCM has at most 64 GiB".to_owned());
        self.stream.try_apply_keystream(data).map_err(too_long)
    }

    fn tag(&mut self) -> [u8; BLOCK] {
        self.hash.update_padded(&self.partial);
        self.partial.clear();
        self.hash.update(&[lengths(self.aad_length, self.length)]);
        let mut tag = <[u8; BLOCK]>::from(self.hash.clone().finalize());
        tag.iter_mut().zip(self.mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        tag
    }
}

/// The last block that is hashed: two lengths in bits.
fn lengths(first: u64, second: u64) -> ghash::Block {
    let bits = (u128::from(first) << 67) | (u128::from(second) << 3);
    bits.to_be_bytes().into()
}
