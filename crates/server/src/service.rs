//! What a connection asks of the engine behind it: one request in, one response out.

use std::future::Future;
use std::net::SocketAddr;
use zeroize::Zeroizing;

/// The engine as a connection sees it.
pub trait Service: Send + Sync + 'static {
    /// What is remembered for a connection, such as a verified credential.
    type Session: Send;

    /// Begins a connection of the actor its certificate names.
    fn session(&self, actor: &str, peer: SocketAddr) -> Self::Session;

    /// Answers one request, which may be malformed: then with an error message of the protocol.
    fn handle(&self, session: &mut Self::Session, request: &[u8]) -> impl Future<Output = Response> + Send;

    /// Why the service cannot do all its work now, by the name of the check; empty: it can.
    fn ready(&self) -> Vec<(&'static str, Result<(), String>)>;
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
