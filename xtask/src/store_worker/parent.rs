//! The parent's end: starts a worker, hears what it says, ends it.

use super::Orders;
use super::protocol::{Event, Expected};
use crate::run::own;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A worker that runs, or has ended and was not asked yet how.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    /// Held open: when it closes, the worker ends.
    _input: ChildStdin,
    events: Receiver<Event>,
    errors: Option<JoinHandle<String>>,
}

/// What a worker says next.
#[derive(Debug)]
pub(crate) enum Next {
    Event(Event),
    Silence,
    End,
}

/// How a worker ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What it had said and was not read yet.
    pub(crate) events: Vec<Event>,
    pub(crate) status: ExitStatus,
    /// Its standard error.
    pub(crate) errors: String,
}

/// Where sled 0.34.7 panics when its last sync fails while it closes. The engine expects that and catches it.
const CLOSING: &str = "sled-0.34.7/src/pagecache/logger.rs:467:";

impl Ending {
    /// The message of the first panic, wherever in the process, but for the one of a sled that cannot be closed.
    pub(crate) fn panic(&self) -> Option<String> {
        let mut panics = self.errors.match_indices("panicked at").map(|(at, _)| &self.errors[at..]);
        let text = panics.find(|text| !text.lines().next().is_some_and(|line| line.contains(CLOSING)))?;
        Some(text.lines().take(2).collect::<Vec<_>>().join(" "))
    }
}

impl Worker {
    /// Starts one on the store of a directory.
    pub(crate) fn start(directory: &Path, key: &Path, orders: &Orders, expected: &Expected) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("starting a worker: {error}");
        let mut command = Command::new(own()?);
        command.arg("store-worker").arg(directory).arg(key).args(orders.words());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut input), Some(output), Some(mut errors)) = pipes else {
            return Err("starting a worker: no pipes".to_owned());
        };
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut output, mut line) = (BufReader::new(output), String::new());
            while output.read_line(&mut line).is_ok_and(|length| length > 0) {
                // A line that was cut off was never said.
                if let Some(event) = Event::read(&line) {
                    let _ = sender.send(event);
                }
                line.clear();
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        // A worker that ends before it has read everything says why on standard error.
        let _ = input.write_all(expected.to_string().as_bytes()).and_then(|()| input.flush());
        Ok(Self { child, _input: input, events, errors: Some(errors) })
    }

    /// Waits for the next thing it says.
    pub(crate) fn next(&self, patience: Duration) -> Next {
        match self.events.recv_timeout(patience) {
            Ok(event) => Next::Event(event),
            Err(RecvTimeoutError::Timeout) => Next::Silence,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// Kills it, if it still runs, and hears the rest.
    pub(crate) fn end(mut self) -> Result<Ending, String> {
        let _ = self.child.kill();
        self.finish()
    }

    /// Waits for its end, which its closed output announced.
    pub(crate) fn finish(&mut self) -> Result<Ending, String> {
        let status = self.child.wait().map_err(|error| format!("waiting for a worker: {error}"))?;
        let events = self.events.iter().collect();
        let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        Ok(Ending { events, status, errors })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
