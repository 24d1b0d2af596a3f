//! Export: returns an object with all its attributes.
//!
//! See 1.4, section 4.40; 2.1, section 6.1.18.

use crate::attribute::Attributes;
use crate::enumerations::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType};
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::object::ManagedObject;
use crate::structures::KeyWrappingSpecification;

structure! {
    /// The request payload of Export.
    #[derive(Clone)]
    pub struct ExportRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_4..;
        KeyFormatType => key_format_type: Option<KeyFormatType>, V1_4..;
        KeyWrapType => key_wrap_type: Option<KeyWrapType>, V1_4..;
        KeyCompressionType => key_compression_type: Option<KeyCompressionType>, V1_4..;
        KeyWrappingSpecification => key_wrapping_specification: Option<KeyWrappingSpecification>, V1_4..;
    }
}

structure! {
    /// The response payload of Export.
    #[derive(Clone)]
    pub struct ExportResponse {
        ObjectType => object_type: ObjectType, V1_4..;
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_4..;
        Attribute / Attributes => attributes: Attributes, V1_4..;
        /// None of a destroyed object.
        AnyManagedObject => object: Option<ManagedObject>, V1_4..;
    }
}
