//! The far side: a store in memory, slow and unreliable as it is told to be.

use std::env;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::wire::{Reply, Request, receive, send};
use super::{ASKED, Conditions, INJECTED_CONFLICT};
use crate::contract::block_on;
use crate::memory::MemoryStore;
use crate::{Store, StoreError};

/// How many latencies later than its connection ended a late commit is made: after the question what became of it.
const LATE: u32 = 4;

/// Serves a store if this process was started by [`super::OtherProcess::start`], until that one ends or lets go. Returns
/// whether it did.
///
/// # Errors
/// Those of the sockets.
pub fn serve_if_asked() -> io::Result<bool> {
    let Ok(asked) = env::var(ASKED) else { return Ok(false) };
    let (starter, conditions) = understood(&asked).ok_or_else(|| io::Error::other(format!("{ASKED} is {asked:?}")))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let far = Arc::new(FarSide { store: MemoryStore::new(), conditions, rolled: AtomicU64::new(conditions.seed) });
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let far = Arc::clone(&far);
            // The client learns of an error by the end of the connection.
            thread::spawn(move || far.converse(stream));
        }
    });
    TcpStream::connect(starter)?.write_all(&port.to_be_bytes())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(true)
}

fn understood(asked: &str) -> Option<(SocketAddr, Conditions)> {
    let (starter, conditions) = asked.split_once(' ')?;
    Some((starter.parse().ok()?, Conditions::parse(conditions)?))
}

struct FarSide {
    store: MemoryStore,
    conditions: Conditions,
    rolled: AtomicU64,
}

/// What happens to a request.
#[derive(Clone, Copy)]
enum Fate {
    Answered,
    /// Answered with a conflict, and not done.
    Conflict,
    /// Done, but the connection ends before the answer.
    Unanswered,
    /// Not done; the connection ends.
    Lost,
    /// The connection ends; it is done after a while.
    Late,
}

impl FarSide {
    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        loop {
            let request = receive(&mut stream)?;
            let fate = self.fate(&request);
            thread::sleep(self.conditions.latency);
            let answer = match fate {
                Fate::Answered => self.perform(request),
                Fate::Conflict => Err(StoreError::Conflict { identifier: INJECTED_CONFLICT.into() }),
                Fate::Unanswered => {
                    drop(self.perform(request));
                    return Ok(());
                }
                Fate::Lost => return Ok(()),
                Fate::Late => {
                    drop(stream);
                    thread::sleep(self.conditions.latency.max(Duration::from_millis(1)) * LATE);
                    drop(self.perform(request));
                    return Ok(());
                }
            };
            send(&mut stream, &answer)?;
        }
    }

    fn fate(&self, request: &Request) -> Fate {
        let percent = self.roll() % 100;
        let (conflicts, unknown) = (u64::from(self.conditions.conflicts), u64::from(self.conditions.unknown));
        match request {
            // Entries of the log alone cannot meet a conflict.
            Request::Commit { commit, .. } if percent < conflicts && !commit.changes.is_empty() => Fate::Conflict,
            Request::Commit { .. } if (conflicts..conflicts + unknown).contains(&percent) => {
                [Fate::Unanswered, Fate::Lost, Fate::Late][(self.roll() % 3) as usize]
            }
            Request::Commit { .. } => Fate::Answered,
            _ if percent < unknown => [Fate::Unanswered, Fate::Lost][(self.roll() % 2) as usize],
            _ => Fate::Answered,
        }
    }

    /// The mixing function of splitmix64.
    fn roll(&self) -> u64 {
        let mut state = self.rolled.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        state = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ state >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ state >> 31
    }

    fn perform(&self, request: Request) -> Result<Reply, StoreError> {
        let store = &self.store;
        Ok(match request {
            Request::Load { tenant, identifiers } => {
                let identifiers: Vec<&str> = identifiers.iter().map(String::as_str).collect();
                Reply::Records { records: block_on(store.load(tenant, &identifiers))? }
            }
            Request::Find { tenant, query, page } => Reply::Found { found: block_on(store.find(tenant, &query, page))? },
            Request::Commit { tenant, commit } => Reply::Made { revision: block_on(store.commit(tenant, commit))? },
            Request::Settle { tenant, token } => Reply::Settled { made: block_on(store.settle(tenant, token))? },
            Request::ReadLog { from, limit } => Reply::Log { records: block_on(store.read_log(from, limit))? },
            Request::Tenants {} => Reply::Tenants { tenants: block_on(store.tenants())? },
            Request::DropLog { before } => {
                block_on(store.drop_log(before))?;
                Reply::Dropped {}
            }
        })
    }
}
