//! A client bundle: the files a client needs to connect.

use crate::config::{Config, PORT};
use crate::files::{self, FileError, PUBLIC, SECRET};
use certs::Issued;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// How a client reaches the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address to connect to.
    pub host: String,
    /// Port.
    pub port: u16,
    /// A name in the server's certificate.
    pub server_name: String,
}

impl Endpoint {
    /// The endpoint of a configuration. A server that listens on every address is reached by the first name in its certificate.
    ///
    /// # Errors
    /// When the server's certificate cannot be read.
    pub fn of(config: &Config, port: u16) -> Result<Self, String> {
        let server_name = first_name(&config.tls.certificate)?;
        let listen = config.listen.ip();
        let host = if listen.is_unspecified() { server_name.clone() } else { listen.to_string() };
        Ok(Self { host, port: if port == 0 { PORT } else { port }, server_name })
    }

    /// `HOST:PORT`, with brackets around an IPv6 address.
    #[must_use]
    pub fn address(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The first alternative name of a certificate, or its common name.
fn first_name(path: &Path) -> Result<String, String> {
    let text = files::read_text(path).map_err(|error| error.to_string())?;
    let unreadable = |cause: String| format!("{}: {cause}", path.display());
    let (_, block) = parse_x509_pem(text.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
    let (_, certificate) = X509Certificate::from_der(&block.contents).map_err(|error| unreadable(error.to_string()))?;
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        for name in &names.value.general_names {
            match name {
                GeneralName::DNSName(name) => return Ok((*name).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    if let Ok(address) = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)) {
                        return Ok(address.to_string());
                    }
                }
                _ => {}
            }
        }
    }
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    name.ok_or_else(|| unreadable("the certificate has no name".to_owned()))
}

/// Writes `ca.pem`, `cert.pem` and `key.pem` into a folder, which is made. Never overwrites.
///
/// # Errors
/// When a file exists already or cannot be written.
pub fn write_certificates(folder: &Path, authority_pem: &str, issued: &Issued) -> Result<(), FileError> {
    files::make_directory(folder)?;
    files::write_new(&folder.join("key.pem"), issued.key_pem.as_bytes(), SECRET)?;
    files::write_new(&folder.join("cert.pem"), issued.certificate_pem.as_bytes(), PUBLIC)?;
    files::write_new(&folder.join("ca.pem"), authority_pem.as_bytes(), PUBLIC)
}

/// Puts another key and certificate into a bundle, in place of those that are there. A client that connects meanwhile may read the new
/// key and the old certificate; it tries again.
///
/// # Errors
/// When a file cannot be written.
pub fn replace_certificates(folder: &Path, authority_pem: &str, issued: &Issued) -> Result<(), FileError> {
    files::replace(&folder.join("key.pem"), issued.key_pem.as_bytes(), SECRET)?;
    files::replace(&folder.join("cert.pem"), issued.certificate_pem.as_bytes(), PUBLIC)?;
    files::replace(&folder.join("ca.pem"), authority_pem.as_bytes(), PUBLIC)?;
    for name in ["client.p12", "client.p12.password"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::new("remove", &folder.join(name))(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes (or rewrites, after the server moved to another address) `client.toml` for `kmip` and `pykmip.conf` for PyKMIP. Paths in
/// client.toml are relative to it; PyKMIP takes paths as they are, so pykmip.conf has absolute ones, those of `final_folder`.
///
/// # Errors
/// When a file cannot be written.
pub fn write_settings(folder: &Path, final_folder: &Path, endpoint: &Endpoint) -> Result<(), FileError> {
    let mut client = String::new();
    // Writing to a String cannot fail. The quoting of Debug is that of TOML for the characters names and addresses have.
    let _ = writeln!(
        client,
        "endpoint = {:?}\nserver_name = {:?}\nca = \"ca.pem\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"",
        endpoint.address(),
        endpoint.server_name
    );
    files::replace(&folder.join("client.toml"), client.as_bytes(), PUBLIC)?;
    let path = |name: &str| final_folder.join(name).display().to_string();
    let mut pykmip = String::new();
    let _ = writeln!(
        pykmip,
        "[client]\nhost={}\nport={}\ncertfile={}\nkeyfile={}\nca_certs={}\ncert_reqs=CERT_REQUIRED\nssl_version=PROTOCOL_TLSv1_2\n\
         do_handshake_on_connect=True\nsuppress_ragged_eofs=True",
        endpoint.host,
        endpoint.port,
        path("cert.pem"),
        path("key.pem"),
        path("ca.pem"),
    );
    files::replace(&folder.join("pykmip.conf"), pykmip.as_bytes(), PUBLIC)
}

/// Writes `client.p12` and, in `client.p12.password`, the random password it is sealed with.
///
/// # Errors
/// When the file exists already or cannot be made.
pub fn write_pkcs12(folder: &Path, authority_der: &[u8], issued: &Issued, name: &str) -> Result<(), String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| "no random bytes for a password".to_owned())?;
    let password: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(random.iter().map(|byte| format!("{byte:02x}")).collect());
    let file = certs::pkcs12(issued, authority_der, name, &password).map_err(|error| error.to_string())?;
    files::write_new(&folder.join("client.p12"), &file, SECRET).map_err(|error| error.to_string())?;
    let line = zeroize::Zeroizing::new(format!("{}\n", *password));
    files::write_new(&folder.join("client.p12.password"), line.as_bytes(), SECRET).map_err(|error| error.to_string())
}
