//! What a connection asks of the engine behind it: one request in, one response out.

use crate::config::Config;
use crate::database::{Outcome, Progress, Work};
use crate::tls::CurrentTrust;
use dispatcher::{Correlation, Sending};
use policy::{Actor, Permission};
use rustls::pki_types::CertificateDer;
use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

/// The engine as a connection sees it.
pub trait Service: Send + Sync + 'static {
    /// What is remembered for a connection, such as a verified credential.
    type Session: Send + Sync;

    /// Begins to serve: whatever has to be known before the first request is. Clients are judged by `trust`, which reloads replace.
    ///
    /// # Errors
    /// Why it cannot serve.
    fn begin(&self, _trust: &Arc<CurrentTrust>) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// Begins a connection of the actor that the first certificate of the chain names.
    fn session(&self, actor: Actor, chain: &[CertificateDer<'_>], peer: SocketAddr) -> Self::Session;

    /// The policy gives the same actor something else from now on.
    fn renew(&self, _session: &mut Self::Session, _actor: Actor) {}

    /// Answers one request, which may be malformed: then with an error message of the protocol.
    fn handle(&self, session: &mut Self::Session, request: &[u8]) -> impl Future<Output = Response> + Send;

    /// Waits until there is something to send over a connection whose client has the server's role; for ever on others. Can be
    /// dropped without losing anything.
    fn has_to_send(&self, _session: &Self::Session) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// The next request to send over such a connection.
    fn next_to_send(&self, _session: &Self::Session) -> impl Future<Output = Sending> + Send {
        std::future::ready(Sending::Nothing)
    }

    /// A request that shows whether such a client is still there.
    fn probe(&self, _session: &Self::Session) -> Sending {
        Sending::Nothing
    }

    /// What such a client answered.
    ///
    /// # Errors
    /// Why it is no answer to what was sent: the connection is of no further use.
    fn answered(&self, _session: &Self::Session, _response: &[u8]) -> Result<(), String> {
        Err("nothing was sent".to_owned())
    }

    /// Makes an entry of the audit log durable: for what is done beside requests.
    fn record(&self, entry: Vec<u8>) -> impl Future<Output = Result<(), String>> + Send;

    /// Why the service cannot do all its work now, by the name of the check; empty: it can.
    fn ready(&self) -> Vec<(&'static str, Result<(), String>)>;

    /// What it can tell of itself, for `/metrics`.
    fn measures(&self) -> Vec<Measure> {
        Vec::new()
    }

    /// Why an actor may do something, with an object if there is one, or may not, in sentences.
    fn explain(
        &self,
        _actor: &Actor,
        _permission: Permission,
        _identifier: Option<&str>,
    ) -> impl Future<Output = Result<Vec<String>, String>> + Send {
        std::future::ready(Err("there are no objects".to_owned()))
    }

    /// Does something with its whole store for an administrator. Waits for the disk: never on a thread that serves sockets.
    ///
    /// # Errors
    /// Why it was not done, or not all of it.
    fn work_on_store(
        &self,
        _config: &Config,
        _actor: &str,
        _work: &Work,
        _runtime: &Handle,
        _progress: &mut Progress,
    ) -> Result<Outcome, String> {
        Err("there is no store".to_owned())
    }

    /// Works on requests that were accepted to be answered later, until it is dropped. Several such workers run side by side.
    fn work(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Rotates the keys that are due, until it is dropped.
    fn rotate(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Does what is to be done at the end, when no request is served any more.
    fn finish(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Lets go of the files it writes beside the store, and opens them again: they may have been moved.
    fn reopen(&self) {}

    /// Does what is to be done from time to time, beside requests, until it is dropped.
    fn tend(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// A number for `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// "gauge", or "counter" for what only grows.
    pub kind: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// How much it is now.
    pub value: f64,
}

/// The answer to one request.
#[derive(Debug)]
pub struct Response {
    /// The response message.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What happened to each batch item, for the log line.
    pub items: Vec<ItemLog>,
    /// Whether the connection is of no further use.
    pub close: bool,
    /// Dropped when the client has taken the response, or is gone.
    pub hold: Hold,
    /// Whether the client has the server's role on the connection once it has taken the response.
    pub exchanges_roles: bool,
    /// What client and server call the request, for the log line.
    pub correlation: Option<Correlation>,
}

/// What the service gives out for a response until it is sent, such as its part of a common memory.
#[derive(Default)]
pub struct Hold(Option<Box<dyn Any + Send + Sync>>);

impl Hold {
    /// Holds anything until the response is sent.
    pub fn new(held: Option<impl Any + Send + Sync>) -> Self {
        Self(held.map(|held| Box::new(held) as Box<dyn Any + Send + Sync>))
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Hold({})", self.0.is_some())
    }
}

/// What happened to one batch item. Never key material.
#[derive(Clone, Debug)]
pub struct ItemLog {
    /// The operation's name in the standard.
    pub operation: String,
    /// Who asked: the certificate's actor, or the one its credential proves.
    pub actor: String,
    /// The object, if one was named or made.
    pub identifier: Option<String>,
    /// `Success` or the Result Reason.
    pub result: String,
    /// The cause of a failure, which the client is not told.
    pub cause: Option<String>,
}
