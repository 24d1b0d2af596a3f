//! Modes that turn bytes into as many bytes: ECB and CBC in whole blocks, the others as streams.

use chacha20::{ChaCha20, ChaCha20Legacy};
use cipher::array::{Array, ArraySize};
use cipher::consts::{U8, U16};
use cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit, KeyIvInit,
    StreamCipher, StreamCipherCoreWrapper, StreamCipherSeek,
};
use cmac::digest::block_api::SmallBlockSizeUser;
use ctr::{Ctr32BE, Ctr64BE, Ctr128BE, CtrCore};
use kmip::enumerations::BlockCipherMode;
use ofb::OfbCore;

use super::block::with_block_cipher;
use super::settings::{Settings, described};
use crate::error::CryptoError;

/// A keyed cipher in one direction.
pub(super) trait Transform: Send {
    /// Turns the next bytes, in place; whole blocks in ECB and CBC.
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError>;
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Encrypt,
    Decrypt,
}

/// The cipher, mode, key and IV of the settings.
pub(super) fn transform(settings: &Settings, key: &[u8], direction: Direction) -> Result<Box<dyn Transform>, CryptoError> {
    if settings.row.mode.is_none() {
        return chacha20(settings, key);
    }
    let counts = settings.row.mode == Some(BlockCipherMode::CTR);
    with_block_cipher!(settings.row.algorithm, key, |cipher|
        wide => if counts { counter_wide(cipher, settings) } else { mode(cipher, settings, direction) },
        narrow => if counts { counter_narrow(cipher, settings) } else { mode(cipher, settings, direction) }
    )
}

fn mode<C>(cipher: C, settings: &Settings, direction: Direction) -> Result<Box<dyn Transform>, CryptoError>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + SmallBlockSizeUser + Send + 'static,
{
    use Direction::{Decrypt, Encrypt};
    let iv = &settings.iv;
    Ok(match (settings.row.mode, direction) {
        (Some(BlockCipherMode::ECB), Encrypt) => Box::new(EcbEncrypt(cipher)),
        (Some(BlockCipherMode::ECB), Decrypt) => Box::new(EcbDecrypt(cipher)),
        (Some(BlockCipherMode::CBC), Encrypt) => Box::new(Chained(cbc::Encryptor::inner_iv_init(cipher, array(iv)?))),
        (Some(BlockCipherMode::CBC), Decrypt) => Box::new(Unchained(cbc::Decryptor::inner_iv_init(cipher, array(iv)?))),
        (Some(BlockCipherMode::CFB), Encrypt) => {
            Box::new(FeedbackEncrypt(cfb_mode::BufEncryptor::inner_iv_init(cipher, array(iv)?)))
        }
        (Some(BlockCipherMode::CFB), Decrypt) => {
            Box::new(FeedbackDecrypt(cfb_mode::BufDecryptor::inner_iv_init(cipher, array(iv)?)))
        }
        // The key stream does not depend on the data: both ways are the same.
        (Some(BlockCipherMode::OFB), _) => {
            Box::new(KeyStream(StreamCipherCoreWrapper::from_core(OfbCore::inner_iv_init(cipher, array(iv)?))))
        }
        _ => return Err(CryptoError::UnsupportedParameters(format!("{} is not offered", described(settings.row)))),
    })
}

fn counter_wide<C>(cipher: C, settings: &Settings) -> Result<Box<dyn Transform>, CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + Send + 'static,
{
    let iv = array(&settings.iv)?;
    Ok(match settings.counter_bits {
        32 => Box::new(KeyStream(Ctr32BE::from_core(CtrCore::inner_iv_init(cipher, iv)))),
        64 => Box::new(KeyStream(Ctr64BE::from_core(CtrCore::inner_iv_init(cipher, iv)))),
        _ => Box::new(KeyStream(Ctr128BE::from_core(CtrCore::inner_iv_init(cipher, iv)))),
    })
}

fn counter_narrow<C>(cipher: C, settings: &Settings) -> Result<Box<dyn Transform>, CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U8> + Send + 'static,
{
    let iv = array(&settings.iv)?;
    Ok(match settings.counter_bits {
        32 => Box::new(KeyStream(Ctr32BE::from_core(CtrCore::inner_iv_init(cipher, iv)))),
        _ => Box::new(KeyStream(Ctr64BE::from_core(CtrCore::inner_iv_init(cipher, iv)))),
    })
}

/// The nonce of 64 bits that the cipher's author gave it, or the one of 96 bits of RFC 8439.
fn chacha20(settings: &Settings, key: &[u8]) -> Result<Box<dyn Transform>, CryptoError> {
    fn at<S: StreamCipher + StreamCipherSeek + Send + 'static>(
        stream: Result<S, impl Sized>,
        counter: u32,
    ) -> Result<Box<dyn Transform>, CryptoError> {
        let mut stream = stream.map_err(|_| CryptoError::Failed("the key schedule"))?;
        // Blocks of 64 bytes.
        stream.try_seek(u64::from(counter) * 64).map_err(|_| exhausted())?;
        Ok(Box::new(KeyStream(stream)))
    }
    if settings.iv.len() == 8 {
        at(ChaCha20Legacy::new_from_slices(key, &settings.iv), settings.initial_counter)
    } else {
        at(ChaCha20::new_from_slices(key, &settings.iv), settings.initial_counter)
    }
}

/// An IV that has the length of a block, which the settings see to.
fn array<N: ArraySize>(iv: &[u8]) -> Result<&Array<u8, N>, CryptoError> {
    Array::slice_as_array(iv).ok_or(CryptoError::Failed("the IV"))
}

/// Whole blocks.
fn blocks<C: BlockSizeUser>(data: &mut [u8]) -> Result<&mut [Block<C>], CryptoError> {
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    if rest.is_empty() { Ok(blocks) } else { Err(CryptoError::Failed("cutting data into blocks")) }
}

fn exhausted() -> CryptoError {
    CryptoError::BadParameters("there is more data than the counter can count".to_owned())
}

struct EcbEncrypt<C>(C);

impl<C: BlockCipherEncrypt + Send> Transform for EcbEncrypt<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt_blocks(blocks::<C>(data)?);
        Ok(())
    }
}

struct EcbDecrypt<C>(C);

impl<C: BlockCipherDecrypt + Send> Transform for EcbDecrypt<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt_blocks(blocks::<C>(data)?);
        Ok(())
    }
}

struct Chained<M>(M);

impl<M: BlockModeEncrypt + Send> Transform for Chained<M> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt_blocks(blocks::<M>(data)?);
        Ok(())
    }
}

struct Unchained<M>(M);

impl<M: BlockModeDecrypt + Send> Transform for Unchained<M> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt_blocks(blocks::<M>(data)?);
        Ok(())
    }
}

struct FeedbackEncrypt<C: BlockCipherEncrypt>(cfb_mode::BufEncryptor<C>);

impl<C: BlockCipherEncrypt + Send> Transform for FeedbackEncrypt<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt(data);
        Ok(())
    }
}

struct FeedbackDecrypt<C: BlockCipherEncrypt>(cfb_mode::BufDecryptor<C>);

impl<C: BlockCipherEncrypt + Send> Transform for FeedbackDecrypt<C> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt(data);
        Ok(())
    }
}

struct KeyStream<S>(S);

impl<S: StreamCipher + Send> Transform for KeyStream<S> {
    fn apply(&mut self, data: &mut [u8]) -> Result<(), CryptoError> {
        self.0.try_apply_keystream(data).map_err(|_| exhausted())
    }
}
