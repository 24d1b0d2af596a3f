//! A common bound on the memory that responses hold until their clients have taken them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes of a response that cost nothing of the common memory: nearly all responses are smaller, and must never be refused
/// because of clients that leave large ones unread.
const FREE_LENGTH: usize = 16 * 1024;

/// Memory for responses, shared by all connections.
#[derive(Debug)]
pub(crate) struct ResponseMemory {
    left: AtomicUsize,
}

/// The part of it that one response holds, given back when dropped.
#[derive(Debug)]
pub struct ResponseHold {
    memory: Arc<ResponseMemory>,
    held: AtomicUsize,
}

impl ResponseMemory {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    /// A response of no bytes.
    pub(crate) fn begin(self: &Arc<Self>) -> ResponseHold {
        ResponseHold { memory: Arc::clone(self), held: AtomicUsize::new(0) }
    }
}

impl ResponseHold {
    /// Makes the hold large enough for a response of this length; whether there was memory for it. Called by one task at a time.
    pub(crate) fn grow(&self, length: usize) -> bool {
        let held = self.held.load(Relaxed);
        let more = length.saturating_sub(FREE_LENGTH).saturating_sub(held);
        let taken = self.memory.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(more)).is_ok();
        if taken {
            self.held.store(held + more, Relaxed);
        }
        taken
    }
}

impl Drop for ResponseHold {
    fn drop(&mut self) {
        self.memory.left.fetch_add(self.held.load(Relaxed), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_responses_share_and_small_ones_are_free() {
        let memory = ResponseMemory::new(100);
        let first = memory.begin();
        assert!(first.grow(FREE_LENGTH + 40) && first.grow(FREE_LENGTH + 60) && first.grow(10));
        let second = memory.begin();
        assert!(!second.grow(FREE_LENGTH + 41), "60 of 100 are held");
        assert!(second.grow(FREE_LENGTH), "and the small ones go on");
        assert!(second.grow(FREE_LENGTH + 40));
        drop(first);
        assert!(second.grow(FREE_LENGTH + 100));
        drop(second);
        assert_eq!(memory.left.load(Relaxed), 100);
    }
}
