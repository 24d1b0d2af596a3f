//! A buffer of secret bytes that grows.

use zeroize::Zeroizing;

/// Bytes that are held until they are complete. A vector that grows leaves a copy of itself where it was; this one wipes it.
#[derive(Default)]
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    pub(crate) fn extend(&mut self, data: &[u8]) {
        let needed = self.0.len() + data.len();
        if needed > self.0.capacity() {
            // Twice the size each time: the copies cost no more than the bytes themselves.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(self.0.capacity() * 2)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(data);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The bytes, for a caller that wipes them or that has encrypted them.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    /// Wipes all bytes behind the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        use zeroize::Zeroize;
        if let Some(rest) = self.0.get_mut(length..) {
            rest.zeroize();
        }
        self.0.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let mut buffer = Buffer::default();
        let mut expected = Vec::new();
        for size in 0..100_u8 {
            let data = vec![size; usize::from(size)];
            buffer.extend(&data);
            expected.extend_from_slice(&data);
            assert_eq!(buffer.as_slice(), expected);
        }
        buffer.truncate(10);
        assert_eq!((buffer.len(), buffer.take()), (10, expected[..10].to_vec()));
        assert_eq!(buffer.len(), 0);
    }
}
