//! Login: obtains a ticket.
//!
//! See 2.1, section 6.1.30.

use ttlv_codec::{Item, Tag, Writer};

use crate::codec::{DateTime, DecodeError, Interval, Result, Value};
use crate::credential::Ticket;
use crate::structures::UsageLimits;
use crate::version::ProtocolVersion;

/// How long a ticket is to be valid: for a time, or until a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketLease {
    /// For so long.
    Interval(Interval),
    /// Until then.
    DateTime(DateTime),
}

impl TicketLease {
    /// How many seconds that is from a moment on, in microseconds since 1970; 0 for a date that has passed.
    #[must_use]
    pub fn seconds_from(self, now_us: i64) -> u32 {
        match self {
            Self::Interval(Interval(seconds)) => seconds,
            Self::DateTime(DateTime(until)) => {
                let seconds = until.saturating_sub(now_us.div_euclid(1_000_000)).max(0);
                u32::try_from(seconds).unwrap_or(u32::MAX)
            }
        }
    }
}

impl Value for TicketLease {
    fn read(item: &Item<'_>, _version: ProtocolVersion) -> Result<Self> {
        match item.value {
            ttlv_codec::Value::Interval(seconds) => Ok(Self::Interval(Interval(seconds))),
            ttlv_codec::Value::DateTime(until) => Ok(Self::DateTime(DateTime(until))),
            _ => Err(DecodeError::wrong_type(item)),
        }
    }

    fn write(&self, writer: &mut Writer, tag: Tag, version: ProtocolVersion) {
        match self {
            Self::Interval(seconds) => seconds.write(writer, tag, version),
            Self::DateTime(until) => until.write(writer, tag, version),
        }
    }
}

structure! {
    /// The request payload of Login.
    #[derive(Clone)]
    pub struct LoginRequest {
        LeaseTime => lease_time: Option<TicketLease>, V2_0..;
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
