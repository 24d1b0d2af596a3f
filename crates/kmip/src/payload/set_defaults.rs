//! Set Defaults: sets the attributes that new objects get.
//!
//! See 2.1, section 6.1.53.

use crate::structures::DefaultsInformation;

structure! {
    /// The request payload of Set Defaults.
    #[derive(Clone)]
    pub struct SetDefaultsRequest {
        DefaultsInformation => defaults_information: Option<DefaultsInformation>, V2_1..;
    }
}

structure! {
    /// The response payload of Set Defaults. It is empty.
    #[derive(Clone, Default)]
    pub struct SetDefaultsResponse {}
}
