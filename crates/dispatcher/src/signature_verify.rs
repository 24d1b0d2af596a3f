//! Signature Verify: whether a signature is the one of data, or of a digest that the client made (2.1, section 6.1.56).
//!
//! In a stream the signature comes with any of the parts; the last one given counts. A signature that is wrong, in whatever way, is an answer
//! and no failure: Validity Indicator Invalid.

use kmip::codec::ByteString;
use kmip::enumerations::{DataEnumeration, ValidityIndicator};
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::signature_verify::{SignatureVerifyRequest, SignatureVerifyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::Use;

pub(crate) struct SignatureVerify;

/// A verification that has begun.
pub(crate) struct Verification {
    of: Of,
    signature: Option<ByteString>,
}

enum Of {
    Message(Box<crypto::Verifier>),
    Digest { parameters: CryptographicParameters, key: Box<crypto::PublicKey>, digest: Vec<u8> },
}

impl Service for SignatureVerify {
    type Request = SignatureVerifyRequest;
    type Response = SignatureVerifyResponse;
    type State = Verification;

    const OPERATION: Code = Code::SignatureVerify;
    const PERMISSION: Permission = Permission::SignatureVerify;
    const USE: Option<Use> = Some(Use::SignatureVerify);
    // No signature here gives back what was signed.
    const RESULT: Option<DataEnumeration> = None;

    fn part(request: &SignatureVerifyRequest) -> Part<'_> {
        Part {
            unique_identifier: request.unique_identifier.as_ref(),
            cryptographic_parameters: request.cryptographic_parameters.as_ref(),
            data: request.data.as_ref(),
            digested_data: request.digested_data.as_ref(),
            additional_data: None,
            correlation_value: request.correlation_value.as_ref(),
            init_indicator: request.init_indicator,
            final_indicator: request.final_indicator,
        }
    }

    fn begin(
        request: &SignatureVerifyRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        _: &Material<'_>,
    ) -> Result<Verification> {
        let key = Box::new(key_material::public(key.ok_or_else(Error::object_not_found)?)?);
        let of = match &request.digested_data {
            Some(ByteString(digest)) => Of::Digest { parameters, key, digest: digest.clone() },
            None => Of::Message(Box::new(crypto::Verifier::new(&parameters, &key)?)),
        };
        Ok(Verification { of, signature: request.signature_data.clone() })
    }

    fn update(state: &mut Verification, request: &SignatureVerifyRequest, data: &[u8]) -> Result<Output> {
        if let Some(signature) = &request.signature_data {
            state.signature = Some(signature.clone());
        }
        if let Of::Message(verifier) = &mut state.of {
            verifier.update(data)?;
        }
        Ok(Output::default())
    }

    fn finish(state: Verification, request: &SignatureVerifyRequest, _: &Material<'_>) -> Result<Output> {
        let signature = request.signature_data.as_ref().or(state.signature.as_ref());
        let missing = || Error::new(ResultReason::InvalidMessage, "Signature Data is missing");
        let signature = &signature.ok_or_else(missing)?.0;
        let is_valid = match state.of {
            Of::Message(verifier) => verifier.verify(signature),
            Of::Digest { parameters, key, digest } => crypto::verify_digest(&parameters, &key, &digest, signature)?,
        };
        Ok(Output { is_valid: Some(is_valid), ..Output::default() })
    }

    fn held(state: &Verification) -> usize {
        let message = match &state.of {
            Of::Message(verifier) => verifier.held(),
            Of::Digest { digest, .. } => digest.len(),
        };
        message + state.signature.as_ref().map_or(0, |signature| signature.0.len())
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> SignatureVerifyResponse {
        SignatureVerifyResponse {
            unique_identifier: key,
            validity_indicator: output.is_valid.map(validity),
            data: None,
            correlation_value,
        }
    }
}

/// How the standard says whether something is right.
pub(crate) const fn validity(is_valid: bool) -> ValidityIndicator {
    if is_valid { ValidityIndicator::Valid } else { ValidityIndicator::Invalid }
}
