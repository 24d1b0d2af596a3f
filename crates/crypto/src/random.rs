//! Random bytes, behind a trait so that tests can hold them still.

use std::convert::Infallible;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{self, SecureRandom};
use rsa::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::error::CryptoError;

/// A source of random bytes fit for keys.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomBytes`]; what is in the buffer then must not be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError>;
}

/// The generator of aws-lc-rs, seeded by the operating system.
#[derive(Clone, Debug, Default)]
pub struct SystemRandom(rand::SystemRandom);

impl SystemRandom {
    /// The generator; costs nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
        self.0.fill(buffer).map_err(|_| CryptoError::NoRandomBytes)
    }
}

/// A generator as the RustCrypto crates want it, one that cannot fail: SHA-512 over a seed and a counter.
///
/// The seed is drawn first, where failure can still be reported: a search for primes that were fed constant bytes in
/// place of an error would never end.
pub(crate) struct Expanded {
    seed: Zeroizing<[u8; 64]>,
    counter: u64,
    block: Zeroizing<Vec<u8>>,
}

impl Expanded {
    pub(crate) fn new(random: &dyn Random) -> Result<Self, CryptoError> {
        let mut seed = Zeroizing::new([0; 64]);
        random.fill(&mut seed[..])?;
        Ok(Self { seed, counter: 0, block: Zeroizing::default() })
    }

    fn next_block(&mut self) {
        let mut context = digest::Context::new(&digest::SHA512);
        context.update(&self.seed[..]);
        context.update(&self.counter.to_be_bytes());
        self.counter += 1;
        self.block = Zeroizing::new(context.finish().as_ref().to_vec());
    }
}

impl TryRng for Expanded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        for byte in buffer {
            // A byte is used once: it leaves the block.
            *byte = match self.block.pop() {
                Some(byte) => byte,
                None => {
                    self.next_block();
                    self.block.pop().unwrap_or_default()
                }
            };
        }
        Ok(())
    }
}

impl TryCryptoRng for Expanded {}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Counts: the same bytes in every run.
    #[derive(Default)]
    pub(crate) struct Still(Mutex<u64>);

    impl Random for Still {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
            let mut state = self.0.lock().map_err(|_| CryptoError::NoRandomBytes)?;
            for byte in buffer {
                // A linear congruential generator, of which only the top bits are any good.
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (*state >> 56) as u8;
            }
            Ok(())
        }
    }

    /// Never has any.
    pub(crate) struct Dry;

    impl Random for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), CryptoError> {
            Err(CryptoError::NoRandomBytes)
        }
    }

    #[test]
    fn the_system_fills_the_whole_buffer() {
        let (mut first, mut second) = ([0; 64], [0; 64]);
        SystemRandom::new().fill(&mut first).unwrap();
        SystemRandom::new().fill(&mut second).unwrap();
        assert_ne!(first, second);
        // 64 random bytes have at least 20 different values but for a chance below 2^-100.
        for buffer in [first, second] {
            assert!(buffer.iter().collect::<std::collections::HashSet<_>>().len() > 20);
        }
    }
}
