//! Records as bytes.
//!
//! ```text
//! format        1 byte: 2 for a message, 1 for all else
//! time_us       8 bytes, big-endian, two's complement
//! tenant        number
//! actor         text
//! peer          0, or 1 and text
//! action        0 and number (operation code), 1 and text (command), or 2 and text (message)
//! identifiers   number (count), then that many texts
//! outcome       0 success, 1 and number (reason), 2 pending, 3 undone
//! ```
//!
//! A number is unsigned, seven bits to a byte, least significant first, the top bit set on all but the last (at most 32 bits
//! of value, shortest form only). A text is a number, its length in bytes, then UTF-8. There is exactly one encoding of a
//! record, and nothing may follow it.

use crate::record::{Action, AuditRecord, Outcome};

/// The newest format this release reads. It is written where the older one cannot say it.
const FORMAT: u8 = 2;

/// The format of records without a message, which every release reads.
const FIRST_FORMAT: u8 = 1;

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("the record is empty")]
    Empty,
    /// A newer release wrote the record.
    #[error("the record has format {0}, this release reads up to {FORMAT}")]
    NewerFormat(u8),
    /// The bytes end within a field, or a length reaches past the end.
    #[error("the record ends within {field}")]
    Truncated {
        /// Which field.
        field: &'static str,
    },
    /// A field holds something it may not.
    #[error("{field} is not valid")]
    Invalid {
        /// Which field.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{0} bytes follow the record")]
    Trailing(usize),
}

impl AuditRecord {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let texts = self.actor.len() + self.peer.as_ref().map_or(0, String::len);
        let identifiers: usize = self.identifiers.iter().map(|identifier| identifier.len() + 5).sum();
        let mut out = Vec::with_capacity(32 + texts + identifiers);
        out.push(if matches!(self.action, Action::Message(_)) { FORMAT } else { FIRST_FORMAT });
        out.extend_from_slice(&self.time_us.to_be_bytes());
        write_number(&mut out, self.tenant);
        write_text(&mut out, &self.actor);
        match &self.peer {
            None => out.push(0),
            Some(peer) => {
                out.push(1);
                write_text(&mut out, peer);
            }
        }
        match &self.action {
            Action::Operation(code) => {
                out.push(0);
                write_number(&mut out, *code);
            }
            Action::Administrative(name) => {
                out.push(1);
                write_text(&mut out, name);
            }
            Action::Message(message) => {
                out.push(2);
                write_text(&mut out, message);
            }
        }
        write_number(&mut out, length(self.identifiers.len()));
        for identifier in &self.identifiers {
            write_text(&mut out, identifier);
        }
        match self.outcome {
            Outcome::Success => out.push(0),
            Outcome::Failure(reason) => {
                out.push(1);
                write_number(&mut out, reason);
            }
            Outcome::Pending => out.push(2),
            Outcome::Undone => out.push(3),
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input { rest: bytes, field: "format" };
        let format = match input.byte().map_err(|_| DecodeError::Empty)? {
            0 => return Err(input.invalid()),
            format @ FIRST_FORMAT..=FORMAT => format,
            newer => return Err(DecodeError::NewerFormat(newer)),
        };
        let mut time = [0; 8];
        time.copy_from_slice(input.field("time").take(8)?);
        let time_us = i64::from_be_bytes(time);
        let tenant = input.field("tenant").number()?;
        let actor = input.field("actor").text()?;
        let peer = match input.field("peer").byte()? {
            0 => None,
            1 => Some(input.text()?),
            _ => return Err(input.invalid()),
        };
        let action = match (input.field("action").byte()?, format) {
            (0, FIRST_FORMAT) => Action::Operation(input.number()?),
            (1, FIRST_FORMAT) => Action::Administrative(input.text()?),
            (2, FORMAT) => Action::Message(input.text()?),
            _ => return Err(input.invalid()),
        };
        let count = input.field("identifiers").number()? as usize;
        // Each takes a byte at least, so that a count that lies allocates nothing.
        if count > input.rest.len() {
            return Err(DecodeError::Truncated { field: "identifiers" });
        }
        let identifiers = (0..count).map(|_| input.text()).collect::<Result<_, _>>()?;
        let outcome = match input.field("outcome").byte()? {
            0 => Outcome::Success,
            1 => Outcome::Failure(input.number()?),
            2 => Outcome::Pending,
            3 => Outcome::Undone,
            _ => return Err(input.invalid()),
        };
        match input.rest.len() {
            0 => Ok(Self { time_us, tenant, actor, peer, action, identifiers, outcome }),
            trailing => Err(DecodeError::Trailing(trailing)),
        }
    }
}

fn write_number(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // A request is limited to megabytes, so no text reaches 4 GiB; were one to, it is cut and still decodes.
    let mut end = length(text.len()) as usize;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    write_number(out, length(end));
    out.extend_from_slice(&text.as_bytes()[..end]);
}

fn length(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

struct Input<'a> {
    rest: &'a [u8],
    field: &'static str,
}

impl<'a> Input<'a> {
    fn field(&mut self, name: &'static str) -> &mut Self {
        self.field = name;
        self
    }

    fn invalid(&self) -> DecodeError {
        DecodeError::Invalid { field: self.field }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated { field: self.field })?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u64;
        for position in 0..5 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << (7 * position);
            if byte & 0x80 == 0 {
                // One encoding per value: no zero groups at the end.
                if byte == 0 && position > 0 {
                    return Err(self.invalid());
                }
                return u32::try_from(value).map_err(|_| self.invalid());
            }
        }
        Err(self.invalid())
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let length = self.number()? as usize;
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_err(|_| self.invalid())?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> AuditRecord {
        AuditRecord {
            time_us: 1_793_312_212_000_000,
            tenant: 300,
            actor: "fred".to_owned(),
            peer: Some("10.0.0.1:55".to_owned()),
            action: Action::Operation(1),
            identifiers: vec!["key-1".to_owned(), String::new()],
            outcome: Outcome::Failure(0x8000_0001),
        }
    }

    fn records() -> impl Strategy<Value = AuditRecord> {
        let action = prop_oneof![
            any::<u32>().prop_map(Action::Operation),
            any::<String>().prop_map(Action::Administrative),
            any::<String>().prop_map(Action::Message)
        ];
        let outcome = prop_oneof![
            Just(Outcome::Success),
            any::<u32>().prop_map(Outcome::Failure),
            Just(Outcome::Pending),
            Just(Outcome::Undone)
        ];
        let identifiers = prop::collection::vec(any::<String>(), 0..5);
        (any::<i64>(), any::<u32>(), any::<String>(), any::<Option<String>>(), action, identifiers, outcome).prop_map(
            |(time_us, tenant, actor, peer, action, identifiers, outcome)| AuditRecord {
                time_us,
                tenant,
                actor,
                peer,
                action,
                identifiers,
                outcome,
            },
        )
    }

    #[test]
    fn format_1_byte_by_byte() {
        // The stored format: these bytes are for ever.
        let mut expected = vec![1];
        expected.extend_from_slice(&1_793_312_212_000_000_i64.to_be_bytes());
        expected.extend_from_slice(b"\xAC\x02\x04fred\x01\x0B10.0.0.1:55\x00\x01\x02\x05key-1\x00\x01\x81\x80\x80\x80\x08");
        assert_eq!(sample().encode(), expected);
        assert_eq!(AuditRecord::decode(&expected), Ok(sample()));
    }

    #[test]
    fn format_2_byte_by_byte() {
        let message = AuditRecord {
            action: Action::Message("hello".to_owned()),
            identifiers: Vec::new(),
            outcome: Outcome::Success,
            ..sample()
        };
        let mut expected = vec![2];
        expected.extend_from_slice(&1_793_312_212_000_000_i64.to_be_bytes());
        expected.extend_from_slice(b"\xAC\x02\x04fred\x01\x0B10.0.0.1:55\x02\x05hello\x00\x00");
        assert_eq!(message.encode(), expected);
        assert_eq!(AuditRecord::decode(&expected), Ok(message));
        // What the first format can say is said in it alone.
        let at = expected.len() - b"\x02\x05hello\x00\x00".len();
        for (format, action) in [(1, 2), (2, 1), (2, 3)] {
            let mut other = expected.clone();
            other[0] = format;
            other[at] = action;
            assert_eq!(AuditRecord::decode(&other), Err(DecodeError::Invalid { field: "action" }), "{format} {action}");
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = sample().encode();
        assert_eq!(AuditRecord::decode(&[]), Err(DecodeError::Empty));
        for end in 1..bytes.len() {
            assert!(matches!(AuditRecord::decode(&bytes[..end]), Err(DecodeError::Truncated { .. })), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(AuditRecord::decode(&longer), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn a_newer_format_is_refused_by_number() {
        let mut bytes = sample().encode();
        bytes[0] = 3;
        assert_eq!(AuditRecord::decode(&bytes), Err(DecodeError::NewerFormat(3)));
        bytes[0] = 0;
        assert_eq!(AuditRecord::decode(&bytes), Err(DecodeError::Invalid { field: "format" }));
    }

    #[test]
    fn a_count_that_lies_is_an_error() {
        let mut bytes = vec![1; 9];
        bytes.extend_from_slice(b"\x00\x00\x00\x00\x00\xFF\xFF\xFF\xFF\x0F");
        assert_eq!(AuditRecord::decode(&bytes), Err(DecodeError::Truncated { field: "identifiers" }));
    }

    #[test]
    fn numbers_have_one_form() {
        for bad in [&b"\x80\x00"[..], b"\xFF\xFF\xFF\xFF\x1F", b"\x80\x80\x80\x80\x80\x00"] {
            let mut input = Input { rest: bad, field: "tenant" };
            assert_eq!(input.number(), Err(DecodeError::Invalid { field: "tenant" }), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_record_survives(record in records()) {
            prop_assert_eq!(AuditRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn any_bytes_decode_to_what_encodes_to_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(record) = AuditRecord::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
        }

        #[test]
        fn any_changed_byte_is_another_record_or_none(record in records(), position: prop::sample::Index, flip in 1..=255_u8) {
            let mut bytes = record.encode();
            let position = position.index(bytes.len());
            bytes[position] ^= flip;
            prop_assert_ne!(AuditRecord::decode(&bytes), Ok(record));
        }
    }
}
