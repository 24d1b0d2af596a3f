//! A bound on how many log lines strangers can cause: whoever has no certificate must not be able to fill the disk.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines about refused connections and bad requests in one second. A person reads fewer; a site that reconnects fits.
pub const LINES_PER_SECOND: u32 = 100;

/// Counts lines by the second.
#[derive(Debug)]
pub struct Throttle {
    per_second: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    since: Instant,
    lines: u32,
    withheld: u64,
}

/// Leave to write one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Leave {
    /// Lines that were withheld before it.
    pub withheld: u64,
}

impl Throttle {
    /// At most so many lines a second.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self { per_second, state: Mutex::new(State { since: Instant::now(), lines: 0, withheld: 0 }) }
    }

    /// Asks for leave to write a line; `None`: not this one, it is counted.
    pub fn ask(&self) -> Option<Leave> {
        self.ask_at(Instant::now())
    }

    fn ask_at(&self, now: Instant) -> Option<Leave> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.since) >= Duration::from_secs(1) {
            state.since = now;
            state.lines = 0;
        }
        if state.lines >= self.per_second {
            state.withheld += 1;
            return None;
        }
        state.lines += 1;
        Some(Leave { withheld: std::mem::take(&mut state.withheld) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_withheld_is_counted_and_told_with_the_next_line() {
        let throttle = Throttle::new(2);
        let now = Instant::now();
        let asked: Vec<_> = (0..5).map(|_| throttle.ask_at(now).is_some()).collect();
        assert_eq!(asked, [true, true, false, false, false]);
        let later = now + Duration::from_secs(1);
        assert_eq!(throttle.ask_at(later), Some(Leave { withheld: 3 }));
        assert_eq!(throttle.ask_at(later), Some(Leave { withheld: 0 }));
        assert_eq!(throttle.ask_at(later), None);
    }
}
