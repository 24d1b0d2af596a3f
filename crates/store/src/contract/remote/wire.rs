//! Requests and answers as bytes: a length of 4 bytes, then fields one after another, numbers in big-endian order, what varies
//! in length behind its count.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use crate::{
    Change, Commit, Cursor, Found, Guard, LogRecord, Number, Page, Put, Query, Range, Record, Revision, StoreError, Tenant, Term,
    Token,
};

/// The longest message in bytes: the largest commit, and room to spare.
const MAX_MESSAGE: usize = 64 << 20;

/// What a client asks.
#[derive(Debug)]
pub(super) enum Request {
    Load { tenant: Tenant, identifiers: Vec<String> },
    Find { tenant: Tenant, query: Query, page: Page },
    Commit { tenant: Tenant, commit: Commit },
    Settle { tenant: Tenant, token: Token },
    ReadLog { from: u64, limit: usize },
    DropLog { before: u64 },
    Tenants {},
}

/// What the store did.
#[derive(Debug)]
pub(super) enum Reply {
    Records { records: Vec<Option<Record>> },
    Found { found: Found },
    Made { revision: Revision },
    Settled { made: Option<Revision> },
    Log { records: Vec<LogRecord> },
    Dropped {},
    Tenants { tenants: Vec<Tenant> },
}

/// Writes a message.
pub(super) fn send(stream: &mut impl Write, message: &impl Wire) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    message.write(&mut bytes);
    let length = bytes.len() - 4;
    if length > MAX_MESSAGE {
        return Err(malformed("a message is too long"));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_be_bytes());
    stream.write_all(&bytes)
}

/// Reads a message.
pub(super) fn receive<T: Wire>(stream: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(malformed("a message is too long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    let mut rest = &bytes[..];
    T::read(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| malformed("a message cannot be read"))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Something that goes over the connection. No value is of no bytes: a count says how many bytes there are at least.
pub(super) trait Wire: Sized {
    /// Appends the value.
    fn write(&self, to: &mut Vec<u8>);
    /// Takes the value from the front; `None`: it is not one.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_be_bytes());
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                take(from, size_of::<Self>())?.try_into().ok().map(Self::from_be_bytes)
            }
        })*
    };
}

numbers!(u8, u32, u64, i64);

impl Wire for usize {
    fn write(&self, to: &mut Vec<u8>) {
        (*self as u64).write(to);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from)?.try_into().ok()
    }
}

impl<const LENGTH: usize> Wire for [u8; LENGTH] {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        take(from, LENGTH)?.try_into().ok()
    }
}

impl Wire for Vec<u8> {
    fn write(&self, to: &mut Vec<u8>) {
        self.len().write(to);
        to.extend_from_slice(self);
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        take(from, length).map(<[u8]>::to_vec)
    }
}

/// What is made of bytes and turns into bytes.
macro_rules! bytes {
    ($($type:ty: $from:expr, $to:expr;)*) => {
        $(impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                let bytes: &[u8] = $to(self);
                bytes.len().write(to);
                to.extend_from_slice(bytes);
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                $from(Vec::read(from)?)
            }
        })*
    };
}

bytes! {
    String: |bytes| String::from_utf8(bytes).ok(), String::as_bytes;
    Box<[u8]>: |bytes: Vec<u8>| Some(bytes.into()), AsRef::as_ref;
    Zeroizing<Vec<u8>>: |bytes| Some(Zeroizing::new(bytes)), |bytes| &**(bytes as &Zeroizing<Vec<u8>>);
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, to: &mut Vec<u8>) {
        u8::from(self.is_some()).write(to);
        if let Some(value) = self {
            value.write(to);
        }
    }
    fn read(from: &mut &[u8]) -> Option<Self> {
        match u8::read(from)? {
            0 => Some(None),
            1 => T::read(from).map(Some),
            _ => None,
        }
    }
}

/// Lists: memory is taken as values are found, not as their count promises. Bytes are not among them, for they go faster.
macro_rules! lists {
    ($($type:ty),*) => {
        $(impl Wire for Vec<$type> {
            fn write(&self, to: &mut Vec<u8>) {
                self.len().write(to);
                self.iter().for_each(|value| value.write(to));
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                (0..usize::read(from)?).map(|_| Wire::read(from)).collect()
            }
        })*
    };
}

lists!(String, u32, Vec<u8>, Tenant, Option<Record>, Change, Guard, Term, Number, Range, LogRecord);

macro_rules! structures {
    ($($type:ident { $($field:tt),* })*) => {
        $(impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                $(self.$field.write(to);)*
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::read(from)?),* })
            }
        })*
    };
}

structures! {
    Tenant { 0 }
    Revision { 0 }
    Token { 0 }
    Term { field, value }
    Number { field, value }
    Range { field, from, to }
    Record { identifier, owner, revision, created, body }
    Put { identifier, owner, expected, body, terms, numbers }
    Guard { owner, term }
    Commit { token, guards, changes, log }
    Query { owner, terms, ranges, without }
    Page { after, limit }
    Cursor { created, position }
    Found { identifiers, next }
    LogRecord { sequence, hash, entry }
}

macro_rules! variants {
    ($($type:ty { $($number:literal => $variant:ident { $($field:tt: $name:ident),* })* })*) => {
        $(impl Wire for $type {
            fn write(&self, to: &mut Vec<u8>) {
                match self {
                    $(Self::$variant { $($field: $name),* } => {
                        to.push($number);
                        $($name.write(to);)*
                    })*
                }
            }
            fn read(from: &mut &[u8]) -> Option<Self> {
                match u8::read(from)? {
                    $($number => Some(Self::$variant { $($field: Wire::read(from)?),* }),)*
                    _ => None,
                }
            }
        })*
    };
}

variants! {
    Change {
        0 => Put { 0: put }
        1 => Remove { identifier: identifier, expected: expected }
    }
    Request {
        0 => Load { tenant: tenant, identifiers: identifiers }
        1 => Find { tenant: tenant, query: query, page: page }
        2 => Commit { tenant: tenant, commit: commit }
        3 => Settle { tenant: tenant, token: token }
        4 => ReadLog { from: first, limit: limit }
        5 => DropLog { before: before }
        6 => Tenants { }
    }
    Reply {
        0 => Records { records: records }
        1 => Found { found: found }
        2 => Made { revision: revision }
        3 => Settled { made: made }
        4 => Log { records: records }
        5 => Dropped { }
        6 => Tenants { tenants: tenants }
    }
    Result<Reply, StoreError> {
        0 => Ok { 0: reply }
        1 => Err { 0: error }
    }
    StoreError {
        0 => Conflict { identifier: identifier }
        1 => Taken { field: field }
        2 => UnknownOutcome { cause: cause }
        3 => TooLarge { what: what, size: size, limit: limit }
        4 => Full { }
        5 => ReadOnly { 0: cause }
        6 => Damaged { what: what, cause: cause }
        7 => NewerFormat { 0: text }
        8 => Failed { what: what, cause: cause }
    }
}
