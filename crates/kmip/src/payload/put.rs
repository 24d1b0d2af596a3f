//! Put: brings an object to a client.
//!
//! See 1.4, section 5.2; 2.1, section 6.2.3.

use crate::attribute::Attributes;
use crate::enumerations::PutFunction;
use crate::identifier::UniqueIdentifier;
use crate::object::ManagedObject;

structure! {
    /// The request payload of Put.
    #[derive(Clone)]
    pub struct PutRequest {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
        PutFunction => put_function: PutFunction, V1_0..;
        ReplacedUniqueIdentifier => replaced_unique_identifier: Option<UniqueIdentifier>, V1_0..;
        AnyManagedObject => object: ManagedObject, V1_0..;
        Attribute / Attributes => attributes: Option<Attributes>, V1_0..;
    }
}

structure! {
    /// The response payload of Put. It is empty.
    #[derive(Clone, Default)]
    pub struct PutResponse {}
}
