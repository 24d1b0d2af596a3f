//! MAC Verify: whether a message authentication code is the one of data (2.1, section 6.1.33).
//!
//! In a stream the code comes with any of the parts; the last one given counts. It is compared in constant time.

use kmip::codec::ByteString;
use kmip::enumerations::DataEnumeration;
use kmip::identifier::UniqueIdentifier;
use kmip::operation::Operation as Code;
use kmip::payload::mac_verify::{MACVerifyRequest, MACVerifyResponse};
use kmip::result_reason::ResultReason;
use kmip::structures::CryptographicParameters;
use policy::Permission;

use crate::error::{Error, Result};
use crate::mac;
use crate::object::StoredObject;
use crate::operation::Material;
use crate::service::{Output, Part, Service};
use crate::signature_verify::validity;
use crate::use_of_key::Use;

pub(crate) struct MACVerify;

/// A comparison that has begun.
pub(crate) struct Comparison {
    mac: crypto::Mac,
    expected: Option<ByteString>,
}

impl Service for MACVerify {
    type Request = MACVerifyRequest;
    type Response = MACVerifyResponse;
    type State = Comparison;

    const OPERATION: Code = Code::MACVerify;
    const PERMISSION: Permission = Permission::MACVerify;
    const USE: Option<Use> = Some(Use::MACVerify);
    const RESULT: Option<DataEnumeration> = None;

    fn part(request: &MACVerifyRequest) -> Part<'_> {
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
        request: &MACVerifyRequest,
        key: Option<&StoredObject>,
        parameters: CryptographicParameters,
        _: &Material<'_>,
    ) -> Result<Comparison> {
        Ok(Comparison { mac: mac::begin(key, &parameters)?, expected: request.mac_data.clone() })
    }

    fn update(state: &mut Comparison, request: &MACVerifyRequest, data: &[u8]) -> Result<Output> {
        if let Some(expected) = &request.mac_data {
            state.expected = Some(expected.clone());
        }
        state.mac.update(data);
        Ok(Output::default())
    }

    fn finish(state: Comparison, request: &MACVerifyRequest, _: &Material<'_>) -> Result<Output> {
        let missing = || Error::new(ResultReason::InvalidMessage, "MAC Data is missing");
        let expected = request.mac_data.as_ref().or(state.expected.as_ref()).ok_or_else(missing)?;
        let is_valid = state.mac.verify(&expected.0);
        Ok(Output { is_valid: Some(is_valid), ..Output::default() })
    }

    fn held(state: &Comparison) -> usize {
        state.expected.as_ref().map_or(0, |expected| expected.0.len())
    }

    fn response(key: UniqueIdentifier, output: &Output, correlation_value: Option<ByteString>) -> MACVerifyResponse {
        MACVerifyResponse { unique_identifier: key, validity_indicator: output.is_valid.map(validity), correlation_value }
    }
}
