//! A TLS peer whose answers a test chooses: for what a well-behaved server never does.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use certs::{Authority, ClientProfile, Issued, KeyKind, ServerProfile, Validity};
use client::{Configuration, TlsMaterial};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority with one client.
pub struct World {
    pub authority: Authority,
    pub client: Issued,
}

impl World {
    pub fn new() -> Self {
        let authority = Authority::mint("Test authority", KeyKind::default(), Validity::days(1)).unwrap();
        let client = authority.client(&ClientProfile::named("demo", Validity::days(1))).unwrap();
        Self { authority, client }
    }

    pub fn server(&self, host: &str, validity: Validity) -> Issued {
        let profile = ServerProfile { hosts: vec![host.to_owned()], crl_uris: Vec::new(), key: KeyKind::default(), validity };
        self.authority.server(&profile).unwrap()
    }

    /// A configuration for a peer at `address`.
    pub fn configuration(&self, address: SocketAddr) -> Configuration {
        let identity = (self.client.certificate_pem.as_bytes(), self.client.key_pem.as_bytes());
        let material = TlsMaterial { ca: self.authority.certificate_pem().as_bytes(), identity: Some(identity) };
        Configuration::new(&address.to_string(), None, &material).unwrap()
    }

    /// Starts a peer with the certificate that accepts this world's clients, and lets `serve` deal with each connection.
    pub async fn serve<F, Fut>(
        &self,
        certificate: &Issued,
        versions: &[&'static SupportedProtocolVersion],
        serve: F,
    ) -> SocketAddr
    where
        F: Fn(TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    tokio::spawn(serve(tls));
                }
            }
        });
        address
    }
}

/// The next request, whole.
pub async fn request(stream: &mut TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let mut message = vec![0; 8];
    stream.read_exact(&mut message).await.ok()?;
    let length = u32::from_be_bytes(message[4..8].try_into().unwrap()) as usize;
    message.resize(8 + length, 0);
    stream.read_exact(&mut message[8..]).await.ok()?;
    Some(message)
}

pub async fn answer(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.flush().await.unwrap();
}
