//! Locate: finds objects by their attributes.
//!
//! See 1.4, section 4.9; 2.1, section 6.1.28.

use crate::attribute::{AttributeFilters, TemplateAttribute};
use crate::enumerations::ObjectGroupMember;
use crate::identifier::UniqueIdentifier;
use crate::masks::{ObjectClassMask, StorageStatusMask};

structure! {
    /// The request payload of Locate.
    #[derive(Clone)]
    pub struct LocateRequest {
        MaximumItems => maximum_items: Option<i32>, V1_0..;
        OffsetItems => offset_items: Option<i32>, V1_3..;
        StorageStatusMask => storage_status_mask: Option<StorageStatusMask>, V1_0..;
        ObjectGroupMember => object_group_member: Option<ObjectGroupMember>, V1_1..V3_0;
        ObjectClassMask => object_class_mask: Option<ObjectClassMask>, V3_0..;
        /// All of these the objects must have.
        Attribute / Attributes => attributes: AttributeFilters, V1_0..;
        /// Not in the standard: some clients of 1.x wrap the attributes.
        TemplateAttribute => template_attribute: Option<TemplateAttribute>, V1_0..V2_0;
    }
}

structure! {
    /// The response payload of Locate.
    #[derive(Clone)]
    pub struct LocateResponse {
        /// How many objects there are in all, whatever the limits in the request.
        LocatedItems => located_items: Option<i32>, V1_3..;
        UniqueIdentifier => unique_identifiers: Vec<UniqueIdentifier>, V1_0..;
    }
}
