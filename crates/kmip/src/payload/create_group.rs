//! Create Group: makes a group.
//!
//! See 3.0, section 6.1.10.

use crate::attribute::Attributes;
use crate::identifier::UniqueIdentifier;

structure! {
    /// The request payload of Create Group.
    #[derive(Clone)]
    pub struct CreateGroupRequest {
        Attributes => attributes: Attributes, V3_0..;
    }
}

structure! {
    /// The response payload of Create Group.
    #[derive(Clone)]
    pub struct CreateGroupResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V3_0..;
    }
}
