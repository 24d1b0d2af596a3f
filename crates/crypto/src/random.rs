//! Random bytes, behind a trait so that tests can hold them still.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

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

    /// Mixes bytes from outside into all that is given out from now on, which can only add to it. Returns how many of them were used;
    /// a generator that takes nothing from outside says 0.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomBytes`]; then none were used.
    fn seed(&self, _seed: &[u8]) -> Result<usize, CryptoError> {
        Ok(0)
    }
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

/// Another generator, and seeds from outside.
///
/// The library has no call for additional input. So what it gives is combined by exclusive-or with a second stream, as soon as there was a
/// seed: SHA-512 over a pool that no one sees, which is replaced by its own digest each time. Whoever knows all seeds, or chose them, knows
/// nothing of the result, since the stream does not depend on what the generator gives; and if the generator were ever weak, whoever lacks
/// one of the seeds would still know nothing of it. The pool is in memory alone: what was mixed in is gone with the process.
#[derive(Debug)]
pub struct SeededRandom<R> {
    inner: R,
    pool: Mutex<Option<Pool>>,
}

/// What the seeds so far came to.
struct Pool(Zeroizing<[u8; 64]>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

/// What a digest of the pool is for: no two of them are one.
#[derive(Clone, Copy)]
enum Purpose {
    Seed = 1,
    Stream,
    Next,
}

impl Pool {
    /// A digest of the pool for one purpose, and of what else belongs to it.
    fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
        let mut context = digest::Context::new(&digest::SHA512);
        context.update(&[purpose as u8]);
        context.update(&self.0[..]);
        parts.iter().for_each(|part| context.update(part));
        let mut bytes = Zeroizing::new([0; 64]);
        bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, from)| *byte = *from);
        bytes
    }
}

impl<R: Random> SeededRandom<R> {
    /// A generator that is no other than `inner` until the first seed.
    pub const fn new(inner: R) -> Self {
        Self { inner, pool: Mutex::new(None) }
    }
}

impl<R: Random> Random for SeededRandom<R> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.fill(buffer)?;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = pool.as_mut() else { return Ok(()) };
        let stream = current.digest(Purpose::Stream, &[]);
        *current = Pool(current.digest(Purpose::Next, &[]));
        drop(pool);
        let mut stream = Expanded::of(stream);
        buffer.iter_mut().for_each(|byte| *byte ^= stream.next_byte());
        Ok(())
    }

    fn seed(&self, seed: &[u8]) -> Result<usize, CryptoError> {
        // A pool whose seeds are all known is none that anybody knows.
        let mut own = Zeroizing::new([0; 64]);
        self.inner.fill(&mut own[..])?;
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let current = pool.take().unwrap_or_else(|| Pool(Zeroizing::new([0; 64])));
        *pool = Some(Pool(current.digest(Purpose::Seed, &[&own[..], seed])));
        Ok(seed.len())
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
        Ok(Self::of(seed))
    }

    fn of(seed: Zeroizing<[u8; 64]>) -> Self {
        Self { seed, counter: 0, block: Zeroizing::default() }
    }

    fn next_block(&mut self) {
        let mut context = digest::Context::new(&digest::SHA512);
        context.update(&self.seed[..]);
        context.update(&self.counter.to_be_bytes());
        self.counter += 1;
        self.block = Zeroizing::new(context.finish().as_ref().to_vec());
    }

    /// A byte is used once: it leaves the block.
    fn next_byte(&mut self) -> u8 {
        if self.block.is_empty() {
            self.next_block();
        }
        self.block.pop().unwrap_or_default()
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
        buffer.iter_mut().for_each(|byte| *byte = self.next_byte());
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
    fn a_seed_adds_to_what_the_generator_gives() {
        let bytes = |seeds: &[&[u8]], length: usize| {
            let random = SeededRandom::new(Still::default());
            for seed in seeds {
                assert_eq!(random.seed(seed), Ok(seed.len()));
            }
            let mut bytes = vec![0; length];
            random.fill(&mut bytes).unwrap();
            bytes
        };
        let mut plain = vec![0; 200];
        Still::default().fill(&mut plain).unwrap();
        assert_eq!(bytes(&[], 200), plain, "without a seed it is the other generator");
        let one = bytes(&[b"seed"], 200);
        assert_eq!(bytes(&[b"seed"], 200), one, "what is given is a function of what was put in");
        assert_eq!(bytes(&[b"seed"], 100), one[..100]);
        assert_ne!(bytes(&[b"seeds"], 200), one);
        assert_ne!(bytes(&[b"se", b"ed"], 200), one);
        assert_ne!(bytes(&[b""], 200), one);
        // Of a generator that gives nothing but zeros, the stream is all there is, and no part of it comes twice.
        struct Zeros;
        impl Random for Zeros {
            fn fill(&self, buffer: &mut [u8]) -> Result<(), CryptoError> {
                buffer.fill(0);
                Ok(())
            }
        }
        let random = SeededRandom::new(Zeros);
        random.seed(b"unknown to others").unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let mut bytes = [0; 128];
            random.fill(&mut bytes).unwrap();
            assert!(bytes.chunks(16).all(|chunk| seen.insert(chunk.to_vec())));
        }
        // What cannot be filled is not seeded either.
        let dry = SeededRandom::new(Dry);
        assert_eq!(dry.seed(b"seed"), Err(CryptoError::NoRandomBytes));
        assert_eq!(dry.fill(&mut [0]), Err(CryptoError::NoRandomBytes));
        assert_eq!(Still::default().seed(b"seed"), Ok(0), "most generators take none");
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
