//! What parent and worker tell each other: lines of words, so that a line that was cut off is recognised.

use std::fmt;
use std::io::Write;

/// From the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The store is open; how long that took.
    Opened { milliseconds: u64 },
    /// It did not open.
    OpenFailed(String),
    /// A record that is there.
    Record(Record),
    /// An identifier the parent asked for is not there.
    Absent(String),
    /// An entry of the log, after the last one the parent knows.
    Entry { sequence: u64, hash: String, text: String },
    /// The store contradicts itself.
    Wrong(String),
    /// Everything that is there has been reported.
    Dumped,
    /// A commit is about to be made.
    Intent(Intent),
    /// It was acknowledged.
    Done { writer: u64, number: u64, revision: u64 },
    /// It was answered with an error.
    Failed { writer: u64, number: u64, reason: String },
    /// A commit after an error was acknowledged.
    Recovered { milliseconds: u64 },
    /// No commit after an error was acknowledged; the last error.
    Stuck(String),
    /// How many frames were written by the thread that made the commit.
    Alone { frames: u64 },
    /// The store is closed.
    Closed,
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) identifier: String,
    pub(crate) owner: String,
    pub(crate) revision: u64,
    pub(crate) body: Body,
}

/// A body, for comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) length: u64,
    pub(crate) hash: u64,
}

/// What a commit changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) writer: u64,
    pub(crate) number: u64,
    /// How many log entries it has.
    pub(crate) entries: u64,
    /// Identifiers and their new bodies; `None`: removed.
    pub(crate) changes: Vec<(String, Option<Body>)>,
}

/// The text of a commit's log entry.
pub(crate) fn entry(run: u64, writer: u64, number: u64, position: u64) -> String {
    format!("commit {run} {writer} {number} {position}")
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3));
        Self { length: bytes.len() as u64, hash }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{:016x}", self.length, self.hash)
    }
}

impl Body {
    fn read(word: &str) -> Option<Self> {
        let (length, hash) = word.split_once(':')?;
        Some(Self { length: length.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? })
    }
}

impl Event {
    /// Writes the line in one piece.
    pub(crate) fn print(&self) {
        let line = format!("{self} ;\n");
        let mut output = std::io::stdout().lock();
        // A parent that is gone ends us through standard input.
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    }

    /// Reads a whole line; `None`: it was cut off.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let line = line.strip_suffix(" ;\n")?;
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split(' ').collect();
        let text = |after: usize| rest.splitn(after + 1, ' ').nth(after).unwrap_or_default().to_owned();
        Some(match (name, words.as_slice()) {
            ("opened", [milliseconds]) => Self::Opened { milliseconds: milliseconds.parse().ok()? },
            ("open-failed", _) => Self::OpenFailed(rest.to_owned()),
            ("record", [identifier, owner, revision, body]) => Self::Record(Record {
                identifier: (*identifier).to_owned(),
                owner: (*owner).to_owned(),
                revision: revision.parse().ok()?,
                body: Body::read(body)?,
            }),
            ("absent", [identifier]) => Self::Absent((*identifier).to_owned()),
            ("entry", [sequence, hash, ..]) => {
                Self::Entry { sequence: sequence.parse().ok()?, hash: (*hash).to_owned(), text: text(2) }
            }
            ("wrong", _) => Self::Wrong(rest.to_owned()),
            ("dumped", _) => Self::Dumped,
            ("intent", [writer, number, entries, changes @ ..]) => {
                let change = |word: &&str| {
                    let (identifier, body) = word.split_once('=')?;
                    let body = if body == "-" { None } else { Some(Body::read(body)?) };
                    Some((identifier.to_owned(), body))
                };
                Self::Intent(Intent {
                    writer: writer.parse().ok()?,
                    number: number.parse().ok()?,
                    entries: entries.parse().ok()?,
                    changes: changes.iter().map(change).collect::<Option<_>>()?,
                })
            }
            ("done", [writer, number, revision]) => {
                Self::Done { writer: writer.parse().ok()?, number: number.parse().ok()?, revision: revision.parse().ok()? }
            }
            ("failed", [writer, number, ..]) => {
                Self::Failed { writer: writer.parse().ok()?, number: number.parse().ok()?, reason: text(2) }
            }
            ("recovered", [milliseconds]) => Self::Recovered { milliseconds: milliseconds.parse().ok()? },
            ("stuck", _) => Self::Stuck(rest.to_owned()),
            ("alone", [frames]) => Self::Alone { frames: frames.parse().ok()? },
            ("closed", _) => Self::Closed,
            _ => return None,
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |text: &str| text.replace('\n', " / ");
        match self {
            Self::Opened { milliseconds } => write!(formatter, "opened {milliseconds}"),
            Self::OpenFailed(reason) => write!(formatter, "open-failed {}", line(reason)),
            Self::Record(Record { identifier, owner, revision, body }) => {
                write!(formatter, "record {identifier} {owner} {revision} {body}")
            }
            Self::Absent(identifier) => write!(formatter, "absent {identifier}"),
            Self::Entry { sequence, hash, text } => write!(formatter, "entry {sequence} {hash} {}", line(text)),
            Self::Wrong(what) => write!(formatter, "wrong {}", line(what)),
            Self::Dumped => formatter.write_str("dumped"),
            Self::Intent(Intent { writer, number, entries, changes }) => {
                write!(formatter, "intent {writer} {number} {entries}")?;
                changes.iter().try_for_each(|(identifier, body)| match body {
                    Some(body) => write!(formatter, " {identifier}={body}"),
                    None => write!(formatter, " {identifier}=-"),
                })
            }
            Self::Done { writer, number, revision } => write!(formatter, "done {writer} {number} {revision}"),
            Self::Failed { writer, number, reason } => write!(formatter, "failed {writer} {number} {}", line(reason)),
            Self::Recovered { milliseconds } => write!(formatter, "recovered {milliseconds}"),
            Self::Stuck(reason) => write!(formatter, "stuck {}", line(reason)),
            Self::Alone { frames } => write!(formatter, "alone {frames}"),
            Self::Closed => formatter.write_str("closed"),
        }
    }
}

/// From the parent: what it knows of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The last log entry it has seen: sequence number and hash. 0: none.
    pub(crate) log: (u64, String),
    /// Identifiers to look for, besides those that are found.
    pub(crate) identifiers: Vec<String>,
}

impl Expected {
    pub(super) fn read(&mut self, line: &str) -> Result<(), String> {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["log", sequence, hash] => {
                let sequence = sequence.parse().map_err(|_| format!("not a sequence number: {line}"))?;
                self.log = (sequence, (*hash).to_owned());
            }
            ["known", identifier] => self.identifiers.push((*identifier).to_owned()),
            _ => return Err(format!("what is {line}?")),
        }
        Ok(())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = if self.log.1.is_empty() { "-" } else { &self.log.1 };
        writeln!(formatter, "log {} {hash}", self.log.0)?;
        self.identifiers.iter().try_for_each(|identifier| writeln!(formatter, "known {identifier}"))?;
        writeln!(formatter, ".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_pipe_and_torn_lines_do_not() {
        let body = Body::of(b"body");
        let record = Record { identifier: "r1-w2-3".into(), owner: "writer-2".into(), revision: 7, body };
        let changes = vec![("a".to_owned(), Some(body)), ("b".to_owned(), None)];
        let events = [
            Event::Opened { milliseconds: 12 },
            Event::OpenFailed("no such file".into()),
            Event::Record(record),
            Event::Absent("a".into()),
            Event::Entry { sequence: 9, hash: "ab".into(), text: entry(1, 2, 3, 4) },
            Event::Wrong("find and load disagree".into()),
            Event::Dumped,
            Event::Intent(Intent { writer: 1, number: 2, entries: 1, changes }),
            Event::Done { writer: 1, number: 2, revision: 3 },
            Event::Failed { writer: 1, number: 2, reason: "the disk is full".into() },
            Event::Recovered { milliseconds: 1 },
            Event::Stuck("still full".into()),
            Event::Alone { frames: 3 },
            Event::Closed,
        ];
        for event in events {
            let line = format!("{event} ;\n");
            assert_eq!(Event::read(&line).as_ref(), Some(&event), "{line}");
            for length in 0..line.len() {
                assert_eq!(Event::read(&line[..length]), None, "{line}");
            }
        }
    }

    #[test]
    fn what_is_expected_survives_the_pipe() {
        let expected = Expected { log: (3, "ff".into()), identifiers: vec!["a".into(), "b".into()] };
        let (text, mut read) = (expected.to_string(), Expected::default());
        text.lines().filter(|line| *line != ".").for_each(|line| read.read(line).expect("line"));
        assert_eq!(read, expected);
    }
}
