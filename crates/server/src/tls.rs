//! Certificates, keys and revocation lists, read from files and judged: what a connection is trusted by.

use crate::config::TlsConfig;
use crate::files::FileError;
use crate::identity::{self, IdentityRule};
use arc_swap::ArcSwap;
use policy::{Actor, Rules};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{StoresServerSessions, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme};
use std::cell::RefCell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what it should.
    #[error("{}: {cause}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Certificate, key and authorities do not work together.
    #[error("the certificates cannot be used: {0}")]
    Unusable(String),
}

/// Everything a connection is judged by; replaced as a whole by a reload.
#[derive(Debug)]
pub struct Trust {
    /// For the handshake.
    pub server_config: Arc<ServerConfig>,
    /// Grows with every reload: a connection judged under an older number is judged again.
    pub generation: u64,
    /// What the server's certificate and the lists say about their own end.
    pub expiries: Vec<Expiry>,
    /// The files it was read from.
    pub config: TlsConfig,
    verifier: Arc<dyn ClientCertVerifier>,
    name_from: Vec<IdentityRule>,
    rules: Arc<Rules>,
    /// The revocation lists' files as they were.
    lists: Vec<Option<Stamp>>,
}

/// What tells that a file is another than before: when it was written, its length, its number.
type Stamp = (SystemTime, u64, u64);

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    };
    paths.iter().map(stamp).collect()
}

/// What connections are judged by now. Whoever waits is told of every change, so that idle connections are judged at once.
#[derive(Debug)]
pub struct CurrentTrust {
    current: ArcSwap<Trust>,
    generation: watch::Sender<u64>,
}

impl CurrentTrust {
    /// Begins with this one.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { generation: watch::Sender::new(trust.generation), current: ArcSwap::from_pointee(trust) }
    }

    /// The current one.
    #[must_use]
    pub fn load(&self) -> Arc<Trust> {
        self.current.load_full()
    }

    /// Replaces it.
    pub fn store(&self, trust: Trust) {
        let generation = trust.generation;
        self.current.store(Arc::new(trust));
        // After the trust itself: whoever is told sees it.
        self.generation.send_replace(generation);
    }

    /// The number of the current one, as it changes.
    pub(crate) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}

/// Until when a file can be used.
#[derive(Clone, Debug)]
pub struct Expiry {
    /// The file.
    pub path: PathBuf,
    /// `certificate`, `authority` or `revocation list`.
    pub what: &'static str,
    /// Seconds since 1970.
    pub not_after: i64,
}

impl Trust {
    /// Reads the files of a configuration. `sessions` outlives reloads: whoever resumes is judged by the newest trust.
    ///
    /// # Errors
    /// When a file cannot be read or the parts do not fit together.
    pub fn read(config: &TlsConfig, sessions: Arc<dyn StoresServerSessions>, generation: u64) -> Result<Self, TlsError> {
        // Before they are read: what is written meanwhile is noticed the next time.
        let lists = stamps(&config.crls);
        let chain = certificates(&config.certificate)?;
        let authorities = certificates(&config.client_ca)?;
        let key = PrivateKeyDer::from_pem_file(&config.key).map_err(content(&config.key))?;
        let crls = revocation_lists(&config.crls)?;
        let expiries = ends_of(config, &chain, &authorities, &crls)?;

        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots.add(authority.clone()).map_err(|error| TlsError::Content {
                path: config.client_ca.clone(),
                cause: format!("an authority cannot be used: {error}"),
            })?;
        }

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // The whole chain: an intermediate authority is revoked by its issuer's list. Those in tls.client_ca are taken back by
        // removing them from it.
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .with_crls(crls.into_iter().map(|(_, list)| list));
        if !config.crl_required {
            builder = builder.allow_unknown_revocation_status();
        }
        if config.crl_must_be_current {
            builder = builder.enforce_revocation_expiration();
        }
        let inner = builder.build().map_err(|error| TlsError::Unusable(error.to_string()))?;
        let verifier: Arc<dyn ClientCertVerifier> = Arc::new(RememberingVerifier { inner });

        let mut server_config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Unusable(error.to_string()))?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(chain, key)
            .map_err(|error| {
                TlsError::Unusable(format!("{} with {}: {error}", config.certificate.display(), config.key.display()))
            })?;
        server_config.session_storage = sessions;
        // One ticket a handshake is enough: clients resume once and get a new one then.
        server_config.send_tls13_tickets = 1;
        Ok(Self {
            server_config: Arc::new(server_config),
            generation,
            expiries,
            config: config.clone(),
            verifier,
            name_from: config.identity.clone(),
            rules: Arc::default(),
            lists,
        })
    }

    /// The same with a policy.
    #[must_use]
    pub fn with_rules(self, rules: Arc<Rules>) -> Self {
        Self { rules, ..self }
    }

    /// Whether the file of a revocation list is another than the one that was read.
    #[must_use]
    pub fn lists_changed(&self) -> bool {
        stamps(&self.config.crls) != self.lists
    }

    /// Judges a client's chain by the current roots, revocation lists and clock.
    ///
    /// # Errors
    /// What the verifier found, see [`crate::explain`].
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
        let Some((end_entity, intermediates)) = chain.split_first() else { return Err(Error::NoCertificatesPresented) };
        self.verifier.verify_client_cert(end_entity, intermediates, UnixTime::now()).map(|_| ())
    }

    /// Who the holder of a client's certificate is.
    ///
    /// # Errors
    /// When no rule gives a name, or the policy does not let the client in.
    pub fn identify(&self, certificate: &CertificateDer<'_>) -> Result<Actor, identity::IdentityError> {
        identity::identify(certificate, &self.name_from, &self.rules)
    }
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    i64::try_from(elapsed).unwrap_or(i64::MAX)
}

/// What of the files of a configuration ends, and when.
///
/// # Errors
/// When one of them cannot be read.
pub fn expiries(config: &TlsConfig) -> Result<Vec<Expiry>, TlsError> {
    let (chain, authorities) = (certificates(&config.certificate)?, certificates(&config.client_ca)?);
    ends_of(config, &chain, &authorities, &revocation_lists(&config.crls)?)
}

fn ends_of(
    config: &TlsConfig,
    chain: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    crls: &[(PathBuf, CertificateRevocationListDer<'_>)],
) -> Result<Vec<Expiry>, TlsError> {
    let mut expiries = vec![Expiry::of_certificate(&config.certificate, "certificate", &chain[0])?];
    for authority in authorities {
        expiries.push(Expiry::of_certificate(&config.client_ca, "authority", authority)?);
    }
    for (path, list) in crls {
        expiries.extend(Expiry::of_list(path, list)?);
    }
    Ok(expiries)
}

impl Expiry {
    /// Seconds from now until the end; negative: it is over.
    #[must_use]
    pub fn seconds_left(&self) -> i64 {
        self.not_after.saturating_sub(now())
    }

    fn of_certificate(path: &Path, what: &'static str, der: &CertificateDer<'_>) -> Result<Self, TlsError> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|error| TlsError::Content { path: path.to_owned(), cause: error.to_string() })?;
        Ok(Self { path: path.to_owned(), what, not_after: certificate.validity().not_after.timestamp() })
    }

    fn of_list(path: &Path, der: &[u8]) -> Result<Option<Self>, TlsError> {
        let (_, list) = x509_parser::revocation_list::CertificateRevocationList::from_der(der)
            .map_err(|error| TlsError::Content { path: path.to_owned(), cause: error.to_string() })?;
        Ok(list.next_update().map(|time| Self { path: path.to_owned(), what: "revocation list", not_after: time.timestamp() }))
    }
}

fn content(path: &Path) -> impl FnOnce(rustls::pki_types::pem::Error) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::Content { path, cause: error.to_string() }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(content(path))?;
    if found.is_empty() {
        return Err(TlsError::Content { path: path.to_owned(), cause: "no certificate in PEM format in it".to_owned() });
    }
    Ok(found)
}

fn revocation_lists(paths: &[PathBuf]) -> Result<Vec<(PathBuf, CertificateRevocationListDer<'static>)>, TlsError> {
    let mut lists = Vec::new();
    for path in paths {
        let bytes = std::fs::read(path).map_err(FileError::new("read", path))?;
        if bytes.starts_with(b"\x30") {
            lists.push((path.clone(), CertificateRevocationListDer::from(bytes)));
            continue;
        }
        let before = lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
            lists.push((path.clone(), list.map_err(content(path))?));
        }
        if lists.len() == before {
            return Err(TlsError::Content {
                path: path.clone(),
                cause: "no revocation list in PEM or DER format in it".to_owned(),
            });
        }
    }
    Ok(lists)
}

/// The first revocation list in a file, DER; `None`: there is no such file.
///
/// # Errors
/// When the file cannot be read or holds no list.
pub fn read_list(path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(revocation_lists(&[path.to_owned()])?.into_iter().next().map(|(_, list)| list.to_vec()))
}

tokio::task_local! {
    /// The certificate refused last in this connection's handshake, in words: the library's error does not carry it.
    static REFUSED: RefCell<Option<String>>;
}

/// Runs a handshake; beside its result, the refused certificate in words, if there was one.
pub(crate) async fn remembering_refusal<F: Future>(handshake: F) -> (F::Output, Option<String>) {
    REFUSED
        .scope(RefCell::new(None), async {
            let output = handshake.await;
            (output, REFUSED.with(RefCell::take))
        })
        .await
}

/// When a certificate ends, in seconds since 1970; at once, if it cannot be read.
pub(crate) fn end_of(der: &[u8]) -> i64 {
    X509Certificate::from_der(der).map_or(i64::MIN, |(_, certificate)| certificate.validity().not_after.timestamp())
}

/// Subject, issuer, serial number and end of a certificate, for the log.
#[must_use]
pub fn describe(der: &[u8]) -> String {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => format!(
            "subject {:?}, issuer {:?}, serial {}, not after {}",
            certificate.subject().to_string(),
            certificate.issuer().to_string(),
            certificate.raw_serial_as_string(),
            certificate.validity().not_after,
        ),
        Err(error) => format!("unreadable: {error}"),
    }
}

/// rustls-webpki's judgement; remembers whom it refused.
///
/// It tolerates certificates without extended key usage and without alternative names, as real devices have them: webpki requires
/// the client purpose only if the extension is present, and looks at no names for clients.
#[derive(Debug)]
struct RememberingVerifier {
    inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for RememberingVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner.verify_client_cert(end_entity, intermediates, now).inspect_err(|_| {
            // Outside a handshake nobody asks; then there is nothing to remember.
            let _ = REFUSED.try_with(|refused| refused.replace(Some(describe(end_entity))));
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
