//! PKCS#11: calls a PKCS#11 function.
//!
//! See 2.1, section 6.1.37.

use crate::codec::ByteString;
use crate::enumerations::{PKCS_11Function, PKCS_11ReturnCode};
use crate::secret::Secret;

structure! {
    /// The request payload of PKCS#11.
    #[derive(Clone)]
    pub struct PKCS11Request {
        PKCS_11Interface => pkcs_11_interface: Option<String>, V2_0..;
        PKCS_11Function => pkcs_11_function: PKCS_11Function, V2_0..;
        CorrelationValue => correlation_value: Option<ByteString>, V2_0..;
        /// May hold a PIN or key material.
        PKCS_11InputParameters => pkcs_11_input_parameters: Option<Secret>, V2_0..;
    }
}

structure! {
    /// The response payload of PKCS#11.
    #[derive(Clone)]
    pub struct PKCS11Response {
        PKCS_11Interface => pkcs_11_interface: Option<String>, V2_0..;
        PKCS_11Function => pkcs_11_function: PKCS_11Function, V2_0..;
        CorrelationValue => correlation_value: Option<ByteString>, V2_0..;
        PKCS_11OutputParameters => pkcs_11_output_parameters: Option<Secret>, V2_0..;
        PKCS_11ReturnCode => pkcs_11_return_code: PKCS_11ReturnCode, V2_0..;
    }
}
