//! A server whose audit log is copied to a receiver of syslog over TLS: what is not with the receiver keeps keys from being released.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use certs::{Authority, ClientProfile, KeyKind, ServerProfile, Validity};
use kmip::tag;
use program::{Client, Program, create, get, reason, settings, succeeded, text};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Writes what a receiver called `logs.example.org` and the server need, and returns what the receiver accepts by.
fn certificates(folder: &Path) -> Arc<ServerConfig> {
    let authority = Authority::mint("logs", KeyKind::EcdsaP256, Validity::days(10)).unwrap();
    let hosts = vec!["logs.example.org".to_owned()];
    let profile = ServerProfile { hosts, crl_uris: Vec::new(), key: KeyKind::EcdsaP256, validity: Validity::days(10) };
    let receiver = authority.server(&profile).unwrap();
    let client = authority.client(&ClientProfile::named("kmipd", Validity::days(1))).unwrap();
    std::fs::write(folder.join("logs-ca.pem"), authority.certificate_pem()).unwrap();
    std::fs::write(folder.join("logs-client.pem"), &client.certificate_pem).unwrap();
    std::fs::write(folder.join("logs-client-key.pem"), client.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der().to_vec())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::from_pem_slice(receiver.key_pem.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(receiver.certificate_der)], key)
        .unwrap();
    Arc::new(config)
}

/// A receiver that listens until it is dropped, and keeps what it got.
struct Receiver {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    fn start(address: SocketAddr, config: &Arc<ServerConfig>, got: &Arc<Mutex<Vec<serde_json::Value>>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, config, got) = (Arc::new(AtomicBool::new(false)), Arc::clone(config), Arc::clone(got));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
                let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
                while !stopped.load(Ordering::SeqCst) {
                    match stream.read(&mut part) {
                        Ok(0) => break,
                        Ok(length) => bytes.extend_from_slice(&part[..length]),
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(_) => break,
                    }
                    take_messages(&mut bytes, &mut got.lock().unwrap());
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn take_messages(bytes: &mut Vec<u8>, got: &mut Vec<serde_json::Value>) {
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let Some(message) = bytes.get(space + 1..space + 1 + length) else { return };
        let json = message.splitn(8, |byte| *byte == b' ').nth(7).unwrap();
        got.push(serde_json::from_slice(json).unwrap());
        bytes.drain(..space + 1 + length);
    }
}

#[test]
fn keys_are_released_while_the_receiver_over_tls_has_their_records_and_it_lacks_none() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    drop(Program::dev(&folder));
    let config = certificates(&folder);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = folder.join("kmipd.toml");
    let plain = std::fs::read_to_string(&file).unwrap();
    let sink = format!(
        "[[audit.sink]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"tls:{address}\"\nserver_name = \"logs.example.org\"\n\
         ca = \"logs-ca.pem\"\ncertificate = \"logs-client.pem\"\nkey = \"logs-client-key.pem\"\nfrom_start = true\n"
    );
    std::fs::write(&file, format!("{plain}\n{sink}")).unwrap();
    let got = Arc::new(Mutex::new(Vec::new()));

    // Nobody listens: changes have their record in the store, and no key is released.
    let mut server = Program::dev(&folder);
    let mut client = Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap();
    let made = client.exchange(&create(None)).unwrap();
    let identifier = text(&made, tag::UniqueIdentifier).unwrap();
    let mut until = |what: &str, released: bool| {
        let begun = Instant::now();
        loop {
            let answer = client.exchange(&get(&identifier)).unwrap();
            let refused = reason(&answer) == Some(0x100) && text(&answer, tag::ResultMessage).unwrap().contains("audit trail");
            if if released { succeeded(&answer) } else { refused } {
                return;
            }
            assert!(begun.elapsed().as_secs() < 60, "{what}: {answer:?}\n{}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until("nobody listens", false);
    let receiver = Receiver::start(address, &config, &got);
    until("somebody listens", true);
    drop(receiver);
    until("the receiver is gone", false);
    let receiver = Receiver::start(address, &config, &got);
    until("it is back", true);
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    drop(receiver);

    let got = std::mem::take(&mut *got.lock().unwrap());
    let sequences: std::collections::BTreeSet<u64> = got.iter().map(|message| message["sequence"].as_u64().unwrap()).collect();
    let last = *sequences.last().unwrap();
    assert!(sequences.into_iter().eq(1..=last), "none is lacking");
    let gets = |message: &&serde_json::Value| message["operation"] == "Get" && message["objects"][0] == identifier.as_str();
    assert!(got.iter().filter(gets).any(|message| message["result"] == "success"), "{got:?}");
    assert!(got.iter().any(|message| message["operation"] == "Create" && message["result"] == "success"));
}
