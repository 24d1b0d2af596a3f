//! Key material in files: read for Register, written by Get.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use client::{certificate, from_der, opaque_object, secret_data, symmetric_key};
use kmip::Secret;
use kmip::enumerations::{CryptographicAlgorithm, KeyFormatType, SecretDataType};
use kmip::object::ManagedObject;
use rustls::pki_types::pem::{PemObject, SectionKind};
use zeroize::{Zeroize, Zeroizing};

use crate::arguments::{Encoding, ObjectKind};
use crate::input;
use crate::output::{self, Failure};

/// Characters of base64 on a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// The object that a file holds.
pub(crate) fn read(
    file: &Path,
    encoding: Option<Encoding>,
    kind: Option<ObjectKind>,
    algorithm: CryptographicAlgorithm,
) -> Result<ManagedObject, Failure> {
    let bytes = input::read(file)?;
    let pem = encoding == Some(Encoding::Pem) || (encoding.is_none() && looks_like_pem(&bytes));
    if pem {
        return from_pem(&bytes, kind);
    }
    let kind = kind.ok_or_else(|| Failure::usage("say with --kind what it is; only PEM says that itself"))?;
    let bytes = decode(bytes, encoding.unwrap_or(Encoding::Raw))?;
    if bytes.is_empty() {
        return Err(Failure::usage("the file is empty"));
    }
    let key = |error: client::KeyEncodingError| Failure::other(error.to_string());
    Ok(match kind {
        ObjectKind::SymmetricKey => symmetric_key(bytes, algorithm),
        ObjectKind::Password => secret_data(bytes, SecretDataType::Password),
        ObjectKind::Seed => secret_data(bytes, SecretDataType::Seed),
        ObjectKind::Opaque => opaque_object(bytes),
        ObjectKind::Certificate => certificate(bytes),
        ObjectKind::PrivateKey => [KeyFormatType::PKCS_8, KeyFormatType::PKCS_1, KeyFormatType::ECPrivateKey]
            .into_iter()
            .find_map(|format| from_der(bytes.clone(), format, false).ok())
            .map_or_else(|| from_der(bytes, KeyFormatType::PKCS_8, false), Ok)
            .map_err(key)?,
        ObjectKind::PublicKey => from_der(bytes.clone(), KeyFormatType::PKCS_1, true)
            .or_else(|_| from_der(bytes, KeyFormatType::X_509, true))
            .map_err(key)?,
    })
}

fn looks_like_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).take(4096).any(|window| window == b"-----BEGIN ")
}

fn from_pem(pem: &[u8], kind: Option<ObjectKind>) -> Result<ManagedObject, Failure> {
    let (section, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(pem).map_err(|_| {
        Failure::other("no certificate or unencrypted key in PEM is in the file (is the key encrypted? decrypt it first)")
    })?;
    let der = Secret::new(der);
    let key = |error: client::KeyEncodingError| Failure::other(error.to_string());
    let (found, object) = match section {
        SectionKind::Certificate => (ObjectKind::Certificate, certificate(der)),
        SectionKind::PrivateKey => (ObjectKind::PrivateKey, from_der(der, KeyFormatType::PKCS_8, false).map_err(key)?),
        SectionKind::RsaPrivateKey => (ObjectKind::PrivateKey, from_der(der, KeyFormatType::PKCS_1, false).map_err(key)?),
        SectionKind::EcPrivateKey => (ObjectKind::PrivateKey, from_der(der, KeyFormatType::ECPrivateKey, false).map_err(key)?),
        SectionKind::PublicKey => (ObjectKind::PublicKey, from_der(der, KeyFormatType::X_509, true).map_err(key)?),
        _ => return Err(Failure::other("the PEM holds neither a certificate nor a key")),
    };
    if kind.is_some_and(|kind| kind != found) {
        return Err(Failure::usage("the PEM holds something else than --kind says"));
    }
    Ok(object)
}

fn decode(bytes: Zeroizing<Vec<u8>>, encoding: Encoding) -> Result<Secret, Failure> {
    let text = || std::str::from_utf8(&bytes).map_err(|_| Failure::other("the file is not text"));
    Ok(match encoding {
        Encoding::Raw | Encoding::Pem => Secret::from_slice(&bytes),
        Encoding::Hex => {
            let digits = input::from_hex(text()?).ok_or_else(|| Failure::other("the file does not hold hexadecimal digits"))?;
            Secret::from_slice(&digits)
        }
        Encoding::Base64 => {
            let mut text: Zeroizing<String> = Zeroizing::new(text()?.to_owned());
            text.retain(|c| !c.is_ascii_whitespace());
            Secret::new(Base64::decode_vec(&text).map_err(|_| Failure::other("the file does not hold base64"))?)
        }
    })
}

/// Bytes as text in an encoding; raw bytes have none.
fn encode(bytes: &[u8], encoding: Encoding, object: &ManagedObject) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let base64 = || Zeroizing::new(Base64::encode_string(bytes));
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 2 + 128));
    match encoding {
        Encoding::Raw => text.extend_from_slice(bytes),
        Encoding::Hex => {
            text.extend_from_slice(input::to_hex(bytes).as_bytes());
            text.push(b'\n');
        }
        Encoding::Base64 => {
            text.extend_from_slice(base64().as_bytes());
            text.push(b'\n');
        }
        Encoding::Pem => {
            let label = pem_label(object).ok_or_else(|| {
                Failure::usage(
                    "PEM is for certificates and for keys in PKCS#8, PKCS#1, X.509 and ECPrivateKey; take another --encoding",
                )
            })?;
            text.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
            for line in base64().as_bytes().chunks(PEM_LINE) {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            text.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
        }
    }
    Ok(text)
}

fn pem_label(object: &ManagedObject) -> Option<&'static str> {
    let format = object.key_block().map(|block| block.key_format_type);
    match (object, format) {
        (ManagedObject::Certificate(_), _) => Some("CERTIFICATE"),
        (ManagedObject::CertificateRequest(_), _) => Some("CERTIFICATE REQUEST"),
        (ManagedObject::PrivateKey(_), Some(KeyFormatType::PKCS_8)) => Some("PRIVATE KEY"),
        (ManagedObject::PrivateKey(_), Some(KeyFormatType::PKCS_1)) => Some("RSA PRIVATE KEY"),
        (ManagedObject::PrivateKey(_), Some(KeyFormatType::ECPrivateKey)) => Some("EC PRIVATE KEY"),
        (ManagedObject::PublicKey(_), Some(KeyFormatType::X_509)) => Some("PUBLIC KEY"),
        (ManagedObject::PublicKey(_), Some(KeyFormatType::PKCS_1)) => Some("RSA PUBLIC KEY"),
        _ => None,
    }
}

/// Writes the bytes of an object to a new file that only its owner may read, or to standard output.
pub(crate) fn write(object: &ManagedObject, encoding: Option<Encoding>, out: Option<&Path>, force: bool) -> Result<(), Failure> {
    let bytes = client::material(object).ok_or_else(|| {
        Failure::other(
            "the key consists of fields, not of bytes: take --json, or ask for another --key-format (Raw, PKCS_8, X_509)",
        )
    })?;
    let Some(out) = out else {
        let encoding = encoding.unwrap_or(Encoding::Hex);
        if encoding == Encoding::Raw && std::io::stdout().is_terminal() {
            return Err(Failure::usage(
                "raw bytes are not for a terminal: redirect them, take --out FILE, or another --encoding",
            ));
        }
        return output::raw(&encode(bytes.expose(), encoding, object)?);
    };
    let mut text = encode(bytes.expose(), encoding.unwrap_or(Encoding::Raw), object)?;
    let result = write_file(out, &text, force);
    text.zeroize();
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::other(format!("{} exists; --force replaces it", out.display())),
        _ => Failure::other(format!("cannot write {}: {error}", out.display())),
    })
}

fn write_file(path: &Path, bytes: &[u8], force: bool) -> std::io::Result<()> {
    if force {
        // A file made anew has the new permissions, and nobody has it open already.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn object(kind: ObjectKind, encoding: Option<Encoding>, content: &[u8]) -> Result<ManagedObject, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        read(&path, encoding, Some(kind), CryptographicAlgorithm::AES)
    }

    #[test]
    fn encodings_go_both_ways() {
        let key = object(ObjectKind::SymmetricKey, Some(Encoding::Raw), b"0123456789abcdef").ok().unwrap();
        for encoding in [Encoding::Raw, Encoding::Hex, Encoding::Base64] {
            let text = encode(b"0123456789abcdef", encoding, &key).ok().unwrap();
            assert!(object(ObjectKind::SymmetricKey, Some(encoding), &text).is_ok_and(|again| again == key));
        }
        assert!(encode(b"0123456789abcdef", Encoding::Pem, &key).is_err());
        let certificate = object(ObjectKind::Certificate, None, &[7; 100]).ok().unwrap();
        let pem = encode(&[7; 100], Encoding::Pem, &certificate).ok().unwrap();
        assert!(object(ObjectKind::Certificate, None, &pem).is_ok_and(|again| again == certificate));
        assert!(matches!(object(ObjectKind::PublicKey, None, &pem), Err(Failure::Usage(_))));
    }

    #[test]
    fn files_are_private_and_not_replaced_by_accident() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = object(ObjectKind::SymmetricKey, None, &[1; 16]).ok().unwrap();
        assert!(write(&key, None, Some(&path), false).is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), [1; 16]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(write(&key, None, Some(&path), false), Err(Failure::Other(message)) if message.contains("--force")));
        assert!(write(&key, Some(Encoding::Hex), Some(&path), true).is_ok());
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), "01".repeat(16));
    }
}
