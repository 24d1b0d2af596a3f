//! One connection: the handshake, the judgement of a resumed session, then requests until one side has enough.

use crate::explain::{Explanation, explain, explain_first_bytes};
use crate::framing::{self, FrameError, Request};
use crate::listener::{Place, Server};
use crate::service::{Response, Service};
use crate::tls::{Trust, describe, end_of, now, remembering_refusal};
use dispatcher::Sending;
use policy::Actor;
use rustls::HandshakeKind;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info, warn};

/// Enough of the first bytes to tell TLS from HTTP and from KMIP without TLS.
const FIRST_BYTES: usize = 5;
/// How long and how much is read and thrown away after an error response, so that the client gets to read it: closing a socket
/// with unread bytes makes the system discard what was sent.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_LENGTH_MAX: usize = 256 * 1024;

/// How much of a Client Correlation Value is logged, in characters.
const CORRELATION_LENGTH: usize = 128;

/// Serves one connection to its end.
pub(crate) async fn serve<S: Service>(server: Arc<Server<S>>, tcp: TcpStream, peer: SocketAddr, _place: Place<S>) {
    let mut stopping = server.stopping();
    // The handshake's state is large and short-lived: in a box, it is gone when requests are waited for.
    let accepted = tokio::select! {
        biased;
        _ = stopping.wait_for(|stop| *stop) => return,
        accepted = Box::pin(accept(&server, tcp, peer)) => accepted,
    };
    let Some((mut stream, actor)) = accepted else { return };
    requests(&server, &mut stream, peer, &actor, &mut stopping).await;
    // The client may be gone already; then there is nobody to say goodbye to.
    let _ = timeout(server.limits.response_timeout(), stream.shutdown()).await;
}

/// A connection whose certificate has been judged.
struct Identified {
    /// The actor's name, for the log.
    name: String,
    actor: Actor,
    generation: u64,
    /// When the certificate ends, in seconds since 1970.
    ends: i64,
}

async fn accept<S: Service>(server: &Server<S>, tcp: TcpStream, peer: SocketAddr) -> Option<(TlsStream<TcpStream>, Identified)> {
    let limit = server.limits.handshake_timeout();
    let trust = server.trust.load();
    let Ok(result) = timeout(limit, handshake(server, &trust, tcp, peer)).await else {
        refused(
            server,
            peer,
            &Explanation { kind: "timeout", text: format!("the TLS handshake took longer than {limit:?}") },
            None,
        );
        return None;
    };
    let mut stream = result?;
    match identify(server, trust, &stream) {
        Ok(identified) => {
            let (_, tls) = stream.get_ref();
            let cipher = tls.negotiated_cipher_suite().map(|suite| suite.suite());
            let (version, handshake) = (tls.protocol_version(), tls.handshake_kind());
            debug!(%peer, actor = identified.name, ?version, ?cipher, ?handshake, "connected");
            Some((stream, identified))
        }
        Err((explanation, certificate)) => {
            refused(server, peer, &explanation, certificate);
            let _ = timeout(LINGER, stream.shutdown()).await;
            None
        }
    }
}

async fn handshake<S: Service>(
    server: &Server<S>,
    trust: &Trust,
    tcp: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    let mut first = [0; FIRST_BYTES];
    match tcp.peek(&mut first).await {
        Ok(0) => {
            debug!(%peer, "connected and closed without a byte");
            return None;
        }
        Ok(count) => {
            if let Some(explanation) = explain_first_bytes(&first[..count]) {
                refused(server, peer, &explanation, None);
                return None;
            }
        }
        Err(error) => {
            debug!(%peer, %error, "connected and broke without a byte");
            return None;
        }
    }
    let acceptor = TlsAcceptor::from(Arc::clone(&trust.server_config));
    let (result, certificate) = remembering_refusal(acceptor.accept(tcp)).await;
    match result {
        Ok(stream) => Some(stream),
        Err(error) => {
            refused(server, peer, &explain_io(&error), certificate);
            None
        }
    }
}

/// Judges a resumed session by today's roots, lists and clock (the library restores the chain without looking at it again), and
/// names the actor.
fn identify<S: Service>(
    server: &Server<S>,
    mut trust: Arc<Trust>,
    stream: &TlsStream<TcpStream>,
) -> Result<Identified, (Explanation, Option<String>)> {
    let (_, tls) = stream.get_ref();
    let chain = tls.peer_certificates().unwrap_or_default();
    let Some(certificate) = chain.first() else { return Err((explain(&rustls::Error::NoCertificatesPresented), None)) };
    if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
        server.metrics.handshakes_resumed.fetch_add(1, Relaxed);
        trust = server.trust.load();
        trust.judge(chain).map_err(|error| {
            let explanation = explain(&error);
            let text = format!("{} (it resumed an earlier session)", explanation.text);
            (Explanation { text, ..explanation }, Some(describe(certificate)))
        })?;
    } else {
        server.metrics.handshakes_full.fetch_add(1, Relaxed);
    }
    match trust.identify(certificate) {
        Ok(actor) => {
            let name = actor.name.clone();
            Ok(Identified { name, actor, generation: trust.generation, ends: end_of(certificate) })
        }
        Err(error) => Err((Explanation { kind: "nameless", text: error.to_string() }, Some(describe(certificate)))),
    }
}

fn explain_io(error: &io::Error) -> Explanation {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return explain(tls);
    }
    if framing::is_end(error) {
        let text = "the client closed the connection during the handshake, without saying why (it may not trust the server's certificate)";
        return Explanation { kind: "closed", text: text.to_owned() };
    }
    Explanation { kind: "io", text: error.to_string() }
}

fn refused<S: Service>(server: &Server<S>, peer: SocketAddr, explanation: &Explanation, certificate: Option<String>) {
    server.metrics.count_tls_failure(explanation.kind);
    if !server.may_log() {
        return;
    }
    match certificate {
        Some(certificate) => warn!(%peer, kind = explanation.kind, certificate, "TLS: {}", explanation.text),
        None => warn!(%peer, kind = explanation.kind, "TLS: {}", explanation.text),
    }
}

async fn requests<S: Service>(
    server: &Server<S>,
    stream: &mut TlsStream<TcpStream>,
    peer: SocketAddr,
    actor: &Identified,
    stopping: &mut watch::Receiver<bool>,
) {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let mut session = server.service.session(actor.actor.clone(), chain, peer);
    let mut generation = actor.generation;
    let mut generations = server.trust.generations();
    loop {
        let begun = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            // Who waits for nothing but the next request is judged at once.
            _ = generations.wait_for(|now| *now != generation) => None,
            begun = framing::begin_request(stream, &server.limits) => Some(begun),
        };
        let Some(begun) = begun else {
            let trust = server.trust.load();
            let Some(renewed) = still_trusted(server, stream, &trust, peer, actor) else { return };
            server.service.renew(&mut session, renewed);
            generation = trust.generation;
            continue;
        };
        let request = match begun {
            Ok(None) => {
                debug!(%peer, actor = actor.name, "closed by the client");
                return;
            }
            Ok(Some(begun)) => framing::finish_request(stream, begun, &server.limits, &server.memory).await,
            Err(error) => Err(error),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return bad_frame(server, stream, &mut session, peer, actor, &error).await,
        };
        let trust = server.trust.load();
        if trust.generation != generation || now() >= actor.ends {
            let Some(renewed) = still_trusted(server, stream, &trust, peer, actor) else { return };
            server.service.renew(&mut session, renewed);
            generation = trust.generation;
        }
        match answer(server, stream, &mut session, peer, actor, &request).await {
            Then::GoOn => {}
            Then::End => return,
            Then::ExchangeRoles => {
                info!(%peer, actor = actor.name, "the client has the server's role");
                // In a box, as what few connections need.
                Box::pin(requests_of_server(server, stream, &mut session, peer, actor, stopping, generation)).await;
                return;
            }
        }
    }
}

/// Sends requests to a client that has the server's role, until one side has enough. Each is answered before the next.
async fn requests_of_server<S: Service>(
    server: &Server<S>,
    stream: &mut TlsStream<TcpStream>,
    session: &mut S::Session,
    peer: SocketAddr,
    actor: &Identified,
    stopping: &mut watch::Receiver<bool>,
    mut generation: u64,
) {
    let mut generations = server.trust.generations();
    loop {
        let begun = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = generations.wait_for(|now| *now != generation) => {
                let trust = server.trust.load();
                let Some(renewed) = still_trusted(server, stream, &trust, peer, actor) else { return };
                server.service.renew(session, renewed);
                generation = trust.generation;
                continue;
            }
            () = server.service.has_to_send(session) => None,
            begun = framing::begin_request(stream, &server.limits) => Some(begun),
        };
        let sending = match begun {
            None => server.service.next_to_send(session).await,
            // Nothing came for long: is the client still there?
            Some(Err(FrameError::Idle { .. })) => server.service.probe(session),
            Some(Ok(None)) => {
                debug!(%peer, actor = actor.name, "closed by the client");
                return;
            }
            Some(Ok(Some(_))) => {
                server.metrics.bad_frames.fetch_add(1, Relaxed);
                warn!(%peer, actor = actor.name, "the client has the server's role and sends what nobody asked for");
                return;
            }
            Some(Err(error)) => {
                warn!(%peer, actor = actor.name, "{error}");
                return;
            }
        };
        let trust = server.trust.load();
        if trust.generation != generation || now() >= actor.ends {
            let Some(renewed) = still_trusted(server, stream, &trust, peer, actor) else { return };
            server.service.renew(session, renewed);
            generation = trust.generation;
        }
        let request = match sending {
            Sending::Request(request) => request,
            Sending::Nothing => continue,
            Sending::End(cause) => {
                warn!(%peer, actor = actor.name, "{cause}");
                return;
            }
        };
        if let Err(error) = send(server, stream, &request).await {
            info!(%peer, actor = actor.name, %error, "the request could not be delivered");
            return;
        }
        let answered = match framing::read_response(stream, &server.limits, &server.memory).await {
            Ok(None) => {
                debug!(%peer, actor = actor.name, "closed by the client");
                return;
            }
            Ok(Some(response)) => server.service.answered(session, &response.bytes),
            Err(error) => Err(error.to_string()),
        };
        if let Err(cause) = answered {
            server.metrics.bad_frames.fetch_add(1, Relaxed);
            warn!(%peer, actor = actor.name, "the client's answer: {cause}");
            return;
        }
    }
}

/// How a connection goes on.
enum Then {
    GoOn,
    End,
    ExchangeRoles,
}

/// After a reload, or when its certificate has ended, a connection that was opened before is judged like a new one, and ends if it
/// would get another name or tenant: what it has done under the old one is not undone, and the client connects again. Otherwise, what
/// the policy gives the client now.
fn still_trusted<S: Service>(
    server: &Server<S>,
    stream: &TlsStream<TcpStream>,
    trust: &Trust,
    peer: SocketAddr,
    actor: &Identified,
) -> Option<Actor> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificate = chain.first();
    let explanation = match (trust.judge(chain), certificate.map(|certificate| trust.identify(certificate))) {
        (Err(error), _) => explain(&error),
        (Ok(()), None) => explain(&rustls::Error::NoCertificatesPresented),
        (Ok(()), Some(Ok(renewed))) if renewed == actor.actor => return Some(renewed),
        (Ok(()), Some(Ok(other))) if other.name == actor.name => {
            Explanation { kind: "renamed", text: format!("the policy now has the client {:?} in another tenant", actor.name) }
        }
        (Ok(()), Some(Ok(Actor { name, .. }))) => Explanation {
            kind: "renamed",
            text: format!("tls.identity, or the policy, now names the client {name:?} and no longer {:?}", actor.name),
        },
        (Ok(()), Some(Err(error))) => Explanation { kind: "nameless", text: error.to_string() },
    };
    let text = format!("{} (the connection was opened earlier)", explanation.text);
    refused(server, peer, &Explanation { text, ..explanation }, certificate.map(|certificate| describe(certificate)));
    None
}

/// Answers one request; how the connection goes on.
async fn answer<S: Service>(
    server: &Server<S>,
    stream: &mut TlsStream<TcpStream>,
    session: &mut S::Session,
    peer: SocketAddr,
    actor: &Identified,
    request: &Request,
) -> Then {
    let begun = Instant::now();
    // In a box, so that an idle connection does not carry the space of the largest operation.
    let in_hand = server.metrics.in_hand();
    let response = Box::pin(server.service.handle(session, &request.bytes)).await;
    drop(in_hand);
    let sent = send(server, stream, &response.bytes).await;
    let took = begun.elapsed();
    server.metrics.observe(took);
    log_request(server, peer, actor, &response, took);
    if let Err(error) = sent {
        info!(%peer, actor = actor.name, %error, "the response could not be delivered");
        return Then::End;
    }
    if response.close {
        goodbye(stream).await;
        return Then::End;
    }
    if response.exchanges_roles { Then::ExchangeRoles } else { Then::GoOn }
}

async fn send<S: Service>(server: &Server<S>, stream: &mut TlsStream<TcpStream>, message: &[u8]) -> io::Result<()> {
    let written = timeout(server.limits.response_timeout(), async {
        stream.write_all(message).await?;
        stream.flush().await
    });
    written.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not take it in time")))
}

fn log_request<S: Service>(server: &Server<S>, peer: SocketAddr, actor: &Identified, response: &Response, took: Duration) {
    let items = &response.items;
    for item in items {
        server.metrics.count_item(&item.operation, &item.result);
    }
    // The items of a message have one actor: the credential's user, where there is a credential.
    let actor = items.first().map_or(actor.name.as_str(), |item| item.actor.as_str());
    let operation = joined(items.iter().map(|item| item.operation.as_str()));
    let identifier = joined(items.iter().map(|item| item.identifier.as_deref().unwrap_or("-")));
    let result = joined(items.iter().map(|item| item.result.as_str()));
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    // Left out where there are none.
    let correlation = response.correlation.as_ref();
    let client_correlation = correlation.map(|value| shortened(&value.client)).filter(|value| !value.is_empty());
    let server_correlation = correlation.map(|value| value.server.as_str());
    if items.iter().any(|item| item.cause.is_some()) {
        let cause = joined(items.iter().map(|item| item.cause.as_deref().unwrap_or("-")));
        info!(%peer, actor, operation, identifier, result, cause, micros, client_correlation, server_correlation, "request");
    } else {
        info!(%peer, actor, operation, identifier, result, micros, client_correlation, server_correlation, "request");
    }
}

/// The beginning of what a client chose.
fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(CORRELATION_LENGTH).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

fn joined<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(part);
    }
    text
}

/// Answers what is no request with an error message where one can be sent, and closes.
async fn bad_frame<S: Service>(
    server: &Server<S>,
    stream: &mut TlsStream<TcpStream>,
    session: &mut S::Session,
    peer: SocketAddr,
    actor: &Identified,
    error: &FrameError,
) {
    if matches!(error, FrameError::Idle { .. }) {
        debug!(%peer, actor = actor.name, "{error}");
        return;
    }
    server.metrics.bad_frames.fetch_add(1, Relaxed);
    if server.may_log() {
        warn!(%peer, actor = actor.name, "{error}");
    }
    let Some(header) = error.answerable() else { return };
    // The header alone is a malformed message to the engine, which knows how to say so.
    let response = Box::pin(server.service.handle(session, header)).await;
    if send(server, stream, &response.bytes).await.is_ok() {
        goodbye(stream).await;
    }
}

/// Says that nothing more will come, and reads on a little so that the client gets the last response.
async fn goodbye(stream: &mut TlsStream<TcpStream>) {
    let drained = async {
        stream.shutdown().await?;
        // Not an array: it would be part of every connection's task.
        let mut scrap = vec![0; 4096];
        let mut total = 0;
        while total < LINGER_LENGTH_MAX {
            match stream.read(&mut scrap).await? {
                0 => break,
                count => total += count,
            }
        }
        io::Result::Ok(())
    };
    // However this ends, the connection is closed next.
    let _ = timeout(LINGER, drained).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Hold;
    use rustls::pki_types::CertificateDer;
    use zeroize::Zeroizing;

    /// A service whose operations need much space.
    struct Roomy;

    impl Service for Roomy {
        type Session = ();

        fn session(&self, _actor: Actor, _chain: &[CertificateDer<'_>], _peer: SocketAddr) {}

        async fn handle(&self, _session: &mut (), request: &[u8]) -> Response {
            let mut room = [0_u8; 60_000];
            room[0] = request[0];
            tokio::task::yield_now().await;
            Response {
                bytes: Zeroizing::new(room.to_vec()),
                items: Vec::new(),
                close: false,
                hold: Hold::default(),
                exchanges_roles: false,
                correlation: None,
            }
        }

        async fn record(&self, _entry: Vec<u8>) -> Result<(), String> {
            Ok(())
        }

        fn ready(&self) -> Vec<(&'static str, Result<(), String>)> {
            Vec::new()
        }
    }

    fn size_of_future<A, B, C, D, F: Future>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        std::mem::size_of::<F>()
    }

    #[test]
    fn an_idle_connection_does_not_carry_the_space_of_handshakes_and_operations() {
        let size = size_of_future(serve::<Roomy>);
        assert!(size <= 4096, "{size} bytes for each of 10,000 idle connections");
    }
}
