//! Login: obtains a ticket.
//!
//! See 2.1, section 6.1.30.

use crate::codec::Interval;
use crate::credential::Ticket;
use crate::structures::UsageLimits;

structure! {
    /// The request payload of Login.
    #[derive(Clone)]
    pub struct LoginRequest {
        LeaseTime => lease_time: Option<Interval>, V2_0..;
        RequestCount => request_count: Option<i32>, V2_0..;
        UsageLimits => usage_limits: Option<UsageLimits>, V2_0..;
    }
}

structure! {
    /// The response payload of Login.
    #[derive(Clone)]
    pub struct LoginResponse {
        Ticket => ticket: Ticket, V2_0..;
    }
}
