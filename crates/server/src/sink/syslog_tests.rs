//! Syslog against receivers of the test's own: each transport, what it frames, what it cannot take, and what is sent again.

use super::*;
use audit::Action;
use certs::{Authority, ClientProfile, Issued, KeyKind, ServerProfile, Validity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::log::LogEnd;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn record(number: usize) -> AuditRecord {
    let command = format!("command {number}\nof Zoë");
    crate::live::administrative("Zoë", &command, Vec::new(), Outcome::Success)
}

fn logged(records: impl IntoIterator<Item = AuditRecord>) -> Vec<LogRecord> {
    let mut end = LogEnd::EMPTY;
    records.into_iter().map(|record| end.append(record.encode())).collect()
}

fn records(count: usize) -> Vec<LogRecord> {
    logged((0..count).map(record))
}

fn syslog(address: &str, more: &str) -> Syslog {
    let config: SinkConfig =
        toml::from_str(&format!("name = \"s\"\nkind = \"syslog\"\naddress = \"{address}\"\n{more}")).unwrap();
    super::super::config::check(std::slice::from_ref(&config)).unwrap();
    Syslog::new(&config).unwrap()
}

/// The sequence number of a message that is one of RFC 5424, of the facility authpriv, with JSON that has all it must have.
fn sequence(message: &[u8]) -> u64 {
    let message = std::str::from_utf8(message).unwrap();
    let mut fields = message.splitn(8, ' ');
    let mut next = || fields.next().unwrap_or_else(|| panic!("{message}"));
    assert!(["<84>1", "<85>1", "<86>1"].contains(&next()), "{message}");
    let moment = next();
    assert!(moment == "-" || OffsetDateTime::parse(moment, &Rfc3339).is_ok(), "{message}");
    let host = next();
    assert!(!host.is_empty());
    assert_eq!((next(), next()), ("kmipd", std::process::id().to_string().as_str()), "{message}");
    assert_eq!((next(), next()), ("audit", "-"), "{message}");
    let json = next();
    assert!(!json.contains('\n'), "{message}");
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(value["hash"].as_str().unwrap().len(), 64);
    value["sequence"].as_u64().unwrap()
}

/// The sequence numbers of messages with counted octets; the last one may be cut off.
fn counted(mut bytes: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let Some(message) = bytes.get(space + 1..space + 1 + length) else { break };
        found.push(sequence(message));
        bytes = &bytes[space + 1 + length..];
    }
    found
}

/// Reads until so many messages were there, or the end.
fn receive(stream: &mut impl Read, count: usize) -> Vec<u64> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while counted(&bytes).len() < count {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&part[..length]),
            Err(error) => panic!("{error} after {:?}", counted(&bytes)),
        }
    }
    counted(&bytes)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Probes until that fails.
fn fails(syslog: &mut Syslog) -> String {
    let begun = Instant::now();
    loop {
        match syslog.probe() {
            Err(cause) => return cause,
            Ok(()) => assert!(begun.elapsed() < PATIENCE),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[test]
fn a_local_datagram_socket_gets_each_record_once_also_when_it_was_full_or_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let records = records(2_000);
    let mut syslog = syslog(&format!("unix:{}", path.display()), "");
    assert!(syslog.open().unwrap_err().contains("connect to"));
    let receiver = UnixDatagram::bind(&path).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let receive = |receiver: &UnixDatagram| {
        let mut message = [0; 9_000];
        let length = receiver.recv(&mut message).unwrap();
        sequence(&message[..length])
    };
    assert_eq!(syslog.open().unwrap(), None);
    syslog.write(&records[..3]).unwrap();
    assert_eq!([receive(&receiver), receive(&receiver), receive(&receiver)], [1, 2, 3]);
    syslog.probe().unwrap();
    // Nobody reads: what was taken is told.
    let (count, cause) = syslog.write(&records[3..]).unwrap_err();
    assert!(count > 0 && cause.contains("send to"), "{count} {cause}");
    let mut expected = 4;
    for _ in 0..count {
        assert_eq!(receive(&receiver), expected);
        expected += 1;
    }
    // It goes away, with what it had read, and comes back.
    drop(receiver);
    std::fs::remove_file(&path).unwrap();
    assert!(syslog.probe().is_err() && syslog.write(&records[3 + count..]).is_err_and(|(count, _)| count == 0));
    let receiver = UnixDatagram::bind(&path).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(syslog.open().unwrap(), None);
    syslog.write(&records[3 + count..4 + count]).unwrap();
    assert_eq!(receive(&receiver), expected);
}

#[test]
fn datagrams_have_the_length_that_receivers_take_and_one_that_nobody_takes_is_not_delivered() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = receiver.local_addr().unwrap();
    let receive = |receiver: &UdpSocket| {
        let mut message = [0; 65_536];
        let length = receiver.recv(&mut message).unwrap();
        (sequence(&message[..length]), length)
    };
    let of_many_objects = |name: &str, count: usize| AuditRecord {
        identifiers: (0..count).map(|number| format!("{number} {}", name.repeat(200))).collect(),
        outcome: Outcome::Failure(1),
        ..record(0)
    };
    let long_log = AuditRecord { action: Action::Message("\u{1}".repeat(4_000)), ..record(0) };
    let long_actor = AuditRecord { actor: "\"".repeat(256), ..of_many_objects("x", 4) };
    let records = logged([record(0), of_many_objects("a", 40), of_many_objects("\"", 40), long_log, long_actor]);
    for (more, most) in [("", 2_048), ("message_max = 480", 480), ("message_max = 20000", 20_000)] {
        let mut syslog = syslog(&format!("udp:{address}"), more);
        assert_eq!(syslog.open().unwrap(), None);
        syslog.write(&records).unwrap();
        for expected in 1..=records.len() as u64 {
            let (sequence, length) = receive(&receiver);
            assert!(sequence == expected && length <= most, "{sequence}: {length} bytes");
            assert!(expected != 2 || most == 480 || length > most.min(9_000) / 2, "much is left of it: {length} of {most}");
        }
        syslog.probe().unwrap();
    }
    let mut syslog = syslog(&format!("udp:{address}"), "");
    syslog.open().unwrap();
    drop(receiver);
    for _ in 0..3 {
        let (count, cause) = syslog.write(&records).unwrap_err();
        assert_eq!(count, 0, "{cause}");
        syslog.open().unwrap();
    }
    let receiver = UdpSocket::bind(address).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    syslog.write(&records).unwrap();
    assert_eq!(receive(&receiver).0, 1);
}

#[test]
fn over_tcp_octets_are_counted_or_lines_end_and_what_a_broken_connection_may_have_lost_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let records = records(40);
    let mut lines = syslog(&address, "framing = \"newline\"");
    lines.open().unwrap();
    lines.write(&records[..2]).unwrap();
    lines.write(&records[2..3]).unwrap();
    let mut receiver = accept(&listener);
    drop(lines);
    let mut text = String::new();
    receiver.read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().map(|line| sequence(line.as_bytes())).collect::<Vec<_>>(), [1, 2, 3]);

    let mut syslog = syslog(&address, "");
    assert_eq!(syslog.open().unwrap(), None);
    syslog.write(&records[10..20]).unwrap();
    let mut receiver = accept(&listener);
    assert_eq!(receive(&mut receiver, 10), range(11, 20));
    // The receiver ends before anybody can know that it has them: all come again.
    drop(receiver);
    assert!(fails(&mut syslog).contains("look at"));
    assert_eq!(syslog.open().unwrap(), Some(Position::at(10)));
    syslog.write(&records[10..20]).unwrap();
    let mut receiver = accept(&listener);
    assert_eq!(receive(&mut receiver, 10), range(11, 20));
    // The connection was there for two looks: these it has. Of what follows, nobody knows.
    syslog.probe().unwrap();
    syslog.probe().unwrap();
    syslog.write(&records[20..25]).unwrap();
    drop(receiver);
    fails(&mut syslog);
    let sure = Position { sequence: 20, hash: records[19].hash };
    assert_eq!(syslog.open().unwrap(), Some(sure.clone()));
    // Moved away on purpose: nothing is lost, and nothing comes twice.
    syslog.write(&records[20..30]).unwrap();
    let mut receiver = accept(&listener);
    syslog.reopen().unwrap();
    syslog.write(&records[30..]).unwrap();
    assert_eq!(receive(&mut receiver, 20), range(21, 30), "and then its end");
    let mut receiver = accept(&listener);
    assert_eq!(receive(&mut receiver, 10), range(31, 40));
}

#[test]
fn a_receiver_that_does_not_read_is_noticed_and_gets_everything_when_it_does() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut syslog = syslog(&format!("tcp:{}", listener.local_addr().unwrap()), "");
    let long = |number| AuditRecord { identifiers: vec!["x".repeat(1_000); 6], ..record(number) };
    let records = logged((0..256).map(long));
    syslog.open().unwrap();
    let blocked = accept(&listener);
    let begun = Instant::now();
    let mut pages = 0;
    let (count, cause) = loop {
        if let Err(failed) = syslog.write(&records) {
            break failed;
        }
        pages += 1;
        assert!(pages < 1_000 && begun.elapsed() < PATIENCE * 4);
    };
    assert_eq!(count, 0, "{cause}");
    assert_eq!(syslog.open().unwrap(), Some(Position::START), "nothing of it is sure");
    syslog.write(&records[..10]).unwrap();
    let mut receiver = accept(&listener);
    assert_eq!(receive(&mut receiver, 10), range(1, 10));
    drop(blocked);
}

/// An authority, the certificate of a receiver called `logs.example.org`, and that of a client, in a folder.
struct Site {
    folder: tempfile::TempDir,
    authority: Authority,
    receiver: Issued,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::mint("logs", KeyKind::EcdsaP256, Validity::days(10)).unwrap();
        let hosts = vec!["logs.example.org".to_owned()];
        let profile = ServerProfile { hosts, crl_uris: Vec::new(), key: KeyKind::EcdsaP256, validity: Validity::days(10) };
        let receiver = authority.server(&profile).unwrap();
        let client = authority.client(&ClientProfile::named("kmipd", Validity::days(1))).unwrap();
        let other = Authority::mint("other", KeyKind::EcdsaP256, Validity::days(10)).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", authority.certificate_pem());
        write("other.pem", other.certificate_pem());
        write("client.pem", &client.certificate_pem);
        write("client-key.pem", &client.key_pem);
        Self { folder, authority, receiver }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The lines of a configuration that trust an authority and show a certificate.
    fn lines(&self, ca: &str, with_client: bool) -> String {
        let client = format!("certificate = \"{}\"\nkey = \"{}\"\n", self.path("client.pem"), self.path("client-key.pem"));
        format!("ca = \"{}\"\n{}", self.path(ca), if with_client { client } else { String::new() })
    }

    /// What a receiver accepts by; with `of_clients` it wants their certificates.
    fn settings(&self, of_clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.authority.certificate_der().to_vec())).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let builder = if of_clients { builder.with_client_cert_verifier(verifier) } else { builder.with_no_client_auth() };
        let key = PrivateKeyDer::from_pem_slice(self.receiver.key_pem.as_bytes()).unwrap();
        let chain = vec![CertificateDer::from(self.receiver.certificate_der.clone())];
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}

/// Accepts connections one after the other, and hands each out when its handshake is over, or failed.
fn receiver(
    listener: &TcpListener,
    settings: Arc<ServerConfig>,
) -> std::sync::mpsc::Receiver<io::Result<StreamOwned<ServerConnection, TcpStream>>> {
    let (give, take) = std::sync::mpsc::channel();
    let listener = listener.try_clone().unwrap();
    std::thread::spawn(move || {
        loop {
            let Ok((stream, _)) = listener.accept() else { return };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&settings)).unwrap(), stream);
            let shaken = stream.conn.complete_io(&mut stream.sock).map(|_| stream);
            if give.send(shaken).is_err() {
                return;
            }
        }
    });
    take
}

#[test]
fn over_tls_the_receiver_is_who_it_should_be_octets_are_counted_and_it_ends_cleanly() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepted = receiver(&listener, site.settings(false));
    let address = format!("tls:{}", listener.local_addr().unwrap());
    let named = "server_name = \"logs.example.org\"\n";
    let records = records(600);

    // Neither another name nor another authority.
    let wrong = [site.lines("ca.pem", false), named.to_owned() + &site.lines("other.pem", false)];
    for more in wrong {
        let cause = syslog(&address, &more).open().unwrap_err();
        assert!(cause.contains("certificate"), "{cause}");
        assert!(accepted.recv_timeout(PATIENCE).unwrap().is_err());
    }
    let gone = syslog(&address, &format!("{named}ca = \"{}\"\n", site.path("no.pem"))).open().unwrap_err();
    assert!(gone.contains("no.pem"), "{gone}");

    let mut syslog = syslog(&address, &(named.to_owned() + &site.lines("ca.pem", false)));
    assert_eq!(syslog.open().unwrap(), None);
    let mut stream = accepted.recv_timeout(PATIENCE).unwrap().unwrap();
    let reader = std::thread::spawn(move || {
        let received = receive(&mut stream, 600);
        (stream, received)
    });
    for page in records.chunks(256) {
        syslog.write(page).unwrap();
        // Its tickets are read, and nothing else is there.
        syslog.probe().unwrap();
    }
    let (mut stream, received) = reader.join().unwrap();
    assert_eq!(received, range(1, 600));
    syslog.probe().unwrap();
    syslog.probe().unwrap();
    // It ends with the words for that, and begins anew.
    stream.conn.send_close_notify();
    stream.conn.write_tls(&mut stream.sock).unwrap();
    fails(&mut syslog);
    assert_eq!(syslog.open().unwrap().map(|position| position.sequence), Some(600));
    let mut stream = accepted.recv_timeout(PATIENCE).unwrap().unwrap();
    syslog.write(&records[..5]).unwrap();
    drop(syslog);
    let mut all = Vec::new();
    // Without the words for the end, this would be an error.
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(counted(&all), range(1, 5));
}

#[test]
fn a_receiver_that_wants_a_certificate_gets_it_and_nothing_is_delivered_without() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let accepted = receiver(&listener, site.settings(true));
    let address = format!("tls:{}", listener.local_addr().unwrap());
    let named = "server_name = \"logs.example.org\"\n";
    let records = records(10);
    let mut without = syslog(&address, &(named.to_owned() + &site.lines("ca.pem", false)));
    // In TLS 1.3 the client is through before it is refused: what it wrote meanwhile is not with anybody.
    let opened = without.open();
    assert!(accepted.recv_timeout(PATIENCE).unwrap().is_err());
    if opened.is_ok() {
        let _ = without.write(&records);
        fails(&mut without);
        let again = without.open();
        assert!(again.is_err() || again == Ok(Some(Position::START)), "{again:?}");
        let _ = accepted.recv_timeout(PATIENCE);
    }
    let mut with = syslog(&address, &(named.to_owned() + &site.lines("ca.pem", true)));
    with.open().unwrap();
    let mut stream = loop {
        if let Ok(stream) = accepted.recv_timeout(PATIENCE).unwrap() {
            break stream;
        }
    };
    with.write(&records).unwrap();
    assert_eq!(receive(&mut stream, 10), range(1, 10));
}

#[test]
fn a_receiver_that_says_nothing_does_not_keep_the_server_waiting() {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tls:{}", listener.local_addr().unwrap());
    let cause = syslog(&address, &site.lines("ca.pem", false)).open().unwrap_err();
    assert!(cause.contains("connect to"), "{cause}");
    drop(listener);
}
