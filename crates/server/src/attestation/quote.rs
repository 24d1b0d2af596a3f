//! Quotes of a TPM 2.0: what they say, and whether a key signed them (TPM 2.0 Library, part 2).
//!
//! An Attestation Measurement of the type TPM Quote is what the command TPM2_Quote answers: a TPM2B_ATTEST with the quote, and a TPMT_SIGNATURE over it.
//! All numbers have their most significant byte first. Nothing is allocated by a number in the bytes: what can be long has a bound, and
//! is borrowed.

use crypto::{PublicKey, Verifier};
use kmip::enumerations::{DigitalSignatureAlgorithm, HashingAlgorithm, PaddingMethod};
use kmip::structures::CryptographicParameters;

/// Bytes of a measurement: the longest quote has some 400, and a signature of RSA 8192 has 1,024.
pub(crate) const MEASUREMENT_MAX: usize = 4_096;

/// TPM_GENERATED_VALUE: what a restricted key signs begins with it only if the TPM made it.
const GENERATED: u32 = 0xFF54_4347;
/// TPM_ST_ATTEST_QUOTE.
const QUOTE: u16 = 0x8018;
/// Bytes of a TPM2B_NAME and of a TPM2B_DATA: the number of a hash function, and its longest digest.
const NAME_MAX: usize = 2 + DIGEST_MAX;
/// Bytes of a TPM2B_DIGEST.
const DIGEST_MAX: usize = 64;
/// Bytes of a signature of RSA, or of one number of a signature of ECDSA.
const RSA_MAX: usize = 1_024;
const ECC_PARAMETER_MAX: usize = 66;
/// Bytes of a TPMS_CLOCK_INFO, and of the version of the firmware behind it.
const CLOCK_AND_FIRMWARE: usize = 17 + 8;
/// Banks in one selection.
const BANKS_MAX: usize = 16;
/// Bytes of the bits that select registers of a bank: 32 registers.
const SELECT_MAX: usize = 4;

/// TPM_ALG_ID of the signature schemes.
const RSASSA: u16 = 0x0014;
const RSAPSS: u16 = 0x0016;
const ECDSA: u16 = 0x0018;

/// TPM_ALG_ID of the hash functions that are accepted, for registers and for signatures. SHA-1 is not.
const HASHES: [(u16, HashingAlgorithm); 6] = [
    (0x000B, HashingAlgorithm::SHA_256),
    (0x000C, HashingAlgorithm::SHA_384),
    (0x000D, HashingAlgorithm::SHA_512),
    (0x0027, HashingAlgorithm::SHA3_256),
    (0x0028, HashingAlgorithm::SHA3_384),
    (0x0029, HashingAlgorithm::SHA3_512),
];

/// Whether registers of a bank of this hash function can be quoted.
pub(crate) fn is_bank(hash: HashingAlgorithm) -> bool {
    HASHES.iter().any(|(_, known)| *known == hash)
}

/// Why bytes are no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(&'static str);

/// A quote, and its signature.
#[derive(Debug)]
pub(crate) struct Quote<'a> {
    /// What is signed: the TPMS_ATTEST.
    signed: &'a [u8],
    /// What the quote was asked for with: extraData.
    pub(crate) nonce: &'a [u8],
    /// The registers, in their order.
    pub(crate) registers: Vec<Register>,
    /// The digest of their values in this order, by the hash function of the signature.
    pub(crate) digest: &'a [u8],
    signature: Signature<'a>,
}

/// A platform configuration register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Register {
    /// The bank, by its hash function.
    pub(crate) bank: HashingAlgorithm,
    /// Its number.
    pub(crate) number: u8,
}

#[derive(Debug)]
struct Signature<'a> {
    hash: HashingAlgorithm,
    value: SignatureValue<'a>,
}

#[derive(Debug)]
enum SignatureValue<'a> {
    Rsa { padding: PaddingMethod, bytes: &'a [u8] },
    Ecdsa { r: &'a [u8], s: &'a [u8] },
}

impl<'a> Quote<'a> {
    /// Reads a measurement.
    ///
    /// # Errors
    /// Why it is no quote.
    pub(crate) fn read(measurement: &'a [u8]) -> Result<Self, Malformed> {
        if measurement.len() > MEASUREMENT_MAX {
            return Err(Malformed("it is too long"));
        }
        let mut reader = Reader(measurement);
        let signed = reader.sized(MEASUREMENT_MAX)?;
        let signature = Signature::read(&mut reader)?;
        reader.end()?;
        let mut reader = Reader(signed);
        if reader.u32()? != GENERATED {
            return Err(Malformed("a TPM did not make it"));
        }
        if reader.u16()? != QUOTE {
            return Err(Malformed("it attests something else than registers"));
        }
        let _signer = reader.sized(NAME_MAX)?;
        let nonce = reader.sized(NAME_MAX)?;
        let _clock_and_firmware = reader.take(CLOCK_AND_FIRMWARE)?;
        let registers = registers(&mut reader)?;
        let digest = reader.sized(DIGEST_MAX)?;
        reader.end()?;
        Ok(Self { signed, nonce, registers, digest, signature })
    }

    /// The hash function of the signature, with which the digest was made, too.
    pub(crate) const fn hash(&self) -> HashingAlgorithm {
        self.signature.hash
    }

    /// Whether a key signed it.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let mut parameters =
            CryptographicParameters { hashing_algorithm: Some(self.signature.hash), ..CryptographicParameters::default() };
        let signature = match self.signature.value {
            SignatureValue::Rsa { padding, bytes } => {
                if key.rsa_components().is_none() {
                    return false;
                }
                parameters.padding_method = Some(padding);
                if padding == PaddingMethod::PSS {
                    parameters.digital_signature_algorithm = Some(DigitalSignatureAlgorithm::RSASSA_PSS);
                    // The mask is never made with another hash function.
                    parameters.mask_generator_hashing_algorithm = Some(self.signature.hash);
                }
                bytes.to_vec()
            }
            SignatureValue::Ecdsa { r, s } => {
                if key.point().is_none() {
                    return false;
                }
                ecdsa_der(r, s)
            }
        };
        let Ok(mut verifier) = Verifier::new(&parameters, key) else { return false };
        verifier.update(self.signed).is_ok() && verifier.verify(&signature)
    }
}

impl<'a> Signature<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let scheme = reader.u16()?;
        let hash = reader.hash()?;
        let value = match scheme {
            RSASSA => SignatureValue::Rsa { padding: PaddingMethod::PKCS1V1_5, bytes: reader.sized(RSA_MAX)? },
            RSAPSS => SignatureValue::Rsa { padding: PaddingMethod::PSS, bytes: reader.sized(RSA_MAX)? },
            ECDSA => {
                let r = reader.sized(ECC_PARAMETER_MAX)?;
                SignatureValue::Ecdsa { r, s: reader.sized(ECC_PARAMETER_MAX)? }
            }
            _ => return Err(Malformed("it is signed otherwise than with RSASSA, RSAPSS or ECDSA")),
        };
        Ok(Self { hash, value })
    }
}

/// TPML_PCR_SELECTION.
fn registers(reader: &mut Reader<'_>) -> Result<Vec<Register>, Malformed> {
    let count = reader.u32()?;
    let banks = usize::try_from(count).ok().filter(|banks| *banks <= BANKS_MAX);
    let mut registers = Vec::new();
    for _ in 0..banks.ok_or(Malformed("it selects registers of too many banks"))? {
        let bank = reader.hash()?;
        let bytes = usize::from(reader.u8()?);
        if bytes > SELECT_MAX {
            return Err(Malformed("it selects too many registers of a bank"));
        }
        for (at, bits) in (0_u8..).zip(reader.take(bytes)?) {
            registers.extend((0..8).filter(|bit| bits & 1 << bit != 0).map(|bit| Register { bank, number: 8 * at + bit }));
        }
    }
    Ok(registers)
}

/// What is left of some bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut number = [0; N];
        number.copy_from_slice(self.take(N)?);
        Ok(number)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.number().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.number().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.number().map(u32::from_be_bytes)
    }

    /// Bytes behind their number.
    fn sized(&mut self, most: usize) -> Result<&'a [u8], Malformed> {
        let count = usize::from(self.u16()?);
        if count > most {
            return Err(Malformed("a part of it is too long"));
        }
        self.take(count)
    }

    fn hash(&mut self) -> Result<HashingAlgorithm, Malformed> {
        let number = self.u16()?;
        let known = HASHES.iter().find(|(known, _)| *known == number);
        known.map(|(_, hash)| *hash).ok_or(Malformed("it uses a hash function that is not accepted"))
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("there are bytes behind its end")) }
    }
}

/// The two numbers of a signature of ECDSA as X9.62 has them: what the verifier takes.
fn ecdsa_der(r: &[u8], s: &[u8]) -> Vec<u8> {
    const INTEGER: u8 = 0x02;
    const SEQUENCE: u8 = 0x30;
    let element = |tag: u8, content: &[u8]| {
        // Two numbers of 66 bytes and their heads are fewer than 256 bytes.
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![tag];
        bytes.extend_from_slice(if length < 0x80 { &[] } else { &[0x81] });
        bytes.push(length);
        bytes.extend_from_slice(content);
        bytes
    };
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = &number[zeros..];
        // Positive: the highest bit is a sign.
        let is_short = number.first().is_some_and(|first| *first < 0x80);
        element(INTEGER, &if is_short { number.to_vec() } else { [&[0], number].concat() })
    };
    element(SEQUENCE, &[integer(r), integer(s)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::maker::{Maker, Scheme};

    #[test]
    fn what_a_quote_says_is_read() {
        let maker = Maker::ecdsa();
        let bytes = maker.quote(b"the nonce", &[(HashingAlgorithm::SHA_256, &[0, 7, 23]), (HashingAlgorithm::SHA_384, &[8])]);
        let quote = Quote::read(&bytes).unwrap();
        assert_eq!(quote.nonce, b"the nonce");
        let of = |bank, number| Register { bank, number };
        let sha_256 = HashingAlgorithm::SHA_256;
        assert_eq!(quote.registers, [of(sha_256, 0), of(sha_256, 7), of(sha_256, 23), of(HashingAlgorithm::SHA_384, 8)]);
        assert!(quote.is_signed_by(&maker.public()));
    }

    #[test]
    fn every_scheme_verifies_by_its_own_key_alone() {
        let schemes = [Scheme::Rsassa, Scheme::Rsapss, Scheme::Ecdsa];
        let makers: Vec<Maker> = schemes.into_iter().map(Maker::new).collect();
        let other = Maker::ecdsa();
        for maker in &makers {
            let bytes = maker.quote(b"nonce", &[(HashingAlgorithm::SHA_256, &[0])]);
            let quote = Quote::read(&bytes).unwrap();
            assert!(quote.is_signed_by(&maker.public()), "{:?}", maker.scheme);
            assert!(!quote.is_signed_by(&other.public()));
            let foreign = makers.iter().filter(|of| of.scheme != maker.scheme && of.public() != maker.public());
            assert!(foreign.into_iter().all(|of| !quote.is_signed_by(&of.public())), "{:?}", maker.scheme);
            // Any change of what is signed.
            for at in 2..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert!(!Quote::read(&changed).is_ok_and(|quote| quote.is_signed_by(&maker.public())), "{at}");
            }
        }
    }

    #[test]
    fn hostile_bytes_are_refused() {
        let bytes = Maker::ecdsa().quote(b"nonce", &[(HashingAlgorithm::SHA_256, &[0, 1])]);
        for length in 0..bytes.len() {
            assert!(Quote::read(&bytes[..length]).is_err(), "{length}");
        }
        assert_eq!(Quote::read(&[&bytes[..], &[0]].concat()).unwrap_err(), Malformed("there are bytes behind its end"));
        assert_eq!(Quote::read(&vec![0; MEASUREMENT_MAX + 1]).unwrap_err(), Malformed("it is too long"));
        // Each length and number as large as it can be written.
        for at in 0..bytes.len() {
            for count in [1, 2, 4] {
                let mut changed = bytes.clone();
                changed.iter_mut().skip(at).take(count).for_each(|byte| *byte = 0xFF);
                // It ends, without a panic; what is read of it is bounded.
                if let Ok(quote) = Quote::read(&changed) {
                    assert!(quote.registers.len() <= BANKS_MAX * SELECT_MAX * 8);
                }
            }
        }
    }

    #[test]
    fn numbers_of_ecdsa_are_positive_and_short() {
        assert_eq!(ecdsa_der(&[0, 0, 1], &[0x80]), [0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]);
        assert_eq!(ecdsa_der(&[], &[0]), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        let long = ecdsa_der(&[0xFF; 66], &[0xFF; 66]);
        assert_eq!(long[..3], [0x30, 0x81, 138]);
        assert_eq!(long.len(), 141);
    }
}
