//! Create User: makes a user.
//!
//! See 3.0, section 6.1.13.

use crate::attribute::Attributes;
use crate::identifier::UniqueIdentifier;

structure! {
    /// The request payload of Create User.
    #[derive(Clone)]
    pub struct CreateUserRequest {
        Attributes => attributes: Attributes, V3_0..;
    }
}

structure! {
    /// The response payload of Create User.
    #[derive(Clone)]
    pub struct CreateUserResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V3_0..;
    }
}
