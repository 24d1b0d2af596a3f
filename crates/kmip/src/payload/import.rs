//! Import: stores an object with all its attributes, its identifier among them.
//!
//! See 1.4, section 4.41; 2.1, section 6.1.25.

use crate::attribute::Attributes;
use crate::enumerations::{KeyWrapType, ObjectType};
use crate::identifier::UniqueIdentifier;
use crate::object::ManagedObject;

structure! {
    /// The request payload of Import.
    #[derive(Clone)]
    pub struct ImportRequest {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_4..;
        /// Required since 2.0.
        ObjectType => object_type: Option<ObjectType>, V2_0..;
        ReplaceExisting => replace_existing: Option<bool>, V1_4..;
        KeyWrapType => key_wrap_type: Option<KeyWrapType>, V1_4..;
        Attribute / Attributes => attributes: Attributes, V1_4..;
        AnyManagedObject => object: ManagedObject, V1_4..;
    }
}

structure! {
    /// The response payload of Import.
    #[derive(Clone)]
    pub struct ImportResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_4..;
    }
}
