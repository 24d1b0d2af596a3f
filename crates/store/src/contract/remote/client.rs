//! The near side: requests wait for one of several connections, each with a thread of its own; futures wait for the answers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::wire::{Reply, Request, receive, send};
use crate::{Commit, Found, LogRecord, Page, Query, Record, Revision, Store, StoreError, Tenant, Token, check_limits};

/// How many requests are on their way at once.
const CONNECTIONS: usize = 16;

/// How often a request is sent that does no harm twice.
const ATTEMPTS: usize = 20;

/// How long the far side may be silent before its connection counts as broken.
const SILENCE: Duration = Duration::from_secs(30);

/// A store in another process.
///
/// A commit that has no token gets one. One whose connection breaks before the answer ends in
/// [`StoreError::UnknownOutcome`]; everything else is asked again on another connection.
#[derive(Debug)]
pub struct RemoteStore {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    queue: Mutex<Queue>,
    grown: Condvar,
    reachable: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

#[derive(Debug)]
struct Job {
    request: Request,
    answer: Arc<Mutex<Awaited>>,
}

/// An answer, and who waits for it.
#[derive(Debug, Default)]
struct Awaited {
    answer: Option<Result<Reply, StoreError>>,
    waker: Option<Waker>,
}

/// Nothing panics while it holds a lock here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RemoteStore {
    pub(super) fn new(address: SocketAddr) -> Self {
        let (queue, reachable) = (Mutex::default(), AtomicBool::new(true));
        let shared = Arc::new(Shared { address, queue, grown: Condvar::new(), reachable });
        let work = |shared: Arc<Shared>| thread::spawn(move || shared.work());
        let workers = (0..CONNECTIONS).map(|_| work(Arc::clone(&shared))).collect();
        Self { shared, workers }
    }

    async fn ask(&self, request: Request) -> Result<Reply, StoreError> {
        let awaited = Arc::<Mutex<Awaited>>::default();
        lock(&self.shared.queue).jobs.push_back(Job { request, answer: Arc::clone(&awaited) });
        self.shared.grown.notify_one();
        poll_fn(|context| {
            let mut awaited = lock(&awaited);
            match awaited.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    awaited.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for RemoteStore {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.grown.notify_all();
        for worker in self.workers.drain(..) {
            // Should one have panicked, its test has failed already.
            drop(worker.join());
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut connection = None;
        while let Some(job) = self.next() {
            let answer = self.answer(&mut connection, &job.request);
            let waker = {
                let mut awaited = lock(&job.answer);
                awaited.answer = Some(answer);
                awaited.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            match queue.jobs.pop_front() {
                Some(job) => return Some(job),
                None if queue.closed => return None,
                None => queue = self.grown.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn answer(&self, connection: &mut Option<TcpStream>, request: &Request) -> Result<Reply, StoreError> {
        let mut broken = String::new();
        for _ in 0..ATTEMPTS {
            let stream = match connection {
                Some(stream) => stream,
                None => match self.connect() {
                    Ok(stream) => connection.insert(stream),
                    Err(error) => {
                        broken = error.to_string();
                        break;
                    }
                },
            };
            match exchange(stream, request) {
                Ok(answer) => return answer,
                Err(error) => broken = error.to_string(),
            }
            *connection = None;
            if matches!(request, Request::Commit { .. }) {
                return Err(StoreError::UnknownOutcome { cause: broken });
            }
        }
        Err(StoreError::Failed { what: "asking the store in another process".into(), cause: broken })
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, SILENCE);
        self.reachable.store(stream.is_ok(), Ordering::Relaxed);
        let stream = stream?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(stream)
    }
}

fn exchange(stream: &mut TcpStream, request: &Request) -> io::Result<Result<Reply, StoreError>> {
    send(stream, request)?;
    receive(stream)
}

fn unexpected<T>(reply: &Reply) -> Result<T, StoreError> {
    let kind = match reply {
        Reply::Records { .. } => "records",
        Reply::Found { .. } => "identifiers",
        Reply::Made { .. } => "a revision",
        Reply::Settled { .. } => "the outcome of a commit",
        Reply::Log { .. } => "log entries",
        Reply::Dropped {} => "nothing",
        Reply::Tenants { .. } => "tenants",
    };
    Err(StoreError::Failed { what: "asking the store in another process".into(), cause: format!("it answered with {kind}") })
}

impl Store for RemoteStore {
    async fn load(&self, tenant: Tenant, identifiers: &[&str]) -> Result<Vec<Option<Record>>, StoreError> {
        let identifiers = identifiers.iter().map(|&identifier| identifier.into()).collect();
        match self.ask(Request::Load { tenant, identifiers }).await? {
            Reply::Records { records } => Ok(records),
            other => unexpected(&other),
        }
    }

    async fn find(&self, tenant: Tenant, query: &Query, page: Page) -> Result<Found, StoreError> {
        match self.ask(Request::Find { tenant, query: query.clone(), page }).await? {
            Reply::Found { found } => Ok(found),
            other => unexpected(&other),
        }
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        match self.ask(Request::Tenants {}).await? {
            Reply::Tenants { tenants } => Ok(tenants),
            other => unexpected(&other),
        }
    }

    async fn commit(&self, tenant: Tenant, mut commit: Commit) -> Result<Revision, StoreError> {
        check_limits(&commit)?;
        if commit.token.is_none() {
            commit.token = Some(random_token()?);
        }
        match self.ask(Request::Commit { tenant, commit }).await? {
            Reply::Made { revision } => Ok(revision),
            other => unexpected(&other),
        }
    }

    fn has_unknown_outcomes(&self) -> bool {
        true
    }

    async fn settle(&self, tenant: Tenant, token: Token) -> Result<Option<Revision>, StoreError> {
        match self.ask(Request::Settle { tenant, token }).await? {
            Reply::Settled { made } => Ok(made),
            other => unexpected(&other),
        }
    }

    async fn read_log(&self, from: u64, limit: usize) -> Result<Vec<LogRecord>, StoreError> {
        match self.ask(Request::ReadLog { from, limit }).await? {
            Reply::Log { records } => Ok(records),
            other => unexpected(&other),
        }
    }

    async fn drop_log(&self, before: u64) -> Result<(), StoreError> {
        match self.ask(Request::DropLog { before }).await? {
            Reply::Dropped {} => Ok(()),
            other => unexpected(&other),
        }
    }

    /// As of the last attempt to connect.
    fn writable(&self) -> Result<(), StoreError> {
        if self.shared.reachable.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(StoreError::Failed { what: "connecting to the store".into(), cause: "the other process does not answer".into() })
    }
}

/// A token that no other commit has.
pub(super) fn random_token() -> Result<Token, StoreError> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| StoreError::Failed { what: "making a token".into(), cause: "there are no random bytes".into() })?;
    Ok(Token(bytes))
}
