//! Get: returns an object.
//!
//! See 1.4, section 4.11; 2.1, section 6.1.19.

use crate::enumerations::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType};
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::object::ManagedObject;
use crate::structures::KeyWrappingSpecification;

structure! {
    /// The request payload of Get.
    #[derive(Clone)]
    pub struct GetRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        KeyFormatType => key_format_type: Option<KeyFormatType>, V1_0..;
        KeyWrapType => key_wrap_type: Option<KeyWrapType>, V1_4..;
        KeyCompressionType => key_compression_type: Option<KeyCompressionType>, V1_0..;
        KeyWrappingSpecification => key_wrapping_specification: Option<KeyWrappingSpecification>, V1_0..;
    }
}

structure! {
    /// The response payload of Get.
    #[derive(Clone)]
    pub struct GetResponse {
        ObjectType => object_type: ObjectType, V1_0..;
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        AnyManagedObject => object: ManagedObject, V1_0..;
    }
}
