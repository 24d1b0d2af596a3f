//! The program `kmipd` as a child process, and a blocking client that writes its messages by hand.

use kmip::tag;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ttlv_codec::{Tag, Tree, TreeValue, Writer};

/// A running kmipd; killed when dropped.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
    /// What it printed up to and with its lines to paste.
    pub printed: String,
    log: PathBuf,
}

impl Program {
    /// `kmipd dev` on a port of its own.
    pub fn dev(folder: &Path) -> Self {
        Self::start(&["dev", "--dir", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"], folder)
    }

    pub fn serve(folder: &Path) -> Self {
        Self::start(&["serve", "--config", folder.join("kmipd.toml").to_str().unwrap()], folder)
    }

    fn start(arguments: &[&str], folder: &Path) -> Self {
        let log = folder.with_extension("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_kmipd"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        let address = loop {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                let status = child.wait().unwrap();
                panic!("kmipd ended ({status}) before it was ready:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            printed.push_str(&line);
            if let Some(address) = line.strip_prefix("kmipd ready on ") {
                break address.trim().parse().unwrap();
            }
        };
        if arguments[0] == "dev" {
            while !printed.ends_with("\nEND\n") {
                assert_ne!(output.read_line(&mut printed).unwrap(), 0, "{printed}");
            }
        }
        Self { child, address, printed, log }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end, at most ten seconds.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "kmipd does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log has the words, at most five seconds.
    pub fn logged(&self, words: &str) {
        let begun = Instant::now();
        while !self.log().contains(words) {
            assert!(begun.elapsed() < Duration::from_secs(5), "the log has no {words:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command of kmipd to its end.
pub fn kmipd(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kmipd"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone before this is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a command of kmipd that must succeed; what it printed.
pub fn kmipd_ok(arguments: &[&str], input: &str) -> String {
    let output = kmipd(arguments, input);
    assert!(output.status.success(), "kmipd {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A client's settings from a bundle's pem files.
pub fn settings(bundle: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(bundle.join("ca.pem")).unwrap()).unwrap();
    let key = PrivateKeyDer::from_pem_file(bundle.join("key.pem")).unwrap();
    let chain = vec![CertificateDer::from_pem_file(bundle.join("cert.pem")).unwrap()];
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// A connection that sends messages and reads answers.
pub struct Client(pub StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub fn connect(address: SocketAddr, settings: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(Duration::from_secs(40)))?;
        let connection = ClientConnection::new(Arc::clone(settings), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Reads one message; an error also when the connection ends.
    pub fn receive(&mut self) -> std::io::Result<Tree> {
        let mut bytes = vec![0; 8];
        self.0.read_exact(&mut bytes)?;
        assert_eq!(bytes[..4], [0x42, 0x00, 0x7B, 0x01], "a response message");
        let length = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
        bytes.resize(8 + length, 0);
        self.0.read_exact(&mut bytes[8..])?;
        let limits = ttlv_codec::Limits { length: 1 << 24, ..ttlv_codec::Limits::default() };
        Ok(Tree::parse(&bytes, &limits).unwrap())
    }

    pub fn exchange(&mut self, request: &[u8]) -> std::io::Result<Tree> {
        self.send(request)?;
        self.receive()
    }
}

/// A credential in a message.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// Username and Password.
    User(&'a str, &'a str),
    /// Device: Device Serial Number and Password.
    Device(&'a str, &'a str),
}

/// A request of KMIP 1.4 with one item.
pub fn request(operation: u32, credential: Option<Credential<'_>>, payload: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.structure(tag::RequestMessage, |writer| {
        writer.structure(tag::RequestHeader, |writer| {
            writer.structure(tag::ProtocolVersion, |writer| {
                writer.integer(tag::ProtocolVersionMajor, 1);
                writer.integer(tag::ProtocolVersionMinor, 4);
            });
            if let Some(credential) = credential {
                let (kind, name_tag, name, password) = match credential {
                    Credential::User(name, password) => (1, tag::Username, name, password),
                    Credential::Device(serial, password) => (2, tag::DeviceSerialNumber, serial, password),
                };
                writer.structure(tag::Authentication, |writer| {
                    writer.structure(tag::Credential, |writer| {
                        writer.enumeration(tag::CredentialType, kind);
                        writer.structure(tag::CredentialValue, |writer| {
                            writer.text_string(name_tag, name);
                            writer.text_string(tag::Password, password);
                        });
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

/// Create of an AES-256 key.
pub fn create(credential: Option<Credential<'_>>) -> Vec<u8> {
    request(1, credential, |writer| {
        writer.enumeration(tag::ObjectType, 2);
        writer.structure(tag::TemplateAttribute, |writer| {
            let mut attribute = |name: &str, value: &dyn Fn(&mut Writer)| {
                writer.structure(tag::Attribute, |writer| {
                    writer.text_string(tag::AttributeName, name);
                    value(writer);
                });
            };
            attribute("Cryptographic Algorithm", &|writer| writer.enumeration(tag::AttributeValue, 3));
            attribute("Cryptographic Length", &|writer| writer.integer(tag::AttributeValue, 256));
            attribute("Cryptographic Usage Mask", &|writer| writer.integer(tag::AttributeValue, 12));
        });
    })
}

/// Get.
pub fn get(identifier: &str) -> Vec<u8> {
    request(10, None, |writer| writer.text_string(tag::UniqueIdentifier, identifier))
}

/// Discover Versions: the cheapest honest request.
pub fn discover_versions() -> Vec<u8> {
    request(30, None, |_| ())
}

/// The first item with this tag, depth first.
pub fn find(tree: &Tree, tag: Tag) -> Option<&TreeValue> {
    if tree.tag == tag {
        return Some(&tree.value);
    }
    let TreeValue::Structure(items) = &tree.value else { return None };
    items.iter().find_map(|item| find(item, tag))
}

/// The text with this tag.
pub fn text(tree: &Tree, tag: Tag) -> Option<String> {
    match find(tree, tag)? {
        TreeValue::TextString(text) => Some(text.clone()),
        other => panic!("{other:?} is no text"),
    }
}

/// Result Status is Success.
pub fn succeeded(tree: &Tree) -> bool {
    matches!(find(tree, tag::ResultStatus), Some(TreeValue::Enumeration(0)))
}

/// The Result Reason, if any.
pub fn reason(tree: &Tree) -> Option<u32> {
    match find(tree, tag::ResultReason)? {
        TreeValue::Enumeration(reason) => Some(*reason),
        other => panic!("{other:?} is no reason"),
    }
}
