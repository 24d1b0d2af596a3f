//! The record and how it is shown.

use std::fmt;

/// One thing that was done, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When, in microseconds since 1970-01-01T00:00:00Z; negative before. The order of records is their sequence number,
    /// never this: clocks are set back.
    pub time_us: i64,
    /// The tenant of the actor.
    pub tenant: u32,
    /// Who.
    pub actor: String,
    /// The address of the peer, where the request came over a network.
    pub peer: Option<String>,
    /// What was asked for.
    pub action: Action,
    /// The objects concerned, in the order of the request or, for what the operation made, of the response.
    pub identifiers: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A KMIP operation, by its code (Operation enumeration).
    Operation(u32),
    /// A command of the administrator, by its name on the command line, such as `user add`.
    Administrative(String),
    /// The KMIP operation Log: a message that the client wanted to have here.
    Message(String),
}

/// What came of it. The numbers are KMIP's own: Result Status is implied by the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Success,
    /// Refused or failed, with the code of the Result Reason.
    Failure(u32),
    /// Accepted, to be done asynchronously.
    Pending,
    /// Done, then undone because a later item of its batch failed.
    Undone,
}

/// One line. Names come from outside, so they are quoted and escaped: no client can start a line of its own.
impl fmt::Display for AuditRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time_us={} tenant={} actor={:?}", self.time_us, self.tenant, self.actor)?;
        if let Some(peer) = &self.peer {
            write!(f, " peer={peer:?}")?;
        }
        match &self.action {
            Action::Operation(code) => write!(f, " operation=0x{code:02X}")?,
            Action::Administrative(name) => write!(f, " command={name:?}")?,
            Action::Message(message) => write!(f, " message={message:?}")?,
        }
        for identifier in &self.identifiers {
            write!(f, " object={identifier:?}")?;
        }
        match self.outcome {
            Outcome::Success => f.write_str(" result=success"),
            Outcome::Failure(reason) => write!(f, " result=failure reason=0x{reason:02X}"),
            Outcome::Pending => f.write_str(" result=pending"),
            Outcome::Undone => f.write_str(" result=undone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_a_line() {
        let record = AuditRecord {
            time_us: 1,
            tenant: 0,
            actor: "eve\ntime_us=2 actor=\"fred\"\u{1b}[2J".to_owned(),
            peer: None,
            action: Action::Operation(0x0A),
            identifiers: vec!["a\" result=success".to_owned()],
            outcome: Outcome::Failure(0x0C),
        };
        let line = record.to_string();
        assert_eq!(
            line,
            "time_us=1 tenant=0 actor=\"eve\\ntime_us=2 actor=\\\"fred\\\"\\u{1b}[2J\" operation=0x0A \
             object=\"a\\\" result=success\" result=failure reason=0x0C"
        );
    }
}
