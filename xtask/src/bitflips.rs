//! `cargo xtask bitflips`: one flipped bit in the files of a store never gives wrong bytes, and never loses an object silently.
//!
//! A store with records of 1 byte to 200 KB and a log is made by a process of its own, once closed in the orderly way, once
//! killed. Then, again and again: one bit of one file is flipped, the store is opened, everything is read, the files are put
//! back. What is read must be right, or refused with an error that names what is damaged. A store that repairs itself is
//! right too.

mod contents;
mod directory;

use crate::Outcome;
use crate::dice::Dice;
use crate::options::Options;
use crate::run::own;
use contents::{Contents, Refusal};
use directory::{Flip, KINDS, Kind, Saved};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Flips that `cargo xtask test` makes.
const SHORT: usize = 300;
/// Opening and reading takes some milliseconds; a flip that makes it take so long makes it hang.
const HANG: Duration = Duration::from_secs(60);
/// Violations that are shown before the run is given up.
const SHOWN: usize = 20;

/// What became of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Everything is right, and the flip is gone: repaired or written over.
    Healed,
    /// An error that names what is damaged.
    Refused,
    /// Everything is right, and the flip is still there: nobody needs that bit.
    Harmless,
}

/// `--flips N`, `--seed N`; with `--make DIR`, the process that makes the store and waits to be killed or told to close it.
pub(crate) fn bitflips(arguments: &[&str]) -> Outcome {
    let mut options = Options::read(arguments)?;
    let seed: u64 = options.number("seed")?.unwrap_or_else(Dice::seed);
    if let Some(directory) = options.path("make") {
        options.end()?;
        return Contents::new(seed).make(&directory);
    }
    let flips: usize = options.number("flips")?.unwrap_or(SHORT);
    options.end()?;
    println!("bitflips: seed {seed}");
    // sled's panics are caught by the store and become errors; their texts would fill the screen. Those that are not caught
    // reach us as such.
    std::panic::set_hook(Box::new(|_| {}));
    let mut report = Report::default();
    for (closed, share) in [(true, flips.div_ceil(2)), (false, flips / 2)] {
        some(seed, closed, share, &mut report)?;
    }
    let _ = std::panic::take_hook();
    report.print();
    match report.violations.as_slice() {
        [] => Ok(()),
        violations => Err(format!("{} violations:\n{}", violations.len(), violations.join("\n"))),
    }
}

/// Flips on one store, from as many threads as there are processors, each with files of its own.
fn some(seed: u64, closed: bool, flips: usize, report: &mut Report) -> Outcome {
    let contents = Arc::new(Contents::new(seed));
    let made = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    make(made.path(), seed, closed)?;
    let saved = Arc::new(Saved::read(made.path()).map_err(|error| format!("{}: {error}", made.path().display()))?);
    let what = if closed { "closed" } else { "killed" };
    println!("bitflips: a {what} store of {} records: {}", contents.records(), saved.describe());
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let shared = Mutex::new(report);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || -> Outcome {
            let place = scratch()?;
            let mut first = true;
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= flips {
                    return Ok(());
                }
                saved.restore(place.path(), std::mem::take(&mut first)).map_err(|error| format!("restore: {error}"))?;
                let mut dice = Dice::new(seed ^ ((number as u64) << 1 | u64::from(closed)).wrapping_mul(0x9E37_79B9));
                let flip = saved.choose(number, &mut dice);
                flip.apply(place.path()).map_err(|error| format!("{flip}: {error}"))?;
                let judged = judge(&contents, place.path(), &flip);
                let mut report = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match judged {
                    Ok((fate, cause)) => report.count(flip.kind, fate, cause),
                    Err(wrong) => {
                        *report.wrong.entry(flip.kind).or_default() += 1;
                        report.violations.push(format!("{what} store, flip {number}, {flip}: {wrong}"));
                        if report.violations.len() >= SHOWN {
                            next.store(flips, Ordering::SeqCst);
                        }
                    }
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let panicked = |_| Err("a worker panicked".to_owned());
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(panicked))
    })?;
    let rate = flips as f64 / begun.elapsed().as_secs_f64();
    println!("bitflips: {flips} flips in the {what} store, {rate:.0} a second");
    Ok(())
}

/// A directory for files that change a thousand times: in memory where the system offers it.
fn scratch() -> Result<tempfile::TempDir, String> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.map_err(|error| format!("temporary directory: {error}"))
}

/// Has the store made by another process, which closes it or is killed.
fn make(directory: &Path, seed: u64, closed: bool) -> Outcome {
    let mut command = Command::new(own()?);
    command.args(["bitflips", "--seed", &seed.to_string(), "--make"]).arg(directory);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("make a store: {error}"))?;
    let mut line = String::new();
    let output = child.stdout.take().map(BufReader::new);
    let read = output.map(|mut output| output.read_line(&mut line)).transpose();
    if closed {
        // The end of its input tells it to close.
        drop(child.stdin.take());
    } else {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("make a store: {error}"))?;
    let good = read.is_ok() && line.trim() == contents::MADE && (!closed || status.success());
    if good { Ok(()) } else { Err(format!("the process that makes a store ended with {status}")) }
}

/// Opens and reads everything. The text is the error of a refusal.
///
/// # Errors
/// What must never happen, in words.
fn judge(contents: &Arc<Contents>, directory: &Path, flip: &Flip) -> Result<(Fate, Option<String>), String> {
    let (sender, receiver) = mpsc::channel();
    let (contents, data) = (Arc::clone(contents), directory.to_path_buf());
    // A thread of its own, so that one that hangs is seen to hang.
    std::thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| contents.verify(&data)));
        let _ = sender.send(outcome.unwrap_or_else(|_| Err("a panic reached the caller".to_owned())));
    });
    let Ok(outcome) = receiver.recv_timeout(HANG) else { return Err(format!("no end after {} s", HANG.as_secs())) };
    match outcome? {
        Some(Refusal { cause, at_start }) => {
            let needless = match flip.kind {
                // It is made of what the others have: there is always a way to make it again.
                Kind::Index => true,
                // There are two copies of them.
                Kind::Anchor | Kind::Keys => true,
                // Frames are what is needed of it: no header, and no zeros.
                Kind::Journal => flip.is_in_no_frame(),
                // What is damaged of these is an error for its reader, or made again, and no reason not to start.
                Kind::Log | Kind::Sled | Kind::Snapshot => at_start,
                Kind::Other => false,
            };
            if needless {
                return Err(format!("refused for what nobody needs: {cause}"));
            }
            match names_something(&cause) {
                true => Ok((Fate::Refused, Some(cause))),
                false => Err(format!("the error does not name what is damaged: {cause}")),
            }
        }
        None if flip.is_there(directory) => Ok((Fate::Harmless, None)),
        None => Ok((Fate::Healed, None)),
    }
}

/// Whether an error says which part of the store it is about.
fn names_something(refusal: &str) -> bool {
    const PARTS: &[&str] = &[
        "record", "journal", "snapshot", "index", "log", "anchor", "keys", "key file", "head", "sled", "objects", "lock",
        "chunk", "root key",
    ];
    PARTS.iter().any(|part| refusal.contains(part))
}

/// The table.
#[derive(Default)]
struct Report {
    fates: BTreeMap<Kind, [usize; 3]>,
    wrong: BTreeMap<Kind, usize>,
    refusals: BTreeMap<(Kind, String), usize>,
    violations: Vec<String>,
}

impl Report {
    fn count(&mut self, kind: Kind, fate: Fate, cause: Option<String>) {
        self.fates.entry(kind).or_default()[fate as usize] += 1;
        if let Some(cause) = cause {
            *self.refusals.entry((kind, shape(&cause))).or_default() += 1;
        }
    }

    fn print(&self) {
        println!("{:<10} {:>7} {:>8} {:>9} {:>6}", "file", "healed", "refused", "harmless", "WRONG");
        for kind in KINDS {
            let fates = self.fates.get(kind).copied().unwrap_or_default();
            let wrong = self.wrong.get(kind).copied().unwrap_or_default();
            if fates != [0; 3] || wrong > 0 {
                println!("{:<10} {:>7} {:>8} {:>9} {:>6}", kind.name(), fates[0], fates[1], fates[2], wrong);
            }
        }
        println!("What was refused, with numbers as #:");
        for ((kind, cause), count) in &self.refusals {
            println!("{count:>7} {}: {cause}", kind.name());
        }
    }
}

/// An error without its numbers and directories, so that equal ones can be counted.
fn shape(cause: &str) -> String {
    let mut shape = String::new();
    for word in cause.split(' ') {
        let word = word.rsplit('/').next().unwrap_or(word);
        let digits = word.chars().filter(char::is_ascii_hexdigit).count();
        let number = word.chars().any(|letter| letter.is_ascii_digit());
        let word = if number && (digits > 6 || word.chars().all(|letter| !letter.is_ascii_alphabetic())) { "#" } else { word };
        shape.push_str(word);
        shape.push(' ');
    }
    shape.chars().take(160).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_refusals_have_one_shape() {
        assert_eq!(
            shape("/tmp/a/journal/0000000000000001.journal: at 4096"),
            shape("/tmp/b/journal/0000000000000002.journal: at 8192")
        );
        assert!(names_something("the record created by commit 4") && !names_something("something is wrong"));
    }
}
