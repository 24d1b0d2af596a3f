//! What is in a PKCS#12 file.
//!
//! Read here and not by the library that writes them: that one keeps what it decrypts in memory that it does not wipe, and lets the
//! file say how much work and memory its parts take, part by part.

use kmip::Secret;

use super::der::{
    BMP_STRING, CONTEXT_0, CONTEXT_0_STRING, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, malformed,
};
use super::open::Opener;
use crate::certificate::CertificateFacts;
use crate::error::CryptoError;
use crate::private_key::PrivateKey;
use kmip::enumerations::KeyFormatType;

/// Keys and certificates in one file.
const BAGS_MAX: usize = 256;

/// Certificates in a chain.
pub const PKCS12_CHAIN_MAX: usize = 16;

// Contents of OBJECT IDENTIFIERs. 1.2.840.113549.1.7.1 and .6
const DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x06];
// 1.2.840.113549.1.12.10.1 with ...
const KEY_BAG: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x01];
const SHROUDED_KEY_BAG: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x02];
const CERTIFICATE_BAG: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x0C, 0x0A, 0x01, 0x03];
// 1.2.840.113549.1.9 with ...
const FRIENDLY_NAME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x14];
const LOCAL_KEY_ID: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x15];
const X_509_CERTIFICATE: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x16, 0x01];

/// A private key, as it was found in a file, with its certificates.
#[derive(Debug)]
pub struct Pkcs12Contents {
    /// The key.
    pub key: PrivateKey,
    /// The same as PKCS#8.
    pub pkcs8: Secret,
    /// Its Friendly Name.
    pub friendly_name: Option<String>,
    /// Its certificate, the one that issued that, and so on, as far as they are in the file.
    pub chain: Vec<Vec<u8>>,
}

struct KeyBag {
    pkcs8: Secret,
    names: Names,
}

struct CertificateBag {
    certificate: Vec<u8>,
    facts: CertificateFacts,
    names: Names,
}

#[derive(Default)]
struct Names {
    friendly_name: Option<String>,
    local_key_id: Option<Vec<u8>>,
}

#[derive(Default)]
struct Bags {
    seen: usize,
    keys: Vec<KeyBag>,
    certificates: Vec<CertificateBag>,
}

/// Reads the private key of a Friendly Name, or without one the first, and its chain of certificates.
///
/// # Errors
/// Refused for another password or damage, Unsupported Parameters for what the file was sealed with, Invalid Key for what is no such
/// file or has no such key.
pub fn read_pkcs12(file: &[u8], password: &str, friendly_name: Option<&str>) -> Result<Pkcs12Contents, CryptoError> {
    let mut whole = Elements(file);
    let mut pfx = whole.enter(SEQUENCE)?;
    if !whole.is_empty() || pfx.number()? != 3 {
        return Err(malformed("it is not a PFX of version 3"));
    }
    let (kind, mut contents) = content_info(&mut pfx)?;
    if kind != DATA {
        return Err(malformed("it is not protected by a password"));
    }
    let contents = contents.expect(OCTET_STRING)?;
    let mut opener = Opener::new(password);
    if !pfx.is_empty() {
        opener.check_mac(pfx.enter(SEQUENCE)?, contents)?;
    }
    let mut bags = Bags::default();
    let mut parts = Elements(contents).enter(SEQUENCE)?;
    while !parts.is_empty() {
        let (kind, mut part) = content_info(&mut parts)?;
        match kind {
            DATA => bags.read(&mut opener, part.expect(OCTET_STRING)?)?,
            ENCRYPTED_DATA => {
                let mut encrypted = part.enter(SEQUENCE)?;
                encrypted.expect(INTEGER)?;
                let mut info = encrypted.enter(SEQUENCE)?;
                info.expect(OBJECT_IDENTIFIER)?;
                let algorithm = info.enter(SEQUENCE)?;
                let opened = opener.decrypt(algorithm, info.expect(CONTEXT_0_STRING)?)?;
                bags.read(&mut opener, opened.expose())?;
            }
            _ => return Err(malformed("a part of it is not protected by a password")),
        }
    }
    bags.contents(friendly_name)
}

/// A ContentInfo: its type, and what is in it.
fn content_info<'a>(elements: &mut Elements<'a>) -> Result<(&'a [u8], Elements<'a>), CryptoError> {
    let mut info = elements.enter(SEQUENCE)?;
    Ok((info.expect(OBJECT_IDENTIFIER)?, info.enter(CONTEXT_0)?))
}

impl Bags {
    fn read(&mut self, opener: &mut Opener<'_>, contents: &[u8]) -> Result<(), CryptoError> {
        let mut bags = Elements(contents).enter(SEQUENCE)?;
        while !bags.is_empty() {
            self.seen += 1;
            if self.seen > BAGS_MAX {
                return Err(malformed("it holds too much"));
            }
            let mut bag = bags.enter(SEQUENCE)?;
            let kind = bag.expect(OBJECT_IDENTIFIER)?;
            let mut value = bag.enter(CONTEXT_0)?;
            let names = if bag.is_empty() { Names::default() } else { names(bag.enter(SET)?)? };
            match kind {
                KEY_BAG => self.keys.push(KeyBag { pkcs8: Secret::from_slice(value.0), names }),
                SHROUDED_KEY_BAG => {
                    let mut shrouded = value.enter(SEQUENCE)?;
                    let algorithm = shrouded.enter(SEQUENCE)?;
                    let pkcs8 = opener.decrypt(algorithm, shrouded.expect(OCTET_STRING)?)?;
                    self.keys.push(KeyBag { pkcs8, names });
                }
                CERTIFICATE_BAG => {
                    let mut bag = value.enter(SEQUENCE)?;
                    if bag.expect(OBJECT_IDENTIFIER)? == X_509_CERTIFICATE {
                        let certificate = bag.enter(CONTEXT_0)?.expect(OCTET_STRING)?.to_vec();
                        let facts = CertificateFacts::parse(&certificate)?;
                        self.certificates.push(CertificateBag { certificate, facts, names });
                    }
                }
                // Lists of revocations, secrets, bags in bags: nothing of a key and its certificates.
                _ => {}
            }
        }
        Ok(())
    }

    fn contents(mut self, friendly_name: Option<&str>) -> Result<Pkcs12Contents, CryptoError> {
        let is_meant = |bag: &KeyBag| match (friendly_name, &bag.names.friendly_name) {
            (None, _) => true,
            // By caseIgnoreMatch (RFC 2985, section 5.5.1).
            (Some(wanted), Some(name)) => wanted.to_lowercase() == name.to_lowercase(),
            (Some(_), None) => false,
        };
        let Some(at) = self.keys.iter().position(is_meant) else {
            return Err(malformed("it holds no private key of the Friendly Name"));
        };
        let KeyBag { pkcs8, names } = self.keys.swap_remove(at);
        let key = PrivateKey::parse(KeyFormatType::PKCS_8, pkcs8.expose())?;
        let public = key.public_key()?.encode(KeyFormatType::X_509)?;
        let is_its_own = |bag: &&CertificateBag| bag.facts.public_key_info == public;
        let is_named_so =
            |bag: &&CertificateBag| bag.names.local_key_id.is_some() && bag.names.local_key_id == names.local_key_id;
        let mut chain = Vec::new();
        let mut next = self.certificates.iter().find(is_its_own).or_else(|| self.certificates.iter().find(is_named_so));
        while let Some(bag) = next {
            if chain.len() == PKCS12_CHAIN_MAX {
                return Err(malformed(&format!("its chain has more than {PKCS12_CHAIN_MAX} certificates")));
            }
            chain.push(bag.certificate.clone());
            let is_issuer = |other: &&CertificateBag| {
                other.facts.subject == bag.facts.issuer && chain.iter().all(|known| *known != other.certificate)
            };
            next = self.certificates.iter().find(is_issuer);
        }
        Ok(Pkcs12Contents { key, pkcs8, friendly_name: names.friendly_name, chain })
    }
}

/// The attributes of a bag, as far as they say what it is called.
fn names(mut attributes: Elements<'_>) -> Result<Names, CryptoError> {
    let mut names = Names::default();
    while !attributes.is_empty() {
        let mut attribute = attributes.enter(SEQUENCE)?;
        let kind = attribute.expect(OBJECT_IDENTIFIER)?;
        let mut values = attribute.enter(SET)?;
        match kind {
            FRIENDLY_NAME => {
                let units = values.expect(BMP_STRING)?.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
                names.friendly_name = Some(char::decode_utf16(units).map(|unit| unit.unwrap_or('?')).collect());
            }
            LOCAL_KEY_ID => names.local_key_id = Some(values.expect(OCTET_STRING)?.to_vec()),
            _ => {}
        }
    }
    Ok(names)
}
