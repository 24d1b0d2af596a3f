//! A TPM 2.0 in software, as far as it quotes: it makes the bytes that TPM2_Quote answers, and signs them.

use crypto::{KeyPair, Signer, SystemRandom};
use kmip::enumerations::{
    CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, KeyFormatType, PaddingMethod, RecommendedCurve,
};
use kmip::structures::CryptographicParameters;

/// How quotes are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Rsassa,
    Rsapss,
    Ecdsa,
}

/// An attestation key.
pub(crate) struct Maker {
    pub(crate) scheme: Scheme,
    pair: KeyPair,
}

/// A register by its number, and its value.
pub(crate) type Register = (u8, Vec<u8>);

/// The value that a register has unless a test says otherwise.
pub(crate) fn value(bank: HashingAlgorithm, number: u8) -> Vec<u8> {
    crypto::digest(bank, &[number]).unwrap()
}

impl Maker {
    pub(crate) fn ecdsa() -> Self {
        Self::new(Scheme::Ecdsa)
    }

    pub(crate) fn new(scheme: Scheme) -> Self {
        let random = SystemRandom::default();
        let pair = match scheme {
            Scheme::Ecdsa => {
                crypto::generate_key_pair(&random, CryptographicAlgorithm::ECDSA, None, Some(RecommendedCurve::P_256))
            }
            Scheme::Rsassa | Scheme::Rsapss => crypto::generate_key_pair(&random, CryptographicAlgorithm::RSA, Some(2_048), None),
        };
        Self { scheme, pair: pair.unwrap() }
    }

    #[allow(dead_code, reason = "one of the two that include this file needs it")]
    pub(crate) fn public(&self) -> crypto::PublicKey {
        self.pair.public.clone()
    }

    /// As a file of attestation.toml has it.
    pub(crate) fn public_pem(&self) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let der = self.pair.public.encode(KeyFormatType::X_509).unwrap();
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in der.chunks(48) {
            for bytes in line.chunks(3) {
                let number = bytes.iter().chain(&[0; 2]).take(3).fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
                for at in 0..4 {
                    let letter = if at > bytes.len() { '=' } else { char::from(LETTERS[number >> (18 - 6 * at) & 63]) };
                    pem.push(letter);
                }
            }
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    /// A quote of registers with their usual values.
    pub(crate) fn quote(&self, nonce: &[u8], selection: &[(HashingAlgorithm, &[u8])]) -> Vec<u8> {
        let values: Vec<(HashingAlgorithm, Vec<Register>)> = selection
            .iter()
            .map(|(bank, numbers)| (*bank, numbers.iter().map(|number| (*number, value(*bank, *number))).collect()))
            .collect();
        let values: Vec<(HashingAlgorithm, &[Register])> =
            values.iter().map(|(bank, values)| (*bank, values.as_slice())).collect();
        self.quote_of(nonce, &values)
    }

    /// A quote of registers with these values.
    pub(crate) fn quote_of(&self, nonce: &[u8], selection: &[(HashingAlgorithm, &[Register])]) -> Vec<u8> {
        let mut attest = Vec::new();
        attest.extend(0xFF54_4347_u32.to_be_bytes());
        attest.extend(0x8018_u16.to_be_bytes());
        attest.extend(sized(&[&[0, 0x0B][..], &[7; 32]].concat()));
        attest.extend(sized(nonce));
        // The clock, and the version of the firmware.
        attest.extend([0x11; 25]);
        attest.extend(u32::try_from(selection.len()).unwrap().to_be_bytes());
        let mut values = Vec::new();
        for (bank, registers) in selection {
            attest.extend(number(*bank).to_be_bytes());
            let mut bits = [0_u8; 3];
            for (register, value) in *registers {
                bits[usize::from(register / 8)] |= 1 << (register % 8);
                values.extend_from_slice(value);
            }
            attest.push(3);
            attest.extend(bits);
        }
        attest.extend(sized(&crypto::digest(HashingAlgorithm::SHA_256, &values).unwrap()));
        [sized(&attest), self.sign(&attest)].concat()
    }

    /// TPMT_SIGNATURE.
    fn sign(&self, attest: &[u8]) -> Vec<u8> {
        let mut parameters =
            CryptographicParameters { hashing_algorithm: Some(HashingAlgorithm::SHA_256), ..CryptographicParameters::default() };
        match self.scheme {
            Scheme::Rsassa => parameters.padding_method = Some(PaddingMethod::PKCS1V1_5),
            Scheme::Rsapss => parameters.digital_signature_algorithm = Some(DigitalSignatureAlgorithm::RSASSA_PSS),
            Scheme::Ecdsa => {}
        }
        let mut signer = Signer::new(&parameters, &self.pair.private).unwrap();
        signer.update(attest).unwrap();
        let signature = signer.finish(&SystemRandom::default()).unwrap();
        let (scheme, value) = match self.scheme {
            Scheme::Rsassa => (0x0014_u16, sized(&signature)),
            Scheme::Rsapss => (0x0016, sized(&signature)),
            Scheme::Ecdsa => {
                // A sequence of two numbers, all of them short.
                let (r, rest) = integer(&signature[2..]);
                let (s, _) = integer(rest);
                (0x0018, [sized(r), sized(s)].concat())
            }
        };
        [&scheme.to_be_bytes()[..], &number(HashingAlgorithm::SHA_256).to_be_bytes(), &value].concat()
    }
}

/// TPM_ALG_ID of a hash function.
fn number(hash: HashingAlgorithm) -> u16 {
    match hash {
        HashingAlgorithm::SHA_256 => 0x000B,
        HashingAlgorithm::SHA_384 => 0x000C,
        other => panic!("{other:?}"),
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// The bytes of a number of DER, as a TPM has them: 32 of them.
fn integer(der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], 2);
    let (number, rest) = der[2..].split_at(usize::from(der[1]));
    (number.strip_prefix(&[0]).unwrap_or(number), rest)
}
