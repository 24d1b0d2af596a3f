//! A server on a loopback socket with certificates of its own, and clients to try it with.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its part")]

use certs::{Authority, ClientProfile, Issued, KeyKind, ServerProfile, Validity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ServerSessionMemoryCache;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use server::config::TlsConfig;
use server::identity::IdentityRule;
use server::limits::Limits;
use server::listener::Server;
use server::metrics::Metrics;
use server::service::{Hold, ItemLog, Response, Service};
use server::tls::{CurrentTrust, Trust};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// Answers with the actor's name and the request's length; sleeps first if the body says so.
pub struct Echo;

impl Service for Echo {
    type Session = String;

    fn session(&self, actor: policy::Actor, _chain: &[CertificateDer<'_>], _peer: SocketAddr) -> String {
        actor.name
    }

    async fn handle(&self, actor: &mut String, request: &[u8]) -> Response {
        if request.ends_with(b"sleepy!!") {
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        let item = ItemLog {
            operation: "Echo".to_owned(),
            actor: actor.clone(),
            identifier: None,
            result: "Success".to_owned(),
            cause: None,
        };
        Response {
            bytes: Zeroizing::new(format!("{actor} {}\n", request.len()).into_bytes()),
            items: vec![item],
            close: request.len() == 8,
            hold: Hold::default(),
            exchanges_roles: false,
            correlation: None,
        }
    }

    async fn record(&self, _entry: Vec<u8>) -> Result<(), String> {
        Ok(())
    }

    fn ready(&self) -> Vec<(&'static str, Result<(), String>)> {
        vec![("store", Ok(()))]
    }
}

/// Where the log of this test process is kept.
fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    LOG.get_or_init(|| {
        struct Appender;
        impl Write for Appender {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                log().lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG).with_writer(|| Appender).init();
        Mutex::default()
    })
}

/// The log lines about one peer, waiting up to two seconds until one has the words.
pub async fn logged(peer: SocketAddr, words: &str) -> String {
    let mut lines = String::new();
    for _ in 0..200 {
        let all = String::from_utf8_lossy(&log().lock().unwrap()).into_owned();
        lines = all.lines().filter(|line| format!("{line} ").contains(&format!("peer={peer} "))).collect::<Vec<_>>().join("\n");
        if lines.contains(words) {
            return lines;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the log has no {words:?} about {peer}:\n{lines}");
}

/// Certificates in a folder.
pub struct Site {
    pub folder: TempDir,
    pub authority: Authority,
    pub tls: TlsConfig,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::mint("site authority", KeyKind::EcdsaP256, Validity::days(10)).unwrap();
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let profile = ServerProfile { hosts, crl_uris: Vec::new(), key: KeyKind::EcdsaP256, validity: Validity::days(10) };
        let issued = authority.server(&profile).unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("ca.pem"), authority.certificate_pem()).unwrap();
        std::fs::write(path("server.pem"), &issued.certificate_pem).unwrap();
        std::fs::write(path("server-key.pem"), issued.key_pem.as_bytes()).unwrap();
        let tls = TlsConfig {
            certificate: path("server.pem"),
            key: path("server-key.pem"),
            client_ca: path("ca.pem"),
            crls: Vec::new(),
            crl_required: false,
            crl_must_be_current: false,
            identity: vec![IdentityRule::CommonName],
        };
        Self { folder, authority, tls }
    }

    pub fn client(&self, name: &str) -> Issued {
        self.authority.client(&ClientProfile::named(name, Validity::days(1))).unwrap()
    }

    /// Writes a revocation list over these and makes the configuration use it.
    pub fn revoke(&mut self, revoked: &[&Issued]) {
        let ders: Vec<_> = revoked.iter().map(|issued| &issued.certificate_der[..]).collect();
        let path = self.folder.path().join("ca.crl");
        std::fs::write(&path, self.authority.revocation_list(&ders, 1, 10).unwrap().pem).unwrap();
        self.tls.crls = vec![path];
    }

    /// A client's TLS settings whose certificate comes with an intermediate authority's.
    pub fn chained(&self, issued: &Issued, intermediate: &[u8]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.certificate_der().to_vec())).unwrap();
        let chain = vec![CertificateDer::from(issued.certificate_der.clone()), CertificateDer::from(intermediate.to_vec())];
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&BOTH)
            .unwrap();
        Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap())
    }

    /// A client's TLS settings; its sessions are resumed when it is used again.
    pub fn connector(&self, issued: Option<&Issued>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.certificate_der().to_vec())).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match issued {
            Some(issued) => {
                let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![CertificateDer::from(issued.certificate_der.clone())], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Arc::new(config)
    }
}

pub const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// A server that runs until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub server: Arc<Server<Echo>>,
    pub trust: Arc<CurrentTrust>,
    pub sessions: Arc<ServerSessionMemoryCache>,
    pub metrics: Arc<Metrics>,
    pub task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub async fn start(site: &Site, limits: Limits) -> Self {
        log();
        let sessions = ServerSessionMemoryCache::new(100);
        let trust = Arc::new(CurrentTrust::new(Trust::read(&site.tls, sessions.clone(), 1).unwrap()));
        let metrics = Arc::new(Metrics::default());
        let server = Server::new(Echo, Arc::clone(&trust), limits, Arc::clone(&metrics));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(Arc::clone(&server).run(listener));
        Self { address, server, trust, sessions, metrics, task }
    }

    pub fn reload(&self, site: &Site) {
        let generation = self.trust.load().generation + 1;
        self.trust.store(Trust::read(&site.tls, self.sessions.clone(), generation).unwrap());
    }

    /// Connects; the handshake's error, or the stream.
    pub async fn connect(&self, config: &Arc<ClientConfig>) -> (SocketAddr, std::io::Result<TlsStream<TcpStream>>) {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let local = tcp.local_addr().unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        (local, TlsConnector::from(Arc::clone(config)).connect(name, tcp).await)
    }

    /// Connects and makes one request: the answer, or nothing if the server refused at any point.
    pub async fn try_request(&self, config: &Arc<ClientConfig>) -> (SocketAddr, Option<String>) {
        let (local, stream) = self.connect(config).await;
        let Ok(mut stream) = stream else { return (local, None) };
        (local, request(&mut stream, b"01234567").await)
    }
}

/// A request with this body, header added.
pub fn message(body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x42, 0x00, 0x78, 0x01];
    bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Sends a request and reads the answer's line.
pub async fn request(stream: &mut TlsStream<TcpStream>, body: &[u8]) -> Option<String> {
    stream.write_all(&message(body)).await.ok()?;
    stream.flush().await.ok()?;
    read_line(stream).await
}

/// Reads one line of answer; nothing if the connection ends first.
pub async fn read_line(stream: &mut TlsStream<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(b'\n') => return Some(String::from_utf8(line).unwrap()),
            Ok(byte) => line.push(byte),
            Err(_) => return None,
        }
    }
}
