//! TLS failures in words: what was wrong, and what to do about it. A log line "handshake failed" has never helped anybody.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// A failure in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// A word for the metric, one of a small fixed set.
    pub kind: &'static str,
    /// A sentence for the log.
    pub text: String,
}

fn explanation(kind: &'static str, text: impl Into<String>) -> Explanation {
    Explanation { kind, text: text.into() }
}

/// Explains an error of the TLS library.
#[must_use]
pub fn explain(error: &Error) -> Explanation {
    match error {
        Error::NoCertificatesPresented => explanation(
            "no_client_certificate",
            "the client sent no certificate; give it one of this server's authority (kmipd client add)",
        ),
        Error::InvalidCertificate(error) => explain_certificate(error),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            explanation("not_tls", "the bytes are not TLS; the client probably has TLS switched off")
        }
        Error::InvalidMessage(message) => {
            explanation("bad_message", format!("the client sent a malformed TLS message ({message:?})"))
        }
        Error::PeerIncompatible(reason) => explain_incompatible(reason),
        Error::PeerMisbehaved(reason) => explanation("misbehaved", format!("the client broke the TLS protocol ({reason:?})")),
        Error::AlertReceived(alert) => explain_alert(*alert),
        Error::DecryptError => explanation("decrypt", "a TLS record could not be decrypted: it was damaged on its way or forged"),
        other => explanation("other", other.to_string()),
    }
}

/// Explains why a client's certificate was refused.
#[must_use]
pub fn explain_certificate(error: &CertificateError) -> Explanation {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            explanation("expired", "the client's certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            explanation("not_valid_yet", "the client's certificate is not valid yet; compare the clocks")
        }
        CertificateError::Revoked => explanation("revoked", "the client's certificate is revoked"),
        CertificateError::UnknownIssuer => explanation(
            "unknown_authority",
            "the client's certificate was issued by an authority that is not in tls.client_ca (unknown CA)",
        ),
        CertificateError::BadSignature => explanation(
            "unknown_authority",
            "the client's certificate names an authority of tls.client_ca, but another key signed it (an authority made anew under its old name?)",
        ),
        CertificateError::UnknownRevocationStatus => {
            explanation("revocation_unknown", "no revocation list covers the authority of the client's certificate")
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => explanation(
            "revocation_list_expired",
            "the revocation list for the client's certificate has expired; fetch a new one",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => explanation(
            "purpose",
            "the client's certificate is for another purpose: its extended key usage does not include client authentication",
        ),
        CertificateError::BadEncoding => explanation("encoding", "the client's certificate cannot be parsed"),
        other => explanation("certificate", format!("the client's certificate was refused: {other:?}")),
    }
}

fn explain_incompatible(reason: &PeerIncompatible) -> Explanation {
    match reason {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::SupportedVersionsExtensionRequired => {
            explanation("no_shared_version", "no shared TLS version: the client offers neither TLS 1.2 nor TLS 1.3")
        }
        PeerIncompatible::NoCipherSuitesInCommon => explanation(
            "no_shared_cipher",
            "no shared cipher suite: this server has ECDHE with AES-GCM or ChaCha20-Poly1305 only (no CBC, no static RSA); \
             put a TLS proxy in front of old devices",
        ),
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::KeyShareExtensionRequired
        | PeerIncompatible::NamedGroupsExtensionRequired => {
            explanation("no_shared_group", "no shared key exchange group: this server has X25519, P-256 and P-384")
        }
        PeerIncompatible::NoSignatureSchemesInCommon | PeerIncompatible::SignatureAlgorithmsExtensionRequired => explanation(
            "no_shared_signature",
            "no shared signature algorithm for the server's certificate: the client may not know its kind of key (RSA, ECDSA)",
        ),
        other => explanation("incompatible", format!("the client's TLS is not compatible ({other:?})")),
    }
}

fn explain_alert(alert: AlertDescription) -> Explanation {
    let what = match alert {
        AlertDescription::UnknownCA => "the client does not know the authority of the server's certificate; give it ca.pem",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate => {
            "the client refused the server's certificate; check its names against what the client connects to, and the client's ca.pem"
        }
        AlertDescription::CertificateExpired => {
            "the client found the server's certificate expired; compare the clocks or renew it"
        }
        AlertDescription::CertificateRevoked => "the client found the server's certificate revoked",
        AlertDescription::UserCanceled => "the client gave up",
        _ => return explanation("alert", format!("the client ended the handshake ({alert:?})")),
    };
    explanation("alert", what)
}

/// What the first bytes of a connection are when they are no TLS; `None`: they may be TLS.
#[must_use]
pub fn explain_first_bytes(bytes: &[u8]) -> Option<Explanation> {
    const METHODS: [&[u8]; 7] = [b"GET ", b"POST", b"PUT ", b"HEAD", b"DELE", b"OPTI", b"CONN"];
    match bytes {
        // TLS handshake record; fewer bytes cannot be told apart yet.
        [] | [0x16] | [0x16, 0x03, ..] => None,
        [0x42, 0x00, 0x78 | 0x7B, ..] => Some(explanation("not_tls", "the client speaks KMIP without TLS; switch TLS on")),
        _ if METHODS.iter().any(|method| bytes.starts_with(method)) => {
            Some(explanation("plain_http", "the client speaks plain HTTP; this port takes KMIP over TLS"))
        }
        [first, ..] if first & 0x80 != 0 && bytes.len() > 2 && bytes[2] == 1 => {
            Some(explanation("no_shared_version", "the client speaks SSL 2; this server has TLS 1.2 and 1.3"))
        }
        _ => Some(explanation("not_tls", "the bytes are not TLS; the client probably has TLS switched off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes() {
        for (bytes, kind) in [
            (&b"GET / HTTP/1.1"[..], Some("plain_http")),
            (b"\x42\x00\x78\x01\x00", Some("not_tls")),
            (b"hello", Some("not_tls")),
            (b"\x16", None),
            (b"\x16\x03\x01", None),
            (b"", None),
            (b"\x80\x2e\x01\x00\x02", Some("no_shared_version")),
        ] {
            assert_eq!(explain_first_bytes(bytes).map(|explanation| explanation.kind), kind, "{bytes:?}");
        }
    }

    #[test]
    fn every_refusal_named_in_the_guide_has_its_words() {
        for (error, words) in [
            (Error::NoCertificatesPresented, "sent no certificate"),
            (Error::InvalidCertificate(CertificateError::Expired), "has expired"),
            (Error::InvalidCertificate(CertificateError::Revoked), "is revoked"),
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), "unknown CA"),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOfferedOrEnabled), "no shared TLS version"),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), "no shared cipher suite"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "give it ca.pem"),
        ] {
            let text = explain(&error).text;
            assert!(text.contains(words), "{text}");
        }
    }
}
