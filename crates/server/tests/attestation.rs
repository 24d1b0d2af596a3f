//! Attestation as a client with a TPM meets it: quotes of a key in software, over TLS, against a server with a policy that asks for them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/program.rs"]
#[allow(dead_code, unreachable_pub, reason = "every test file uses its part")]
mod program;
#[path = "common/quote.rs"]
mod quote;

use kmip::enumerations::HashingAlgorithm;
use kmip::result_reason::ResultReason;
use kmip::tag;
use program::{Client, Program, find, kmipd_ok, reason, settings, succeeded, text};
use quote::{Maker, Scheme, value};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ttlv_codec::{Tree, TreeValue, Writer};

const SHA_256: HashingAlgorithm = HashingAlgorithm::SHA_256;
const TPM_QUOTE: u32 = 1;
const REQUIRED: Option<u32> = Some(ResultReason::AttestationRequired.0);
const FAILED: Option<u32> = Some(ResultReason::AttestationFailed.0);
const DENIED: Option<u32> = Some(ResultReason::PermissionDenied.0);

/// The registers that the server expects.
const STATE: &[(HashingAlgorithm, &[u8])] = &[(SHA_256, &[0, 2, 4, 7])];

const POLICY: &str = "[[forbid]]\nto.everybody = true\npermissions = [\"Get\"]\non.all = true\nwhen.attested = false\n";

/// A nonce of the server, and what goes with it.
#[derive(Clone)]
struct Nonce {
    identifier: Vec<u8>,
    value: Vec<u8>,
}

/// What a request of KMIP 2.1 says of attestation.
#[derive(Default)]
struct Shown<'a> {
    capable: bool,
    nonce: Option<&'a Nonce>,
    attestation_type: u32,
    measurement: Option<&'a [u8]>,
    assertion: Option<&'a [u8]>,
}

fn request(shown: &Shown<'_>, operation: u32, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 2);
                writer.integer(tag::ProtocolVersionMinor, 1);
            });
            if shown.capable {
                writer.boolean(tag::AttestationCapableIndicator, true);
                writer.enumeration(tag::AttestationType, TPM_QUOTE);
            }
            if let Some(nonce) = shown.nonce {
                writer.structure(tag::Authentication, |writer| {
                    writer.structure(tag::Credential, |writer| {
                        writer.enumeration(tag::CredentialType, 3);
                        writer.structure(tag::CredentialValue, |writer| credential(writer, shown, nonce));
                    });
                });
            }
            writer.integer(tag::BatchCount, 1);
        });
        writer.structure(tag::BatchItem, |writer| {
            writer.enumeration(tag::Operation, operation);
            writer.structure(tag::RequestPayload, payload);
        });
    });
    writer.finish()
}

fn credential(writer: &mut Writer, shown: &Shown<'_>, nonce: &Nonce) {
    writer.structure(tag::Nonce, |writer| {
        writer.byte_string(tag::NonceID, &nonce.identifier);
        writer.byte_string(tag::NonceValue, &nonce.value);
    });
    writer.enumeration(tag::AttestationType, shown.attestation_type);
    if let Some(measurement) = shown.measurement {
        writer.byte_string(tag::AttestationMeasurement, measurement);
    }
    if let Some(assertion) = shown.assertion {
        writer.byte_string(tag::AttestationAssertion, assertion);
    }
}

/// A server whose policy lets nobody have a key without an attestation, the key of an attestation, and an object to ask for.
struct Bench {
    server: Program,
    folder: PathBuf,
    key: String,
    maker: Maker,
    _root: tempfile::TempDir,
}

impl Bench {
    fn new(scheme: Scheme, more_configuration: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("server");
        drop(Program::dev(&folder));
        let config = folder.join("kmipd.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{text}\n{more_configuration}")).unwrap();
        let maker = Maker::new(scheme);
        std::fs::write(folder.join("policy.toml"), POLICY).unwrap();
        std::fs::write(folder.join("ak.pem"), maker.public_pem()).unwrap();
        std::fs::write(folder.join("attestation.toml"), platform("demo")).unwrap();
        let checked = kmipd_ok(&["check-config", "--config", config.to_str().unwrap()], "");
        assert!(checked.contains("1 platform(s) whose attestations are evaluated"), "{checked}");
        let server = Program::dev(&folder);
        let mut client = connect(&server, &folder);
        let made = client.exchange(&program::create(None)).unwrap();
        let key = text_of(&made);
        Self { server, folder, key, maker, _root: root }
    }

    fn connect(&self) -> Client {
        connect(&self.server, &self.folder)
    }

    fn get(&self, client: &mut Client, shown: &Shown<'_>) -> Tree {
        client.exchange(&request(shown, 10, |writer| writer.text_string(tag::UniqueIdentifier, &self.key))).unwrap()
    }

    /// Asks for the key, and is given a nonce.
    fn ask(&self, client: &mut Client) -> Nonce {
        let asked = self.get(client, &Shown { capable: true, ..Shown::default() });
        assert_eq!(reason(&asked), REQUIRED);
        assert_eq!(find(&asked, tag::AttestationType), Some(&TreeValue::Enumeration(TPM_QUOTE)));
        nonce(&asked).unwrap()
    }

    fn show(&self, client: &mut Client, nonce: &Nonce, measurement: &[u8]) -> Tree {
        let shown = Shown {
            capable: true,
            nonce: Some(nonce),
            attestation_type: TPM_QUOTE,
            measurement: Some(measurement),
            assertion: None,
        };
        self.get(client, &shown)
    }
}

/// attestation.toml for a client with the key ak.pem.
fn platform(client: &str) -> String {
    let digits = |number: u8| value(SHA_256, number).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let registers: Vec<String> = STATE[0].1.iter().map(|number| format!("{number} = \"{}\"", digits(*number))).collect();
    format!(
        "[[platform]]\nclient = \"{client}\"\nkeys = [\"ak.pem\"]\n[[platform.state]]\nname = \"known\"\nregisters.SHA_256 = {{ {} }}\n",
        registers.join(", ")
    )
}

fn connect(server: &Program, folder: &Path) -> Client {
    Client::connect(server.address, &settings(&folder.join("clients/demo"))).unwrap()
}

fn text_of(made: &Tree) -> String {
    text(made, tag::UniqueIdentifier).unwrap()
}

fn nonce(answer: &Tree) -> Option<Nonce> {
    let bytes = |tag| match find(answer, tag) {
        Some(TreeValue::ByteString(bytes)) => Some(bytes.clone()),
        _ => None,
    };
    Some(Nonce { identifier: bytes(tag::NonceID)?, value: bytes(tag::NonceValue)? })
}

#[test]
fn a_quote_of_each_scheme_opens_what_the_policy_keeps() {
    for scheme in [Scheme::Rsassa, Scheme::Rsapss, Scheme::Ecdsa] {
        let bench = Bench::new(scheme, "");
        let mut client = bench.connect();
        let denied = bench.get(&mut client, &Shown::default());
        assert_eq!(reason(&denied), DENIED, "{scheme:?}: the client cannot attest");
        assert!(nonce(&denied).is_none());
        let given = bench.ask(&mut client);
        let served = bench.show(&mut client, &given, &bench.maker.quote(&given.value, STATE));
        assert!(succeeded(&served), "{scheme:?}: {served:?}");
        assert!(find(&served, tag::KeyMaterial).is_some() && nonce(&served).is_none());
        // For this connection, for a while; another one begins anew.
        assert!(succeeded(&bench.get(&mut client, &Shown::default())));
        assert_eq!(reason(&bench.get(&mut bench.connect(), &Shown::default())), DENIED);
        bench.server.logged("is attested");
        // What is known has changed, and the policy is as it was.
        std::fs::write(bench.folder.join("attestation.toml"), platform("somebody else")).unwrap();
        let config = bench.folder.join("kmipd.toml").display().to_string();
        let reloaded = kmipd_ok(&["admin", "reload", "--config", &config], "");
        assert!(reloaded.contains("1 platform(s)"), "{reloaded}");
        assert_eq!(reason(&bench.get(&mut client, &Shown::default())), DENIED);
        let capable = Shown { capable: true, ..Shown::default() };
        assert_eq!(reason(&bench.get(&mut client, &capable)), DENIED, "there is nothing to compare a quote with");
    }
}

#[test]
fn what_is_wrong_with_a_quote_fails_and_uses_up_the_nonce() {
    let bench = Bench::new(Scheme::Ecdsa, "");
    let mut client = bench.connect();
    let other = Maker::ecdsa();
    let quote = |nonce: &Nonce| bench.maker.quote(&nonce.value, STATE);
    let changed_register = |nonce: &Nonce| {
        let mut values: Vec<(u8, Vec<u8>)> = STATE[0].1.iter().map(|number| (*number, value(SHA_256, *number))).collect();
        values[3].1 = value(SHA_256, 99);
        bench.maker.quote_of(&nonce.value, &[(SHA_256, &values)])
    };
    type Make<'a> = Box<dyn Fn(&Nonce) -> Vec<u8> + 'a>;
    let wrong: Vec<(&str, Make<'_>)> = vec![
        ("another value of a register", Box::new(changed_register)),
        ("fewer registers", Box::new(|nonce| bench.maker.quote(&nonce.value, &[(SHA_256, &[0, 2, 4])]))),
        ("more registers", Box::new(|nonce| bench.maker.quote(&nonce.value, &[(SHA_256, &[0, 2, 4, 7, 8])]))),
        ("another bank", Box::new(|nonce| bench.maker.quote(&nonce.value, &[(HashingAlgorithm::SHA_384, &[0, 2, 4, 7])]))),
        ("another key", Box::new(|nonce| other.quote(&nonce.value, STATE))),
        ("another nonce", Box::new(|_| bench.maker.quote(&[0; 32], STATE))),
        ("no nonce", Box::new(|_| bench.maker.quote(&[], STATE))),
        ("a changed signature", Box::new(|nonce| changed(quote(nonce), -1))),
        ("a changed quote", Box::new(|nonce| changed(quote(nonce), 60))),
        ("half of it", Box::new(|nonce| quote(nonce).split_at(90).0.to_vec())),
        ("nothing", Box::new(|_| Vec::new())),
        ("a byte behind it", Box::new(|nonce| [quote(nonce), vec![0]].concat())),
        ("too much", Box::new(|_| vec![0xFF; 500_000])),
        ("a huge length", Box::new(|_| vec![0xFF; 64])),
    ];
    for (what, make) in &wrong {
        let given = bench.ask(&mut client);
        let refused = bench.show(&mut client, &given, &make(&given));
        assert_eq!(reason(&refused), FAILED, "{what}");
        assert!(nonce(&refused).is_some(), "{what}: the answer has another nonce");
        assert_eq!(reason(&bench.show(&mut client, &given, &quote(&given))), FAILED, "{what}: the nonce is used up");
        assert_eq!(reason(&bench.get(&mut client, &Shown::default())), DENIED, "{what}");
    }
    // A nonce that nobody was given, and one of another connection.
    let invented = Nonce { identifier: vec![7; 16], value: vec![7; 32] };
    assert_eq!(reason(&bench.show(&mut client, &invented, &quote(&invented))), FAILED);
    let given = bench.ask(&mut bench.connect());
    assert_eq!(reason(&bench.show(&mut client, &given, &quote(&given))), FAILED);
    // One that was good is not good again.
    let given = bench.ask(&mut client);
    assert!(succeeded(&bench.show(&mut client, &given, &quote(&given))));
    let replayed = bench.show(&mut client, &given, &quote(&given));
    assert_eq!(reason(&replayed), FAILED);
    assert!(text(&replayed, tag::ResultMessage).unwrap().contains("was used before"));
    bench.server.logged("shows none of the states that are known");
}

/// With a bit of it changed.
fn changed(mut bytes: Vec<u8>, at: isize) -> Vec<u8> {
    let length = bytes.len();
    bytes[at.rem_euclid(length.try_into().unwrap()).unsigned_abs()] ^= 1;
    bytes
}

#[test]
fn other_types_are_refused_by_name_and_query_lists_what_works() {
    let bench = Bench::new(Scheme::Ecdsa, "");
    let mut client = bench.connect();
    for (attestation_type, name) in [(2, "TCGIntegrityReport"), (3, "SAMLAssertion")] {
        let given = bench.ask(&mut client);
        let shown = Shown { nonce: Some(&given), attestation_type, assertion: Some(b"<saml/>"), ..Shown::default() };
        let refused = bench.get(&mut client, &shown);
        assert_eq!(reason(&refused), Some(ResultReason::FeatureNotSupported.0));
        assert!(text(&refused, tag::ResultMessage).unwrap().contains(name));
    }
    let given = bench.ask(&mut client);
    let shown = Shown { nonce: Some(&given), attestation_type: TPM_QUOTE, assertion: Some(b"x"), ..Shown::default() };
    assert_eq!(reason(&bench.get(&mut client, &shown)), FAILED);
    let query = request(&Shown::default(), 24, |writer| {
        writer.enumeration(tag::QueryFunction, 7);
        writer.enumeration(tag::QueryFunction, 11);
    });
    let told = client.exchange(&query).unwrap();
    assert_eq!(find(&told, tag::AttestationType), Some(&TreeValue::Enumeration(TPM_QUOTE)));
    assert_eq!(find(&told, tag::AttestationCapability), Some(&TreeValue::Boolean(true)));
    // Without platforms there is nothing to list.
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("server");
    let server = Program::dev(&folder);
    let told = connect(&server, &folder).exchange(&query).unwrap();
    assert_eq!(find(&told, tag::AttestationType), None);
    assert_eq!(find(&told, tag::AttestationCapability), Some(&TreeValue::Boolean(false)));
}

#[test]
fn nonces_and_attestations_end() {
    let bench = Bench::new(Scheme::Ecdsa, "[attestation]\nnonce_expiry_s = 1\nvalid_s = 0\n");
    let mut client = bench.connect();
    let old = bench.ask(&mut client);
    std::thread::sleep(Duration::from_millis(1_100));
    let refused = bench.show(&mut client, &old, &bench.maker.quote(&old.value, STATE));
    assert_eq!(reason(&refused), FAILED);
    assert!(text(&refused, tag::ResultMessage).unwrap().contains("has expired"));
    // A machine that is slow may need several tries within the second.
    let served = (0..60).any(|_| {
        let given = bench.ask(&mut client);
        succeeded(&bench.show(&mut client, &given, &bench.maker.quote(&given.value, STATE)))
    });
    assert!(served);
    // It held for its own request alone.
    assert_eq!(reason(&bench.get(&mut client, &Shown::default())), DENIED);
}
