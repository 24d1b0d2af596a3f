//! Defaults, constraints, rights and asynchronous requests.

use crate::attribute::Attributes;
use crate::codec::{ByteString, DateTimeExtended};
use crate::enumerations::{ObjectType, ProcessingStage};
use crate::identifier::ObjectReference;
use crate::masks::ProtectionStorageMask;
use crate::operation::Operation;
use crate::structures::UsageLimits;

structure! {
    /// Several asynchronous requests by name (2.1, section 7.1).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct AsynchronousCorrelationValues {
        AsynchronousCorrelationValue => asynchronous_correlation_values: Vec<ByteString>, V2_1..;
    }
}

structure! {
    /// A request that is answered later (2.1, section 7.2).
    #[derive(Clone, Eq, Hash)]
    pub struct AsynchronousRequest {
        AsynchronousCorrelationValue => asynchronous_correlation_value: ByteString, V2_1..;
        Operation => operation: Operation, V2_1..;
        SubmissionDate => submission_date: DateTimeExtended, V2_1..;
        ProcessingStage => processing_stage: ProcessingStage, V2_1..;
    }
}

structure! {
    /// What new objects of some types and groups must look like (2.1, section 7.6).
    #[derive(Clone, Default)]
    pub struct Constraint {
        ObjectTypes => object_types: Option<ObjectTypes>, V2_1..;
        ObjectGroups => object_groups: Option<ObjectGroups>, V2_1..;
        Attributes => attributes: Option<Attributes>, V2_1..;
    }
}

structure! {
    /// All constraints.
    #[derive(Clone, Default)]
    pub struct Constraints {
        Constraint => constraints: Vec<Constraint>, V2_1..;
    }
}

structure! {
    /// The attributes new objects get (2.1, section 7.11).
    #[derive(Clone, Default)]
    pub struct DefaultsInformation {
        ObjectDefaults => object_defaults: Vec<ObjectDefaults>, V2_0..;
    }
}

structure! {
    /// The attributes new objects of some types and groups get (2.1, section 7.22): one type, or since 2.1 several.
    #[derive(Clone)]
    pub struct ObjectDefaults {
        ObjectType => object_type: Option<ObjectType>, V2_0..;
        ObjectTypes => object_types: Option<ObjectTypes>, V2_1..;
        Attributes => attributes: Attributes, V2_0..;
        ObjectGroups => object_groups: Option<ObjectGroups>, V2_1..;
    }
}

structure! {
    /// Several groups: by name in 2.1, by link in 3.0.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct ObjectGroups {
        ObjectGroup => object_groups: Vec<String>, V2_1..V3_0;
        GroupLink => group_links: Vec<ObjectReference>, V3_0..;
    }
}

structure! {
    /// Several object types.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct ObjectTypes {
        ObjectType => object_types: Vec<ObjectType>, V2_1..;
    }
}

structure! {
    /// Several objects.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct Objects {
        UniqueIdentifier => unique_identifiers: Vec<ObjectReference>, V2_0..;
    }
}

structure! {
    /// Several operations.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct Operations {
        Operation => operations: Vec<Operation>, V2_0..;
    }
}

structure! {
    /// Several sets of places in which an object may be kept, the preferred one first.
    #[derive(Clone, Default, Eq, Hash)]
    pub struct ProtectionStorageMasks {
        ProtectionStorageMask => protection_storage_masks: Vec<ProtectionStorageMask>, V2_0..;
    }
}

structure! {
    /// What a ticket allows (2.1, section 7.34).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct Right {
        UsageLimits => usage_limits: Option<UsageLimits>, V2_0..;
        Operations => operations: Option<Operations>, V2_0..;
        Objects => objects: Option<Objects>, V2_0..;
        ObjectGroups => object_groups: Option<ObjectGroups>, V2_1..;
    }
}

structure! {
    /// All that a ticket allows (2.1, section 7.35).
    #[derive(Clone, Default, Eq, Hash)]
    pub struct Rights {
        Right => rights: Vec<Right>, V2_0..;
    }
}
