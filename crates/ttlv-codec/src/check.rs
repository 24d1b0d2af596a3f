//! One pass over a whole message, before anybody believes a byte of it.

use crate::{Error, ErrorKind, Reader, Value};

/// What a message may cost. All three are checked before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, its header included.
    pub length: usize,
    /// Nested structures, the message itself included. At most [`Limits::DEPTH_CEILING`] counts.
    pub depth: usize,
    /// Items in a message.
    pub items: usize,
}

impl Limits {
    /// Depth that no setting can exceed: the stack of [`check`] has this many places.
    pub const DEPTH_CEILING: usize = 64;
}

impl Default for Limits {
    /// 1 MiB, 32 levels, 65,536 items. The deepest message of the standard (a transparent key inside a registered
    /// object inside a batch) has fewer than 12 levels.
    fn default() -> Self {
        Self { length: 1 << 20, depth: 32, items: 1 << 16 }
    }
}

/// Checks that `bytes` are exactly one item, well formed down to the last, within `limits`.
///
/// Uses a stack of fixed size and allocates nothing.
///
/// # Errors
/// The first thing that is wrong, with its offset.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let fail = |offset, kind| Err(Error { offset, kind });
    if bytes.len() > limits.length {
        return fail(0, ErrorKind::TooLong { length: bytes.len(), limit: limits.length });
    }
    let depth_limit = limits.depth.min(Limits::DEPTH_CEILING);
    let mut stack = [Reader::new(&[]); Limits::DEPTH_CEILING];
    let mut depth = 0;
    let mut items = 0;

    let mut outermost = Reader::new(bytes);
    let Some(first) = outermost.next_item()? else {
        return fail(0, ErrorKind::TruncatedHeader);
    };
    if !outermost.is_empty() {
        return fail(outermost.offset(), ErrorKind::TrailingBytes);
    }
    let mut next = Some(first);
    loop {
        match next {
            Some(item) => {
                items += 1;
                if items > limits.items {
                    return fail(item.offset, ErrorKind::TooManyItems { limit: limits.items });
                }
                if let Value::Structure(inside) = item.value {
                    if depth == depth_limit {
                        return fail(item.offset, ErrorKind::TooDeep { limit: depth_limit });
                    }
                    stack[depth] = inside;
                    depth += 1;
                }
            }
            None => depth -= 1,
        }
        if depth == 0 {
            return Ok(());
        }
        next = stack[depth - 1].next_item()?;
    }
}
