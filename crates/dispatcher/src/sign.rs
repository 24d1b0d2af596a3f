//! Sign: a signature of data, or of the digest of data that the client made (2.1, section 6.1.55).

use kmip::Secret;
use kmip::codec::ByteString;
use kmip::enumerations::DataEnumeration;
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::sign::{SignRequest, SignResponse};
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::Use;

pub(crate) struct Sign;

/// A signature that has begun.
pub(crate) enum Signing {
    Message(Box<crypto::Signer>),
    Digest { parameters: CryptographicParameters, key: Box<crypto::PrivateKey>, digest: Vec<u8> },
}

impl Service for Sign {
    type Request = SignRequest;
    type Response = SignResponse;
    type State = Signing;

    const OPERATION: Code = Code::Sign;
    const PERMISSION: Permission = Permission::Sign;
    const USE: Option<Use> = Some(Use::Sign);
    const RESULT: Option<DataEnumeration> = Some(DataEnumeration::SignSignatureData);

    fn part(request: &SignRequest) -> Part<'_> {
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
        request: &SignRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        _: &Material<'_>,
    ) -> Result<Signing> {
        let key = Box::new(key_material::private(key.ok_or_else(Error::object_not_found)?)?);
        match &request.digested_data {
            Some(ByteString(digest)) => Ok(Signing::Digest { parameters, key, digest: digest.clone() }),
            None => Ok(Signing::Message(Box::new(crypto::Signer::new(&parameters, &key)?))),
        }
    }

    fn update(state: &mut Signing, _: &SignRequest, data: &[u8]) -> Result<Output> {
        if let Signing::Message(signer) = state {
            signer.update(data)?;
        }
        Ok(Output::default())
    }

    fn finish(state: Signing, _: &SignRequest, material: &Material<'_>) -> Result<Output> {
        let signature = match state {
            Signing::Message(signer) => signer.finish(material.random)?,
            Signing::Digest { parameters, key, digest } => crypto::sign_digest(&parameters, &key, &digest, material.random)?,
        };
        Ok(Output::of(Secret::new(signature)))
    }

    fn held(state: &Signing) -> usize {
        match state {
            Signing::Message(signer) => signer.held(),
            Signing::Digest { digest, .. } => digest.len(),
        }
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> SignResponse {
        SignResponse { unique_identifier: key, signature_data: output.bytes(), correlation_value }
    }
}
