//! The listener: accepts connections within the limits, and stops without breaking a request.

use crate::connection;
use crate::framing::RequestMemory;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::service::Service;
use crate::throttle::{LINES_PER_SECOND, Throttle};
use crate::tls::CurrentTrust;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, info, warn};

/// Pause after an accept that failed for want of file descriptors or memory: trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server, shared by its connections.
#[derive(Debug)]
pub struct Server<S> {
    pub(crate) service: S,
    pub(crate) trust: Arc<CurrentTrust>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) memory: RequestMemory,
    throttle: Throttle,
    slots: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
    stopping: watch::Sender<bool>,
}

/// A connection's places in the limits, given back when it ends.
pub(crate) struct Place<S: Service> {
    server: Arc<Server<S>>,
    peer: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl<S: Service> Drop for Place<S> {
    fn drop(&mut self) {
        let mut peers = self.server.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
        self.server.metrics.connections_open.fetch_sub(1, Relaxed);
    }
}

impl<S: Service> Server<S> {
    /// A server over a service. `trust` is swapped by reloads.
    pub fn new(service: S, trust: Arc<CurrentTrust>, limits: Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            service,
            trust,
            memory: RequestMemory::new(&limits),
            throttle: Throttle::new(LINES_PER_SECOND),
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            peers: Mutex::default(),
            stopping: watch::Sender::new(false),
            limits,
            metrics,
        })
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// Makes [`Server::run`] stop accepting and return when the requests in flight are answered.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether [`Server::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Accepts connections until [`Server::stop`], then waits for requests in flight, at most for the shutdown time-out.
    pub async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut stopping = self.stopping();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => self.accept_failed(&error).await,
            }
        }
        drop(listener);
        let all = u32::try_from(self.limits.connections_max).unwrap_or(u32::MAX);
        let patience = Duration::from_millis(self.limits.shutdown_timeout_ms);
        if tokio::time::timeout(patience, self.slots.acquire_many(all)).await.is_err() {
            let left = self.metrics.connections_open.load(Relaxed);
            warn!(left, "connections did not end within limits.shutdown_timeout_ms and are cut");
        }
    }

    /// Whether one more line about a stranger's doing may be logged now. Tells of lines that were withheld.
    pub(crate) fn may_log(&self) -> bool {
        let leave = self.throttle.ask();
        if let Some(withheld) = leave.as_ref().map(|leave| leave.withheld).filter(|withheld| *withheld > 0) {
            warn!(withheld, "lines about refused connections and bad requests were withheld; the metrics count them all");
        }
        leave.is_some()
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.metrics.connections_accepted.fetch_add(1, Relaxed);
        // An IPv4 client of a dual-stack listener is the same peer as on an IPv4 one.
        let address = peer.ip().to_canonical();
        match self.place(address) {
            Ok(place) => {
                // Responses are written whole: waiting to fill a packet only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%peer, %error, "TCP_NODELAY not set");
                }
                tokio::spawn(connection::serve(Arc::clone(self), stream, peer, place));
            }
            Err(limit) => {
                self.metrics.connections_refused.fetch_add(1, Relaxed);
                if self.may_log() {
                    info!(%peer, limit, "connection refused: limit reached");
                }
            }
        }
    }

    fn place(self: &Arc<Self>, peer: IpAddr) -> Result<Place<S>, &'static str> {
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| "limits.connections_max")?;
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(peer).or_default();
        if *count >= self.limits.connections_per_peer_max {
            return Err("limits.connections_per_peer_max");
        }
        *count += 1;
        drop(peers);
        self.metrics.connections_open.fetch_add(1, Relaxed);
        Ok(Place { server: Arc::clone(self), peer, _slot: slot })
    }

    async fn accept_failed(&self, error: &io::Error) {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
        {
            debug!(%error, "a connection ended before it was accepted");
        } else {
            warn!(%error, "connections cannot be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}
