//! A revocation list that changes, on a server that runs: who has a connection, idle or resumed, and who keeps it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;

use certs::Authority;
use program::{Client, Program, discover_versions, kmipd_ok, settings, succeeded};
use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// In which a list holds.
const SOON: Duration = Duration::from_secs(5);

/// The list that an authority elsewhere would publish: with one more certificate, put in place as such programs do.
fn publish(folder: &Path, bundle: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let authority = Authority::read(&read("ca.pem"), &read("ca-key.pem")).unwrap();
    let current = server::tls::read_list(&folder.join("ca.crl")).unwrap();
    let certificate = CertificateDer::from_pem_file(bundle.join("cert.pem")).unwrap();
    let list = authority.revoke(current.as_deref(), &certificate, 10).unwrap();
    std::fs::write(folder.join("ca.crl.new"), list.pem).unwrap();
    std::fs::rename(folder.join("ca.crl.new"), folder.join("ca.crl")).unwrap();
}

/// Waits on a thread until the server closes a connection: how long that took.
fn closed(mut client: Client) -> mpsc::Receiver<Duration> {
    let (tell, told) = mpsc::channel();
    let begun = Instant::now();
    std::thread::spawn(move || {
        client.0.sock.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let end = client.0.read(&mut [0; 1]);
        if !end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
            let _ = tell.send(begun.elapsed());
        }
    });
    told
}

#[test]
fn a_list_that_changes_holds_for_open_connections_and_drops_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    let config = folder.join("kmipd.toml").display().to_string();
    for name in ["stolen", "good"] {
        let out = folder.join("clients").join(name).display().to_string();
        kmipd_ok(&["client", "add", name, "--config", &config, "--out", &out], "");
    }
    let (stolen, good) = (folder.join("clients/stolen"), folder.join("clients/good"));
    let (stolen_settings, good_settings) = (settings(&stolen), settings(&good));
    let connect = |settings| {
        let mut client = Client::connect(server.address, settings).unwrap();
        assert!(succeeded(&client.exchange(&discover_versions()).unwrap()));
        client
    };
    // The first of each has a full handshake, the second resumes its session; the second is then left idle.
    let (idle, resumed) = (connect(&stolen_settings), connect(&stolen_settings));
    let (mut good_idle, mut good_resumed) = (connect(&good_settings), connect(&good_settings));
    assert_eq!(idle.0.conn.handshake_kind(), Some(HandshakeKind::Full));
    assert_eq!(resumed.0.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    assert_eq!(good_resumed.0.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    // A connection on which nothing was ever asked.
    let silent = Client::connect(server.address, &stolen_settings).unwrap();

    // A file that is no list: what was read before holds, and it is told once.
    let list = std::fs::read(folder.join("ca.crl")).unwrap();
    std::fs::write(folder.join("ca.crl"), &list[..list.len() / 2]).unwrap();
    server.logged("cannot be taken, those read before hold");
    assert!(succeeded(&good_idle.exchange(&discover_versions()).unwrap()));
    std::fs::write(folder.join("ca.crl"), &list).unwrap();

    let ends = [closed(idle), closed(resumed), closed(silent)];
    publish(&folder, &stolen);
    for (end, which) in ends.iter().zip(["idle", "resumed", "silent"]) {
        let took = end.recv_timeout(SOON).unwrap_or_else(|_| panic!("the {which} connection is open after {SOON:?}"));
        assert!(took < SOON, "{which}: {took:?}");
    }
    // A session of before is not let in again, and the others have noticed nothing.
    let again = Client::connect(server.address, &stolen_settings).and_then(|mut client| client.exchange(&discover_versions()));
    assert!(again.is_err(), "{again:?}");
    for client in [&mut good_idle, &mut good_resumed] {
        assert!(succeeded(&client.exchange(&discover_versions()).unwrap()));
    }
    server.logged("is revoked (the connection was opened earlier)");
    server.logged("is revoked (it resumed an earlier session)");
    let audit = kmipd_ok(&["audit", "show", "--config", &config, "--actor", "kmipd"], "");
    assert!(audit.contains("kmipd crl reload") && audit.contains("refused") && audit.contains("done"), "{audit}");
}

#[test]
fn a_connection_does_not_outlive_its_certificate() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let authority = Authority::read(&read("ca.pem"), &read("ca-key.pem")).unwrap();
    let brief = authority.client(&certs::ClientProfile::named("brief", certs::Validity::seconds(3))).unwrap();
    let bundle = root.path().join("brief");
    std::fs::create_dir(&bundle).unwrap();
    std::fs::write(bundle.join("ca.pem"), read("ca.pem")).unwrap();
    std::fs::write(bundle.join("cert.pem"), &brief.certificate_pem).unwrap();
    std::fs::write(bundle.join("key.pem"), brief.key_pem.as_bytes()).unwrap();
    let mut client = Client::connect(server.address, &settings(&bundle)).unwrap();
    assert!(succeeded(&client.exchange(&discover_versions()).unwrap()));
    std::thread::sleep(Duration::from_secs(4));
    assert!(client.exchange(&discover_versions()).is_err());
    server.logged("has expired (the connection was opened earlier)");
}
