//! Delegated Login: obtains a ticket for somebody else.
//!
//! See 2.1, section 6.1.12.

use crate::credential::Ticket;
use crate::payload::login::TicketLease;
use crate::structures::{Rights, UsageLimits};

structure! {
    /// The request payload of Delegated Login.
    #[derive(Clone)]
    pub struct DelegatedLoginRequest {
        LeaseTime => lease_time: Option<TicketLease>, V2_0..;
        RequestCount => request_count: Option<i32>, V2_0..;
        UsageLimits => usage_limits: Option<UsageLimits>, V2_0..;
        Rights => rights: Rights, V2_0..;
    }
}

structure! {
    /// The response payload of Delegated Login.
    #[derive(Clone)]
    pub struct DelegatedLoginResponse {
        Ticket => ticket: Ticket, V2_0..;
    }
}
