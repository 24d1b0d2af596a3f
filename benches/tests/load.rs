//! The load generator against a floor that stands for the server.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

use std::time::Duration;

use benches::connection::{Connection, Identity};
use benches::floor::Floor;
use benches::load::{Load, Measured, run};
use benches::messages::{get_payload, got_payload, request, response, success};
use certs::{Authority, ClientProfile, Issued, KeyKind, ServerProfile, Validity};
use kmip::ProtocolVersion;
use kmip::operation::Operation;
use kmip::payload::create::CreateResponse;
use kmip::payload::get::GetResponse;
use kmip::{enumerations::ObjectType, identifier::UniqueIdentifier};
use rustls::crypto::aws_lc_rs::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384};

struct Folder {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Folder {
    fn new() -> Self {
        let authority = Authority::mint("test authority", KeyKind::default(), Validity::days(1)).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), authority }
    }

    fn write(&self, name: &str, issued: &Issued) -> Identity {
        let path = |ending: &str| self.folder.path().join(format!("{name}{ending}"));
        std::fs::write(path("-ca.pem"), self.authority.certificate_pem()).unwrap();
        std::fs::write(path(".pem"), &issued.certificate_pem).unwrap();
        std::fs::write(path("-key.pem"), issued.key_pem.as_bytes()).unwrap();
        Identity { authorities: path("-ca.pem"), certificate: path(".pem"), key: path("-key.pem") }
    }

    fn server(&self) -> Identity {
        let profile = ServerProfile {
            hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
            crl_uris: Vec::new(),
            key: KeyKind::default(),
            validity: Validity::days(1),
        };
        self.write("server", &self.authority.server(&profile).unwrap())
    }

    fn client(&self) -> Identity {
        self.write("client", &self.authority.client(&ClientProfile::named("demo", Validity::days(1))).unwrap())
    }
}

fn create_reply() -> Vec<u8> {
    let payload = CreateResponse {
        object_type: ObjectType::SymmetricKey,
        unique_identifier: UniqueIdentifier("1".to_owned()),
        template_attribute: None,
    };
    response(ProtocolVersion::V1_4, Operation::Create, &payload)
}

#[test]
fn the_floor_answers_with_its_bytes_and_its_cipher() {
    let folder = Folder::new();
    let reply = response(ProtocolVersion::V1_4, Operation::Get, &got_payload("1"));
    let floor = Floor::start(folder.server().server(TLS13_AES_128_GCM_SHA256).unwrap(), reply.clone()).unwrap();
    let mut connection = Connection::open(&folder.client().client().unwrap(), &floor.address("127.0.0.1")).unwrap();
    assert_eq!(connection.agreed().map(|(_, suite)| suite), Some(TLS13_AES_128_GCM_SHA256));
    let mut received = Vec::new();
    for _ in 0..3 {
        connection.exchange(&request(ProtocolVersion::V1_4, Operation::Get, &get_payload("1")), &mut received).unwrap();
        assert_eq!(received, reply);
    }
    assert_eq!(success::<GetResponse>(&received).unwrap(), got_payload("1"));
}

#[test]
fn the_floor_demands_a_certificate_of_its_authority() {
    let (folder, other) = (Folder::new(), Folder::new());
    let floor = Floor::start(folder.server().server(TLS13_AES_256_GCM_SHA384).unwrap(), create_reply()).unwrap();
    // It trusts the server, and the server does not trust it.
    let stranger = Identity { authorities: folder.client().authorities, ..other.client() };
    let refused = Connection::open(&stranger.client().unwrap(), &floor.address("localhost"))
        .and_then(|mut connection| connection.exchange(&create_reply(), &mut Vec::new()));
    assert!(refused.is_err(), "in TLS 1.3 the client learns of it with the first answer");
}

#[test]
fn a_measurement_gives_a_line_for_each_setting() {
    let folder = Folder::new();
    let server = Floor::start(folder.server().server(TLS13_AES_256_GCM_SHA384).unwrap(), create_reply()).unwrap();
    let mut load = Load {
        endpoint: server.address("localhost"),
        client: folder.client(),
        server: folder.server(),
        version: ProtocolVersion::V1_4,
        operations: vec![Measured::Create],
        connections: vec![1, 2],
        round: Duration::from_millis(50),
        rounds: 1,
    };
    let mut out = Vec::new();
    let lines = run(&load, &mut out).unwrap();
    assert_eq!(lines.iter().map(|line| line.connections).collect::<Vec<_>>(), [1, 2]);
    assert!(lines.iter().all(|line| line.server.rate > 0.0 && line.ratio() > 0.0));
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("TLS13_AES_256_GCM_SHA384") && text.lines().count() == 4, "{text}");

    // This server answers a Get as if it were a Create: an error, not a number.
    load.operations = vec![Measured::Get];
    assert!(run(&load, &mut Vec::new()).is_err());
}
