//! Key agreement (ECDH, X25519) and encapsulation (ML-KEM).

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, UnparsedPublicKey, X25519};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey};
use kmip::Secret;
use kmip::enumerations::RecommendedCurve;

use crate::curve::CurveRow;
use crate::error::CryptoError;
use crate::octet_key::OctetScheme;
use crate::private_key::{self, PrivateKey};
use crate::public_key::{self, PublicKey};

/// The secret that two parties have in common: of ECDH the x coordinate, as long as a coordinate of the curve (SP 800-56A, section
/// 5.7.1.2), of X25519 the 32 bytes of RFC 7748.
///
/// # Errors
/// Keys of different curves or of none, curves that are not offered; [`CryptoError::Refused`] for a public key that is no point of
/// the curve or one that would make the secret known.
pub fn agree(key: &PrivateKey, peer: &PublicKey) -> Result<Secret, CryptoError> {
    match (&key.0, &peer.0) {
        (private_key::Kind::Ec { curve, scalar, .. }, public_key::Kind::Ec { curve: of_peer, point }) => {
            if curve != of_peer {
                return Err(CryptoError::BadParameters("the two keys are of different curves".to_owned()));
            }
            ecdh(curve, scalar, point)
        }
        (private_key::Kind::Octets(own), public_key::Kind::Octets { row, bytes }) if own.row == *row => match row.scheme {
            OctetScheme::X25519 => aws_lc_agree(&X25519, own.seed()?.expose(), bytes),
            _ => Err(not_for_agreement()),
        },
        _ => Err(not_for_agreement()),
    }
}

fn not_for_agreement() -> CryptoError {
    CryptoError::BadParameters("a secret is agreed on with two elliptic-curve keys of the same curve".to_owned())
}

fn ecdh(curve: &CurveRow, scalar: &Secret, point: &[u8]) -> Result<Secret, CryptoError> {
    match curve.curve {
        RecommendedCurve::P_256 => aws_lc_agree(&ECDH_P256, scalar.expose(), point),
        RecommendedCurve::P_384 => aws_lc_agree(&ECDH_P384, scalar.expose(), point),
        RecommendedCurve::P_521 => aws_lc_agree(&ECDH_P521, scalar.expose(), point),
        RecommendedCurve::SECP256K1 => {
            // aws-lc-rs signs on this curve, but agrees on nothing. k256 multiplies in a time that depends on no bit of the private
            // number, and its field has no branches; that the point is on the curve is checked when it is read.
            let own = k256::SecretKey::from_slice(scalar.expose())
                .map_err(|error| CryptoError::invalid_key("elliptic-curve private key", error))?;
            let peer = k256::PublicKey::from_sec1_bytes(point).map_err(|_| CryptoError::Refused)?;
            let secret = k256::ecdh::diffie_hellman(own.to_nonzero_scalar(), peer.as_affine());
            Ok(Secret::from_slice(secret.raw_secret_bytes()))
        }
        other => Err(CryptoError::UnsupportedCurve(other)),
    }
}

fn aws_lc_agree(algorithm: &'static agreement::Algorithm, scalar: &[u8], point: &[u8]) -> Result<Secret, CryptoError> {
    let own = agreement::PrivateKey::from_private_key(algorithm, scalar)
        .map_err(|error| CryptoError::invalid_key("private key", error))?;
    let peer = UnparsedPublicKey::new(algorithm, point);
    agreement::agree(&own, peer, CryptoError::Refused, |secret| Ok(Secret::from_slice(secret)))
}

/// Makes a secret that only the owner of the private key can have, too: the ciphertext to be sent to them, and the secret.
///
/// # Errors
/// A key that is not ML-KEM, or is none.
pub fn encapsulate(key: &PublicKey) -> Result<(Vec<u8>, Secret), CryptoError> {
    let public_key::Kind::Octets { row, bytes } = &key.0 else { return Err(not_mlkem()) };
    let OctetScheme::MlKem(algorithm) = row.scheme else { return Err(not_mlkem()) };
    let key = EncapsulationKey::new(algorithm, bytes).map_err(|error| CryptoError::invalid_key(row.name, error))?;
    let (ciphertext, secret) = key.encapsulate().map_err(|_| CryptoError::invalid_key(row.name, "not a key"))?;
    Ok((ciphertext.as_ref().to_vec(), Secret::from_slice(secret.as_ref())))
}

/// The secret of a ciphertext. One that was changed on its way gives another secret, and no error (FIPS 203, section 6.3).
///
/// # Errors
/// A key that is not ML-KEM, or of which there is the seed only; [`CryptoError::Refused`] for a ciphertext of another length.
pub fn decapsulate(key: &PrivateKey, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
    let private_key::Kind::Octets(key) = &key.0 else { return Err(not_mlkem()) };
    let OctetScheme::MlKem(algorithm) = key.row.scheme else { return Err(not_mlkem()) };
    let own = DecapsulationKey::new(algorithm, key.expanded()?.expose())
        .map_err(|error| CryptoError::invalid_key(key.row.name, error))?;
    let secret = own.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| CryptoError::Refused)?;
    Ok(Secret::from_slice(secret.as_ref()))
}

fn not_mlkem() -> CryptoError {
    CryptoError::BadParameters("only ML-KEM keys encapsulate and decapsulate".to_owned())
}
