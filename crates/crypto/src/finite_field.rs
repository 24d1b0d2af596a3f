//! Keys of DSA and Diffie-Hellman over the numbers modulo a prime: read and written, not computed with.
//!
//! DSA keys are those of RFC 3279, section 2.3.2, Diffie-Hellman keys those of X9.42 (RFC 3279, section 2.3.3) where the order Q of
//! the subgroup is known, and those of PKCS#3 where it is not.

use kmip::Secret;
use kmip::enumerations::CryptographicAlgorithm;
use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Encode, Reader, SliceReader, Tag};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::error::CryptoError;
use crate::key::KeyFacts;
use crate::rsa_key;

const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
/// dhpublicnumber of X9.42.
const DH_X9_42: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10046.2.1");
/// dhKeyAgreement of PKCS#3.
const DH_PKCS_3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1");

const FORMAT: &str = "key of DSA or Diffie-Hellman";

/// The numbers that the keys of a group have in common, and what for. All are unsigned and big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiniteFieldGroup {
    /// DSA or DH.
    pub algorithm: CryptographicAlgorithm,
    /// The prime.
    pub p: Vec<u8>,
    /// The order of the subgroup. DSA keys always have it.
    pub q: Option<Vec<u8>>,
    /// The generator of the subgroup.
    pub g: Vec<u8>,
    /// The cofactor, of Diffie-Hellman alone.
    pub j: Option<Vec<u8>>,
}

/// A private key.
#[derive(Clone, PartialEq, Eq)]
pub struct FiniteFieldPrivateKey {
    /// Its group.
    pub group: FiniteFieldGroup,
    /// The private number.
    pub x: Secret,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiniteFieldPublicKey {
    /// Its group.
    pub group: FiniteFieldGroup,
    /// The public number.
    pub y: Vec<u8>,
}

impl FiniteFieldGroup {
    /// Algorithm and length: that of the prime.
    #[must_use]
    pub fn facts(&self) -> KeyFacts {
        KeyFacts { algorithm: self.algorithm, length: rsa_key::bits(significant(&self.p)), curve: None }
    }

    fn read(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, CryptoError> {
        let invalid = |error: der::Error| CryptoError::invalid_key(FORMAT, error);
        let parameters = algorithm.parameters.filter(|parameters| der::Tagged::tag(parameters) == Tag::Sequence);
        let parameters = parameters.ok_or_else(|| CryptoError::invalid_key(FORMAT, "the parameters are missing"))?;
        let read = |reader: &mut SliceReader<'_>| reader.decode::<UintRef<'_>>().map(|number| number.as_bytes().to_vec());
        let mut reader = SliceReader::new(parameters.value()).map_err(invalid)?;
        let p = read(&mut reader).map_err(invalid)?;
        let second = read(&mut reader).map_err(invalid)?;
        match algorithm.oid {
            DSA => {
                let g = read(&mut reader).map_err(invalid)?;
                Ok(Self { algorithm: CryptographicAlgorithm::DSA, p, q: Some(second), g, j: None })
            }
            DH_X9_42 => {
                let q = read(&mut reader).map_err(invalid)?;
                // After it may come how the primes were found, which KMIP has no field for.
                let has_cofactor = !reader.is_finished() && Tag::peek(&reader).map_err(invalid)? == Tag::Integer;
                let j = has_cofactor.then(|| read(&mut reader)).transpose().map_err(invalid)?;
                Ok(Self { algorithm: CryptographicAlgorithm::DH, p, q: Some(q), g: second, j })
            }
            // After it may come how long private numbers are to be, which KMIP has no field for.
            DH_PKCS_3 => Ok(Self { algorithm: CryptographicAlgorithm::DH, p, q: None, g: second, j: None }),
            other => Err(CryptoError::invalid_key(FORMAT, format!("the algorithm {other} is another"))),
        }
    }

    /// The algorithm's identifier, and its parameters in DER.
    fn write(&self) -> der::Result<(ObjectIdentifier, Vec<u8>)> {
        let (oid, numbers) = match (self.algorithm, &self.q) {
            (CryptographicAlgorithm::DSA, Some(q)) => (DSA, vec![&self.p, q, &self.g]),
            (CryptographicAlgorithm::DH, Some(q)) => {
                (DH_X9_42, [&self.p, &self.g, q].into_iter().chain(&self.j).collect::<Vec<_>>())
            }
            (CryptographicAlgorithm::DH, None) => (DH_PKCS_3, vec![&self.p, &self.g]),
            _ => return Err(der::ErrorKind::Failed.into()),
        };
        let mut content = Vec::new();
        for number in numbers {
            content.extend(UintRef::new(number)?.to_der()?);
        }
        Ok((oid, AnyRef::new(Tag::Sequence, &content)?.to_der()?))
    }
}

impl FiniteFieldPrivateKey {
    /// Reads a key of PKCS#8.
    ///
    /// # Errors
    /// Bytes that are not one, and keys of other algorithms.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, CryptoError> {
        let invalid = |error: der::Error| CryptoError::invalid_key(FORMAT, error);
        let info = PrivateKeyInfoRef::from_der(bytes).map_err(|error| CryptoError::invalid_key(FORMAT, error))?;
        let group = FiniteFieldGroup::read(&info.algorithm)?;
        let x = UintRef::from_der(info.private_key.as_bytes()).map_err(invalid)?;
        Ok(Self { group, x: Secret::from_slice(x.as_bytes()) })
    }

    /// The key as PKCS#8.
    ///
    /// # Errors
    /// A DSA key without the order of the subgroup.
    pub fn to_pkcs8(&self) -> Result<Secret, CryptoError> {
        let write = || -> der::Result<Vec<u8>> {
            let (oid, parameters) = self.group.write()?;
            let x = Zeroizing::new(UintRef::new(self.x.expose())?.to_der()?);
            let algorithm = AlgorithmIdentifierRef { oid, parameters: Some(AnyRef::from_der(&parameters)?) };
            PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&x)?).to_der()
        };
        write().map(Secret::new).map_err(|_| CryptoError::Failed("encoding a private key"))
    }
}

impl std::fmt::Debug for FiniteFieldPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.group.facts();
        write!(f, "FiniteFieldPrivateKey({:?}, {} bits)", facts.algorithm, facts.length)
    }
}

impl FiniteFieldPublicKey {
    /// Reads a Subject Public Key Info.
    ///
    /// # Errors
    /// Bytes that are not one, and keys of other algorithms.
    pub fn from_spki(bytes: &[u8]) -> Result<Self, CryptoError> {
        let info = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|error| CryptoError::invalid_key(FORMAT, error))?;
        let group = FiniteFieldGroup::read(&info.algorithm)?;
        let bits = info.subject_public_key.as_bytes();
        let bits = bits.ok_or_else(|| CryptoError::invalid_key(FORMAT, "the key is not whole bytes"))?;
        let y = UintRef::from_der(bits).map_err(|error| CryptoError::invalid_key(FORMAT, error))?;
        Ok(Self { group, y: y.as_bytes().to_vec() })
    }

    /// The key as Subject Public Key Info.
    ///
    /// # Errors
    /// A DSA key without the order of the subgroup.
    pub fn to_spki(&self) -> Result<Vec<u8>, CryptoError> {
        let write = || -> der::Result<Vec<u8>> {
            let (oid, parameters) = self.group.write()?;
            let y = UintRef::new(&self.y)?.to_der()?;
            SubjectPublicKeyInfoRef {
                algorithm: AlgorithmIdentifierRef { oid, parameters: Some(AnyRef::from_der(&parameters)?) },
                subject_public_key: BitStringRef::from_bytes(&y)?,
            }
            .to_der()
        };
        write().map_err(|_| CryptoError::Failed("encoding a public key"))
    }
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(algorithm: CryptographicAlgorithm, q: bool, j: bool) -> FiniteFieldGroup {
        let number = |first: u8, length: usize| [vec![first], vec![0x5A; length - 1]].concat();
        FiniteFieldGroup {
            algorithm,
            p: number(0x91, 128),
            q: q.then(|| number(0x7F, 20)),
            g: vec![2],
            j: j.then(|| number(0x80, 108)),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        use CryptographicAlgorithm as Algorithm;
        for group in [
            group(Algorithm::DSA, true, false),
            group(Algorithm::DH, true, false),
            group(Algorithm::DH, true, true),
            group(Algorithm::DH, false, false),
        ] {
            assert_eq!((group.facts().algorithm, group.facts().length), (group.algorithm, 1024));
            let private = FiniteFieldPrivateKey { group: group.clone(), x: Secret::from_slice(&[0x80, 1, 2]) };
            let bytes = private.to_pkcs8().unwrap();
            assert_eq!(FiniteFieldPrivateKey::from_pkcs8(bytes.expose()).unwrap(), private);
            let public = FiniteFieldPublicKey { group, y: vec![0x90; 128] };
            let bytes = public.to_spki().unwrap();
            assert_eq!(FiniteFieldPublicKey::from_spki(&bytes).unwrap(), public);
            assert!(!format!("{private:?}").contains("128, 1, 2"));
            for end in 0..bytes.len() {
                assert!(FiniteFieldPublicKey::from_spki(&bytes[..end]).is_err());
            }
        }
    }

    #[test]
    fn others_are_refused() {
        let without_order = FiniteFieldPublicKey { group: group(CryptographicAlgorithm::DSA, false, false), y: vec![1] };
        assert!(without_order.to_spki().is_err());
        let rsa = FiniteFieldPublicKey { group: group(CryptographicAlgorithm::RSA, true, false), y: vec![1] };
        assert!(rsa.to_spki().is_err());
        let pair =
            crate::generate_key_pair(&crate::SystemRandom::default(), CryptographicAlgorithm::ECDSA, Some(256), None).unwrap();
        let spki = pair.public.encode(kmip::enumerations::KeyFormatType::X_509).unwrap();
        assert!(FiniteFieldPublicKey::from_spki(&spki).is_err());
        let pkcs8 = pair.private.encode(kmip::enumerations::KeyFormatType::PKCS_8).unwrap();
        assert!(FiniteFieldPrivateKey::from_pkcs8(pkcs8.expose()).is_err());
    }
}
