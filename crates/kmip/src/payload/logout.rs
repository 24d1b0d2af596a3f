//! Logout: gives a ticket back.
//!
//! See 2.1, section 6.1.31.

use crate::credential::Ticket;

structure! {
    /// The request payload of Logout.
    #[derive(Clone)]
    pub struct LogoutRequest {
        Ticket => ticket: Ticket, V2_0..;
    }
}

structure! {
    /// The response payload of Logout. It is empty.
    #[derive(Clone, Default)]
    pub struct LogoutResponse {}
}
