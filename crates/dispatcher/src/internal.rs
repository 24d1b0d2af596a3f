//! Records that are no objects: the server keeps them in the same store, so that they are sealed like everything else and change
//! in one commit with objects.
//!
//! Their identifiers and owners begin with a control character, which no name of a client may hold and no identifier that the
//! server makes does. No search of a client finds them, because it looks for its own name as the owner; and what is asked for by
//! such an identifier is not there.

use policy::Actor;
use zeroize::Zeroizing;

use store::{Put, Record, Revision};

/// What identifiers and owners of such records begin with.
const MARK: char = '\u{1}';

/// Whether an identifier is one of these.
pub(crate) fn is_internal(identifier: &str) -> bool {
    identifier.starts_with(MARK)
}

/// The identifier of a record of a kind.
pub(crate) fn identifier(kind: &str, name: &str) -> String {
    format!("{MARK}{kind}/{name}")
}

/// Who owns what is kept for a client.
pub(crate) fn owner(client: &str) -> String {
    format!("{MARK}{client}")
}

/// Whose a record is.
pub(crate) fn is_of(actor: &Actor, owner: &str) -> bool {
    owner.strip_prefix(MARK) == Some(actor.name.as_str())
}

/// A record of this kind, as it was read, or as the running batch is about to write it.
pub(crate) struct Kept {
    pub(crate) identifier: String,
    pub(crate) owner: String,
    pub(crate) revision: Option<Revision>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl From<Record> for Kept {
    fn from(record: Record) -> Self {
        Self { identifier: record.identifier, owner: record.owner, revision: Some(record.revision), body: record.body }
    }
}

impl From<&Put> for Kept {
    fn from(put: &Put) -> Self {
        Self { identifier: put.identifier.clone(), owner: put.owner.clone(), revision: put.expected, body: put.body.clone() }
    }
}
