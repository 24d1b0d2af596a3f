//! The second listener: `/healthz`, `/readyz`, `/metrics` over plain HTTP/1.1.
//!
//! Three fixed paths, GET only, one answer per connection: a hundred lines with strict limits instead of a web framework, whose
//! parsers and connection handling would be the larger attack surface of the two.

use crate::listener::Server;
use crate::metrics;
use crate::service::Service;
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::debug;

/// Bytes of a request's head. Monitoring systems send a few hundred.
const HEAD_LENGTH_MAX: usize = 4096;
/// Time for a whole exchange.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections at one time; others are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// A certificate or list that ends within this is a failed check: time enough to renew, late enough not to be noise.
const EXPIRY_WARNING_SECONDS: i64 = 7 * 24 * 3600;

/// Serves the monitoring listener until the server stops.
pub async fn run<S: Service>(server: Arc<Server<S>>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stopping = server.stopping();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "a monitoring connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let _slot = slot;
            match tokio::time::timeout(EXCHANGE_TIMEOUT, exchange(&server, stream)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%peer, %error, "monitoring connection broke"),
                Err(_) => debug!(%peer, "monitoring connection timed out"),
            }
        });
    }
}

async fn exchange<S: Service>(server: &Server<S>, mut stream: TcpStream) -> io::Result<()> {
    let mut head = [0; HEAD_LENGTH_MAX];
    let mut length = 0;
    let answer = loop {
        match stream.read(&mut head[length..]).await? {
            0 => return Ok(()),
            count => length += count,
        }
        if head[..length].windows(4).any(|window| window == b"\r\n\r\n") {
            break answer(server, &head[..length]);
        }
        if length == HEAD_LENGTH_MAX {
            break Answer { status: "431 Request Header Fields Too Large", body: String::new() };
        }
    };
    let text = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

struct Answer {
    status: &'static str,
    body: String,
}

fn answer<S: Service>(server: &Server<S>, head: &[u8]) -> Answer {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != b"GET" {
        return Answer { status: "405 Method Not Allowed", body: "GET only\n".to_owned() };
    }
    match target {
        b"/healthz" => Answer { status: "200 OK", body: "alive\n".to_owned() },
        b"/readyz" => ready(server),
        b"/metrics" => {
            let expiries = metrics::of_expiries(&server.trust.load().expiries);
            let measures = metrics::of_service(&server.service.measures());
            Answer { status: "200 OK", body: server.metrics.text() + &expiries + &measures }
        }
        _ => Answer { status: "404 Not Found", body: "/healthz, /readyz or /metrics\n".to_owned() },
    }
}

/// Every check by name, one a line; 503 when one that stops work fails.
fn ready<S: Service>(server: &Server<S>) -> Answer {
    let mut body = String::new();
    let mut ready = true;
    let mut check = |name: &str, result: Result<String, String>, fatal: bool| {
        ready &= result.is_ok() || !fatal;
        // Writing to a String cannot fail.
        let _ = match result {
            Ok(text) => writeln!(body, "{name}: ok{text}"),
            Err(text) => writeln!(body, "{name}: {} ({text})", if fatal { "failed" } else { "warning" }),
        };
    };
    check("accepting", if server.is_stopping() { Err("stopping".to_owned()) } else { Ok(String::new()) }, true);
    for (name, result) in server.service.ready() {
        check(name, result.map(|()| String::new()), true);
    }
    for expiry in &server.trust.load().expiries {
        let left = expiry.seconds_left();
        let text = format!("{} days left", left.div_euclid(24 * 3600));
        let name = format!("{} {}", expiry.what, expiry.path.file_name().unwrap_or_default().to_string_lossy());
        // Only the server's own certificate stops all clients when it ends.
        let fatal = left < 0 && expiry.what == "certificate";
        check(&name, if left < EXPIRY_WARNING_SECONDS { Err(text) } else { Ok(format!(", {text}")) }, fatal);
    }
    Answer { status: if ready { "200 OK" } else { "503 Service Unavailable" }, body }
}
