//! An index item by item, so that a durable backend can save it while it is used.

use std::collections::HashMap;

use super::Index;
use super::shapes::Shape;
use crate::{Cursor, Revision, Tenant};

/// What an item begins with.
pub(super) const SHAPE: u8 = 1;
pub(super) const OWNER: u8 = 2;
pub(super) const ENTRIES: u8 = 3;

/// In the place of the length of an identifier: 16 bytes of a UUID follow.
pub(super) const UUID: usize = 0;

/// An item with entries takes no more when it is so long, in bytes.
const ITEM: usize = 64 << 10;

/// Shows an index item by item. Items are bytes that a [`Loader`](super::Loader) makes an index of:
///
/// - 1, number of terms (4), terms (8 each), fields (4 each): a shape, the terms and fields that records have in common. Shapes
///   are numbered from 0 in the order in which they come.
/// - 2, name: an owner. Owners are numbered likewise.
/// - 3, tenant (4), entries: creating commit (8), position in it (4), last commit (8), owner (4), shape (4), number of own terms
///   (4), length of the identifier (2; 0: a UUID of 16 bytes), identifier, own terms (8 each), and a value for each field
///   of the shape: its difference from the value before it (0 before the first), of which the sign is in the lowest bit, in
///   groups of seven bits, the lowest first, each but the last with its highest bit set.
///
/// All other numbers are big-endian.
#[derive(Debug, Default)]
pub struct Saver {
    after: Option<(Tenant, Cursor)>,
    /// By tenant and number in the index, the number in the items and what it stood for then: the index uses numbers again.
    shapes: HashMap<(Tenant, u32), (u32, Shape)>,
    owners: HashMap<(Tenant, u32), (u32, Box<str>)>,
    /// How many shapes and owners were shown.
    shown: (u32, u32),
}

impl Saver {
    /// The items of up to `limit` further records; those that were created after a commit are left out. `None`: there are no
    /// more. The index may change from one call to the next: every record that was there all the time is shown.
    pub fn next(&mut self, index: &Index, until: Revision, limit: usize) -> Option<Vec<Vec<u8>>> {
        let (mut definitions, mut items) = (Vec::new(), Vec::new());
        let mut item: (Option<Tenant>, Vec<u8>) = (None, Vec::new());
        let (mut count, before) = (0, self.after);
        for (tenant, objects, entry) in index.packed_after(before).take(limit) {
            count += 1;
            self.after = Some((tenant, entry.cursor()));
            if entry.place().created > until {
                continue;
            }
            let shape = objects.shapes.get(entry.shape);
            let shape = match self.shapes.get(&(tenant, entry.shape)) {
                Some((number, known)) if known == shape => *number,
                _ => {
                    let number = self.shown.0;
                    self.shown.0 += 1;
                    let mut bytes = vec![SHAPE];
                    bytes.extend_from_slice(&(shape.terms.len() as u32).to_be_bytes());
                    shape.terms.iter().for_each(|term| bytes.extend_from_slice(&term.to_be_bytes()));
                    shape.fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_be_bytes()));
                    definitions.push(bytes);
                    self.shapes.insert((tenant, entry.shape), (number, shape.clone()));
                    number
                }
            };
            let name = &objects.owners.get(entry.owner).name;
            let owner = match self.owners.get(&(tenant, entry.owner)) {
                Some((number, known)) if known == name => *number,
                _ => {
                    let number = self.shown.1;
                    self.shown.1 += 1;
                    definitions.push([&[OWNER], name.as_bytes()].concat());
                    self.owners.insert((tenant, entry.owner), (number, name.clone()));
                    number
                }
            };
            if item.0 != Some(tenant) || item.1.len() > ITEM {
                let full = std::mem::replace(&mut item, (Some(tenant), vec![ENTRIES]));
                items.extend(full.0.map(|_| full.1));
                item.1.extend_from_slice(&tenant.0.to_be_bytes());
            }
            entry.encode(owner, shape, &mut item.1);
        }
        items.extend(item.0.map(|_| item.1));
        definitions.append(&mut items);
        (count > 0).then_some(definitions)
    }
}
