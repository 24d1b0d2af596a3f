//! Discover Versions: asks which versions the other side speaks.
//!
//! See 1.4, section 4.26; 2.1, section 6.1.16.

use crate::message::VersionNumbers;

structure! {
    /// The request payload of Discover Versions.
    #[derive(Clone)]
    pub struct DiscoverVersionsRequest {
        /// The versions this side speaks, the preferred one first; none asks for all.
        ProtocolVersion => protocol_versions: Vec<VersionNumbers>, V1_1..;
    }
}

structure! {
    /// The response payload of Discover Versions.
    #[derive(Clone)]
    pub struct DiscoverVersionsResponse {
        ProtocolVersion => protocol_versions: Vec<VersionNumbers>, V1_1..;
    }
}
