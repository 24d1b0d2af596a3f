//! Where the server is, who this client is, and how long it waits.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kmip::credential::{Credential, SecretText, UsernameAndPassword};
use kmip::{ProtocolVersion, Secret};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::tls;

/// The port registered for KMIP.
pub const DEFAULT_PORT: u16 = 5696;

/// How long a client waits, and how much it takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// For the TCP connection and the TLS handshake together.
    pub connect_timeout: Duration,
    /// From the first byte of a request to the last byte of its answer. Long enough for a server that makes a large RSA key pair.
    pub request_timeout: Duration,
    /// Bytes of one answer. 16 MiB: the identifiers of 200,000 objects, or the largest certificate chains a hundred times over.
    pub response_length_max: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), request_timeout: Duration::from_secs(60), response_length_max: 16 << 20 }
    }
}

/// Everything needed to connect; cheap to clone. Connections of one configuration share their TLS session tickets.
#[derive(Clone)]
pub struct Configuration {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) credential: Option<Credential>,
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) limits: ClientLimits,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file cannot be read.
    #[error("cannot read {what} {}: {error}", path.display())]
    File {
        /// What the file is.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A value cannot be used.
    #[error("`{key}`: {message}")]
    Value {
        /// The key of client.toml.
        key: &'static str,
        /// What is wrong with its value.
        message: String,
    },
}

impl ConfigurationError {
    pub(crate) fn value(key: &'static str, message: impl Into<String>) -> Self {
        Self::Value { key, message: message.into() }
    }
}

/// The certificates and the key, in PEM.
pub struct TlsMaterial<'a> {
    /// Authorities whose server certificates are accepted.
    pub ca: &'a [u8],
    /// This client's certificate, followed by the chain below the authority, and its key.
    pub identity: Option<(&'a [u8], &'a [u8])>,
}

/// client.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    endpoint: String,
    server_name: Option<String>,
    ca: PathBuf,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    version: Option<String>,
}

impl Configuration {
    /// A configuration from its parts. `endpoint` is `HOST` or `HOST:PORT`; `server_name`, if it differs from the host, is the
    /// name that the server's certificate must bear.
    ///
    /// # Errors
    /// If a part cannot be used.
    pub fn new(endpoint: &str, server_name: Option<&str>, material: &TlsMaterial<'_>) -> Result<Self, ConfigurationError> {
        let (host, port) = parse_endpoint(endpoint)?;
        let name = server_name.unwrap_or(&host).to_owned();
        let server_name = ServerName::try_from(name)
            .map_err(|_| ConfigurationError::value("server_name", "neither a host name nor an address"))?;
        let tls = Arc::new(tls::client_config(material)?);
        Ok(Self { host, port, server_name, tls, credential: None, version: None, limits: ClientLimits::default() })
    }

    /// Reads client.toml; paths in it are relative to its folder.
    ///
    /// # Errors
    /// If it, or a file it names, cannot be read or used.
    pub fn load(path: &Path) -> Result<Self, ConfigurationError> {
        let text = read("the configuration", path)?;
        let syntax = |message: String| ConfigurationError::Syntax { path: path.to_owned(), message };
        let text = std::str::from_utf8(&text).map_err(|_| syntax("not UTF-8".to_owned()))?;
        let file: File = toml::from_str(text).map_err(|error| syntax(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));

        let ca = read("the authority's certificate", &folder.join(&file.ca))?;
        let identity = match (&file.certificate, &file.key) {
            (Some(certificate), Some(key)) => {
                Some((read("the certificate", &folder.join(certificate))?, read("the private key", &folder.join(key))?))
            }
            (None, None) => None,
            _ => return Err(ConfigurationError::value("certificate", "`certificate` and `key` go together")),
        };
        let identity = identity.as_ref().map(|(certificate, key)| (certificate.as_slice(), key.as_slice()));
        let mut this = Self::new(&file.endpoint, file.server_name.as_deref(), &TlsMaterial { ca: &ca, identity })?;

        this.version = file.version.as_deref().map(parse_version).transpose()?;
        this.credential = match (file.username, file.password_file) {
            (Some(username), Some(password_file)) => {
                let password = read("the password", &folder.join(password_file))?;
                let password = std::str::from_utf8(&password)
                    .map_err(|_| ConfigurationError::value("password_file", "the password is not UTF-8"))?;
                Some(username_and_password(&username, password.trim_end_matches(['\r', '\n'])))
            }
            (None, None) => None,
            _ => return Err(ConfigurationError::value("username", "`username` and `password_file` go together")),
        };
        Ok(this)
    }

    /// Sends a user name and a password with every request.
    #[must_use]
    pub fn with_password(mut self, username: &str, password: &str) -> Self {
        self.credential = Some(username_and_password(username, password));
        self
    }

    /// Sends a credential of any kind with every request.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Speaks this version without asking the server which it knows.
    #[must_use]
    pub const fn with_version(mut self, version: ProtocolVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Waits as long, and takes as much, as `limits` say.
    #[must_use]
    pub const fn with_limits(mut self, limits: ClientLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Where the server is, as `HOST:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// Without the key and the password.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("endpoint", &self.endpoint())
            .field("server_name", &self.server_name)
            .field("credential", &self.credential.as_ref().map(Credential::credential_type))
            .field("version", &self.version)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// `1.4` as a version.
///
/// # Errors
/// If there is no such version.
pub fn parse_version(text: &str) -> Result<ProtocolVersion, ConfigurationError> {
    ProtocolVersion::ALL.into_iter().find(|version| version.to_string() == text).ok_or_else(|| {
        let known: Vec<String> = ProtocolVersion::ALL.iter().map(ToString::to_string).collect();
        ConfigurationError::value("version", format!("there is no KMIP {text}; known are {}", known.join(", ")))
    })
}

fn username_and_password(username: &str, password: &str) -> Credential {
    Credential::UsernameAndPassword(UsernameAndPassword {
        username: username.to_owned(),
        password: Some(SecretText(Secret::from_slice(password.as_bytes()))),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigurationError> {
    let error = |error| ConfigurationError::File { what, path: path.to_owned(), error };
    std::fs::read(path).map(Zeroizing::new).map_err(error)
}

/// `HOST`, `HOST:PORT`, `ADDRESS`, `[V6ADDRESS]:PORT` as host and port.
fn parse_endpoint(endpoint: &str) -> Result<(String, u16), ConfigurationError> {
    let wrong = || ConfigurationError::value("endpoint", format!("`{endpoint}` is not HOST:PORT"));
    let (host, port) = match endpoint.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        // An IPv6 address without brackets has more than one colon, and no port.
        None if endpoint.matches(':').count() > 1 => (endpoint, None),
        None => endpoint.split_once(':').map_or((endpoint, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| wrong()))?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (text, expected) in [
            ("localhost", Some(("localhost", 5696))),
            ("127.0.0.1:1", Some(("127.0.0.1", 1))),
            ("[::1]:7", Some(("::1", 7))),
            ("[::1]", Some(("::1", 5696))),
            ("::1", Some(("::1", 5696))),
            ("", None),
            (":5696", None),
            ("host:kmip", None),
            ("[::1]7", None),
        ] {
            let parsed = parse_endpoint(text).ok();
            assert_eq!(parsed.as_ref().map(|(host, port)| (host.as_str(), *port)), expected, "{text}");
        }
    }

    #[test]
    fn versions() {
        assert_eq!(parse_version("1.4").unwrap(), ProtocolVersion::V1_4);
        assert!(parse_version("1.5").unwrap_err().to_string().contains("known are 1.0, 1.1"));
    }

    #[test]
    fn file_errors_name_the_file_and_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Configuration::load(&path).unwrap_err().to_string()
        };
        assert!(load("endpoint = 1").contains("client.toml"));
        assert!(load("endpoint = \"a\"\nca = \"ca.pem\"\ncolour = 1").contains("colour"));
        assert!(load("endpoint = \"a\"\nca = \"ca.pem\"").contains("cannot read the authority's certificate"));
        std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
        assert!(load("endpoint = \"a\"\nca = \"ca.pem\"").contains("`ca`"));
        assert!(load("endpoint = \"a\"\nca = \"ca.pem\"\nkey = \"k\"").contains("go together"));
    }

    #[test]
    fn passwords_are_not_shown() {
        let shown = format!("{:?}", username_and_password("demo", "hunter2"));
        assert!(shown.contains("demo") && !shown.contains("hunter2"), "{shown}");
    }
}
