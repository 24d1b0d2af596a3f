//! MAC: a message authentication code of data (2.1, section 6.1.32).

use crypto::CryptoError;
use kmip::Secret;
use kmip::codec::ByteString;
use kmip::enumerations::DataEnumeration;
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::mac::{MACRequest, MACResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::error::{Error, Result};
use crate::key_material;
use crate::object::StoredObject;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::use_of_key::Use;

#[allow(clippy::upper_case_acronyms)] // The standard spells it so.
pub(crate) struct MAC;

impl Service for MAC {
    type Request = MACRequest;
    type Response = MACResponse;
    type State = crypto::Mac;

    const OPERATION: Code = Code::MAC;
    const PERMISSION: Permission = Permission::MAC;
    const USE: Option<Use> = Some(Use::MAC);
    const RESULT: Option<DataEnumeration> = Some(DataEnumeration::MACMACData);

    fn part(request: &MACRequest) -> Part<'_> {
        Part {
            unique_identifier: request.unique_identifier.as_ref(),
            cryptographic_parameters: request.cryptographic_parameters.as_ref(),
            data: request.data.as_ref(),
            digested_data: None,
            additional_data: None,
            correlation_value: request.correlation_value.as_ref(),
            init_indicator: request.init_indicator,
            final_indicator: request.final_indicator,
        }
    }

    fn begin(
        _: &MACRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        _: &Material<'_>,
    ) -> Result<crypto::Mac> {
        begin(key, &parameters)
    }

    fn update(state: &mut crypto::Mac, _: &MACRequest, data: &[u8]) -> Result<Output> {
        state.update(data);
        Ok(Output::default())
    }

    fn finish(state: crypto::Mac, _: &MACRequest, _: &Material<'_>) -> Result<Output> {
        Ok(Output::of(Secret::new(state.finish())))
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> MACResponse {
        MACResponse { unique_identifier: key, mac_data: output.bytes(), correlation_value }
    }
}

/// Begins a code, to be given out or compared.
pub(crate) fn begin(key: Option<&StoredObject>, parameters: &CryptographicParameters) -> Result<crypto::Mac> {
    let key = key_material::symmetric(key.ok_or_else(Error::object_not_found)?)?;
    crypto::Mac::new(parameters, key.expose()).map_err(|error| match error {
        // The key does not fit the cipher that the parameters name.
        CryptoError::InvalidSize { .. } => Error::new(ResultReason::BadCryptographicParameters, error.to_string()),
        error => Error::from(error).parameters_are_bad(),
    })
}
