//! A fixed sequence of commits, and what comes after an error.

use super::protocol::Event;
use super::writer::Writer;
use std::time::{Duration, Instant};

/// Between attempts after an error.
const PAUSE: Duration = Duration::from_millis(20);

/// Small commits in the middle. After eight quick frames a commit that is alone is written by the thread that makes it.
const SMALL: u64 = 16;

/// Makes so many commits and the small ones, whatever becomes of them. If one failed, tries until one is made, for so long.
pub(super) fn run(writer: &mut Writer<'_>, commits: u64, patience: Duration) {
    let mut failed = false;
    for _ in 0..commits / 2 {
        failed |= writer.write().is_err();
    }
    for _ in 0..SMALL {
        failed |= writer.write_small().is_err();
    }
    for _ in commits / 2..commits {
        failed |= writer.write().is_err();
    }
    if !failed {
        return;
    }
    let begun = Instant::now();
    loop {
        match writer.write() {
            Ok(()) => return Event::Recovered { milliseconds: begun.elapsed().as_millis() as u64 }.print(),
            Err(reason) if begun.elapsed() >= patience => return Event::Stuck(reason).print(),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
