//! A store in another process: what a backend on another machine does to its callers, without that machine.
//!
//! [`OtherProcess::start`] starts the running test binary once more, with one of its tests, which calls [`serve_if_asked`] and so
//! serves a [`crate::memory::MemoryStore`] on the loopback interface. [`OtherProcess::connect`] makes clients of it, as many as a
//! test wants. The far side is as slow as [`Conditions`] say, refuses commits for conflicts that are none, and ends
//! connections so that a client cannot tell what became of a commit: it was made, it was not, or it will be later.

mod client;
mod server;
mod settling;
mod wire;

pub use client::RemoteStore;
pub use server::serve_if_asked;
pub use settling::Settling;

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that asks a process to serve: where its starter listens, and the conditions.
const ASKED: &str = "KMIPD_TEST_REMOTE_STORE";

/// How long the other process may take to start: the machine may be busy.
const START: Duration = Duration::from_secs(60);

/// The identifier in a conflict that the far side made up; no record has it.
pub const INJECTED_CONFLICT: &str = "a conflict that was injected";

/// How the far side treats requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// How long each request takes.
    pub latency: Duration,
    /// How many of 100 commits that change something are refused with [`INJECTED_CONFLICT`].
    pub conflicts: u8,
    /// How many of 100 requests, commits with log entries only among them, end with their connection: a third each was done,
    /// is never done (if nobody sends it again), and is done later. Only commits are done later.
    pub unknown: u8,
    /// Where the numbers begin that decide this.
    pub seed: u64,
}

impl Conditions {
    /// Slow, and reliable.
    pub const SLOW: Self = Self { latency: Duration::from_millis(5), conflicts: 0, unknown: 0, seed: 0 };

    /// As slow; a tenth of the commits meets a conflict, a tenth has an unknown outcome.
    pub const UNRELIABLE: Self = Self { conflicts: 10, unknown: 10, seed: 1, ..Self::SLOW };

    fn text(&self) -> String {
        format!("{} {} {} {}", self.latency.as_micros(), self.conflicts, self.unknown, self.seed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let conditions = Self {
            latency: Duration::from_micros(words.next()?.parse().ok()?),
            conflicts: words.next()?.parse().ok()?,
            unknown: words.next()?.parse().ok()?,
            seed: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(conditions)
    }
}

/// The process that has the store. It ends with this value, and with this process.
#[derive(Debug)]
pub struct OtherProcess {
    child: Child,
    address: SocketAddr,
}

impl OtherProcess {
    /// Starts this binary again with one of its tests only: that one has to call [`serve_if_asked`].
    ///
    /// # Errors
    /// The process does not start, or does not serve.
    pub fn start(test: &str, conditions: &Conditions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([test, "--exact", "--nocapture"])
            .env(ASKED, format!("{} {}", listener.local_addr()?, conditions.text()))
            // It ends when nobody holds the other end any more.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        match port(&listener, &mut child) {
            Ok(port) => Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into() }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// A client with connections of its own.
    pub fn connect(&self) -> RemoteStore {
        RemoteStore::new(self.address)
    }

    /// The identifier of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets go of the process, and waits until it has ended by itself.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn release(mut self) -> io::Result<ExitStatus> {
        // Waiting closes the standard input first.
        self.child.wait()
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process. One that has ended already cannot be killed, and was waited for.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// The port that the other process serves at: it says so to the starter.
fn port(listener: &TcpListener, child: &mut Child) -> io::Result<u16> {
    listener.set_nonblocking(true)?;
    let started = Instant::now();
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(START))?;
                let mut port = [0; 2];
                stream.read_exact(&mut port)?;
                return Ok(u16::from_be_bytes(port));
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the other process ended with {status} instead of serving")));
        }
        if started.elapsed() > START {
            return Err(io::Error::other("the other process does not serve"));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
