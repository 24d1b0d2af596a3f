//! Hash: the digest of data (2.1, section 6.1.24). No key is used, so that nothing is recorded but that it was done.

use kmip::Secret;
use kmip::codec::ByteString;
use kmip::enumerations::DataEnumeration;
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::hash::{HashRequest, HashResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::error::{Error, Result};
use crate::object::StoredObject;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::Use;

pub(crate) struct Hash;

impl Service for Hash {
    type Request = HashRequest;
    type Response = HashResponse;
    type State = crypto::Hasher;

    const OPERATION: Code = Code::Hash;
    const PERMISSION: Permission = Permission::Hash;
    const USE: Option<Use> = None;
    const RESULT: Option<DataEnumeration> = Some(DataEnumeration::Hash);

    fn part(request: &HashRequest) -> Part<'_> {
        Part {
            unique_identifier: None,
            cryptographic_parameters: Some(&request.cryptographic_parameters),
            data: request.data.as_ref(),
            digested_data: None,
            additional_data: None,
            correlation_value: request.correlation_value.as_ref(),
            init_indicator: request.init_indicator,
            final_indicator: request.final_indicator,
        }
    }

    fn begin(
        _: &HashRequest,
        _: Option<&StoredObject>,
        parameters: CryptographicParameters,
        _: &Material<'_>,
    ) -> Result<crypto::Hasher> {
        let missing = || Error::new(ResultReason::InvalidField, "The Cryptographic Parameters name no Hashing Algorithm");
        // Of the reasons that Hash has (section 6.1.24.1), this one is nearest.
        let unknown = |error: crypto::CryptoError| Error::new(ResultReason::InvalidField, error.to_string());
        crypto::Hasher::new(parameters.hashing_algorithm.ok_or_else(missing)?).map_err(unknown)
    }

    fn update(state: &mut crypto::Hasher, _: &HashRequest, data: &[u8]) -> Result<Output> {
        state.update(data);
        Ok(Output::default())
    }

    fn finish(state: crypto::Hasher, _: &HashRequest, _: &Material<'_>) -> Result<Output> {
        Ok(Output::of(Secret::new(state.finish())))
    }

    fn response(_: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> HashResponse {
        HashResponse { data: output.data(), correlation_value }
    }
}
