//! Revoke: revokes an object.
//!
//! See 1.4, section 4.20; 2.1, section 6.1.44.

use crate::codec::DateTime;
use crate::identifier::{ObjectReference, UniqueIdentifier};
use crate::structures::RevocationReason;

structure! {
    /// The request payload of Revoke.
    #[derive(Clone)]
    pub struct RevokeRequest {
        /// The object; the ID Placeholder if it is left out, which 3.0 does not allow.
        UniqueIdentifier => unique_identifier: Option<ObjectReference>, V1_0..;
        /// Required up to 2.1.
        RevocationReason => revocation_reason: Option<RevocationReason>, V1_0..;
        CompromiseOccurrenceDate => compromise_occurrence_date: Option<DateTime>, V1_0..;
    }
}

structure! {
    /// The response payload of Revoke.
    #[derive(Clone)]
    pub struct RevokeResponse {
        UniqueIdentifier => unique_identifier: UniqueIdentifier, V1_0..;
    }
}
