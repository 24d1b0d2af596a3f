//! TLS as a client, and its failures in words: what was wrong, and what to do about it.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage, PeerIncompatible, RootCertStore};

use crate::configuration::{ConfigurationError, TlsMaterial};

/// TLS 1.2 and 1.3, with the authorities and the certificate of the configuration.
pub(crate) fn client_config(material: &TlsMaterial<'_>) -> Result<ClientConfig, ConfigurationError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", material.ca)? {
        roots.add(certificate).map_err(|error| ConfigurationError::value("ca", error.to_string()))?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigurationError::value("ca", error.to_string()))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = material.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| ConfigurationError::value("key", format!("no private key in PEM ({error})")))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => ConfigurationError::value("key", "the key does not belong to the certificate"),
        other => ConfigurationError::value("key", other.to_string()),
    })
}

fn certificates(key: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigurationError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| ConfigurationError::value(key, format!("not PEM ({error})")))?;
    if all.is_empty() {
        return Err(ConfigurationError::value(key, "the file holds no certificate in PEM"));
    }
    Ok(all)
}

/// Why TLS failed, as seen from the client.
pub(crate) fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => explain_server_certificate(error),
        rustls::Error::AlertReceived(alert) => explain_alert(*alert),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS on this port".to_owned()
        }
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server offers neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        other => other.to_string(),
    }
}

fn explain_server_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "the server's certificate is not trusted: no authority in `ca` issued it. \
             Either `ca` is of another server, or this is not the server you think it is"
            .to_owned(),
        CertificateError::BadSignature => "the server's certificate names an authority in `ca`, but another key signed it: \
             was the authority made anew under its old name? Fetch its certificate again"
            .to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired (or this machine's clock is ahead)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet (or this machine's clock is behind)".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the server's certificate is not for {}; it is for {}. Set `server_name` to one of these, or connect by that name",
            expected.to_str(),
            presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", ")
        ),
        CertificateError::NotValidForName => {
            "the server's certificate is not for the name it was called by; set `server_name`".to_owned()
        }
        CertificateError::Revoked => "the server's certificate is revoked".to_owned(),
        other => format!("the server's certificate was refused: {other}"),
    }
}

/// `kms.example` of `DnsName("kms.example")`, as the library writes the names of a certificate.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn explain_alert(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired => {
            "the server asks for a client certificate and got none; set `certificate` and `key`"
        }
        AlertDescription::UnknownCA => {
            "the server refused this client's certificate: it does not know the authority that issued it"
        }
        AlertDescription::CertificateExpired => "the server refused this client's certificate: it has expired",
        AlertDescription::CertificateRevoked => "the server refused this client's certificate: it is revoked",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => "the server refused this client's certificate; its log says why",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the server found no cipher suite, key exchange group or signature algorithm in common with this client"
        }
        AlertDescription::ProtocolVersion => "the server accepts neither TLS 1.2 nor TLS 1.3",
        AlertDescription::UnrecognisedName => "the server does not know the name it was called by; set `server_name`",
        other => return format!("the server ended it with the alert {other:?}"),
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_shown_bare() {
        for (name, shown) in [("DnsName(\"kms.example\")", "kms.example"), ("IpAddress(127.0.0.1)", "127.0.0.1"), ("odd", "odd")]
        {
            assert_eq!(bare(name), shown);
        }
    }

    #[test]
    fn failures_say_what_to_do() {
        for (error, words) in [
            (rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer), "not trusted"),
            (rustls::Error::InvalidCertificate(CertificateError::Expired), "clock"),
            (rustls::Error::InvalidCertificate(CertificateError::NotValidForName), "server_name"),
            (rustls::Error::AlertReceived(AlertDescription::CertificateRequired), "set `certificate`"),
            (rustls::Error::AlertReceived(AlertDescription::UnknownCA), "refused this client's certificate"),
            (rustls::Error::AlertReceived(AlertDescription::CertificateRevoked), "revoked"),
            (rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), "does not speak TLS"),
        ] {
            let text = explain(&error);
            assert!(text.contains(words), "{text}");
        }
    }
}
