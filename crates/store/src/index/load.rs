//! An index made from what [`Saver`](super::Saver) showed of another, as when a store opens.
//!
//! One record at a time, most of the time would go by waiting for memory, because every term and number of a record belongs
//! somewhere else. So entries are only collected at first: what they own alone by the part of the table it belongs to, what
//! they have in common by shape. In the end each table is made once, of the right size and in the order of its places, and
//! what thousands of records have in common is copied.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::entry::{Identifier, Packed, Values};
use super::facets::TERM;
use super::objects::Objects;
use super::owners::Dated;
use super::postings::{in_order, key};
use super::save::{ENTRIES, OWNER, SHAPE, UUID};
use super::shapes::Shape;
use super::sorted::Sorted;
use super::tables::{Ordered, PARTS, part};
use super::{Index, Place, TermHasher};
use crate::{MAX_FACETS, MAX_IDENTIFIER, MAX_OWNER, Revision, Tenant};

/// An index that is being made from items.
pub struct Loader {
    index: Index,
    /// In the order in which they were defined.
    shapes: Vec<Shape>,
    owners: Vec<Box<str>>,
    tenants: BTreeMap<Tenant, Loading>,
}

/// The records of one tenant.
struct Loading {
    objects: Objects,
    /// The numbers in `objects` of shapes and owners, by their numbers in the items.
    shapes: Vec<Option<u32>>,
    owners: Vec<Option<u32>>,
    /// The hashes of the identifiers, and of what a record has alone, with the object number: by part of their tables.
    identifiers: [Vec<Ordered>; PARTS],
    own: [Vec<Ordered>; PARTS],
    groups: Vec<Group>,
    /// The place of a group by owner and shape, and the one that was used last.
    places: HashMap<(u32, u32), usize>,
    last: Option<(u32, u32, usize)>,
}

/// Records of one owner that have the same shape.
struct Group {
    owner: u32,
    shape: u32,
    /// The object numbers, in order.
    records: Vec<u32>,
    /// Their numbers, as many of each record as the shape has fields.
    values: Vec<i64>,
}

impl Loader {
    /// The beginning of an index.
    pub fn new(hasher: TermHasher) -> Self {
        Self { index: Index::new(hasher), shapes: Vec::new(), owners: Vec::new(), tenants: BTreeMap::new() }
    }

    /// Takes the next item; `None`: no [`Saver`](super::Saver) made it. Lengths are checked before anything is allocated.
    pub fn item(&mut self, item: &[u8]) -> Option<()> {
        let (kind, rest) = item.split_first()?;
        match *kind {
            SHAPE => self.shapes.push(shape(rest)?),
            OWNER if rest.len() <= MAX_OWNER => self.owners.push(str::from_utf8(rest).ok()?.into()),
            ENTRIES => {
                let (tenant, mut rest) = rest.split_first_chunk()?;
                let loading = self.tenants.entry(Tenant(u32::from_be_bytes(*tenant))).or_default();
                while !rest.is_empty() {
                    rest = loading.entry(&self.index.names, &self.shapes, &self.owners, rest)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The index of everything that was taken; `None`: a record came twice.
    pub fn finish(mut self) -> Option<Index> {
        for (tenant, loading) in self.tenants {
            let objects = loading.finish(&self.index.names)?;
            self.index.tenants.insert(tenant, objects);
        }
        Some(self.index)
    }
}

fn shape(bytes: &[u8]) -> Option<Shape> {
    let (count, rest) = bytes.split_first_chunk()?;
    let count = u32::from_be_bytes(*count) as usize;
    let (terms, fields) = rest.split_at_checked(count.checked_mul(TERM)?)?;
    let (fields, no_rest) = fields.as_chunks::<4>();
    let terms: Box<[u64]> = terms.as_chunks::<TERM>().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
    let fields: Box<[u32]> = fields.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
    let right = no_rest.is_empty() && terms.len() + fields.len() <= MAX_FACETS;
    (right && terms.is_sorted_by(|a, b| a < b) && fields.is_sorted()).then_some(Shape { terms, fields })
}

impl Default for Loading {
    fn default() -> Self {
        Self {
            objects: Objects::default(),
            shapes: Vec::new(),
            owners: Vec::new(),
            identifiers: std::array::from_fn(|_| Vec::new()),
            own: std::array::from_fn(|_| Vec::new()),
            groups: Vec::new(),
            places: HashMap::new(),
            last: None,
        }
    }
}

/// The number that something has here, by the one it has in the items.
fn known(numbers: &mut Vec<Option<u32>>, at: usize) -> &mut Option<u32> {
    if numbers.len() <= at {
        numbers.resize(at + 1, None);
    }
    &mut numbers[at]
}

impl Loading {
    /// Takes an entry, and returns what follows it.
    fn entry<'a>(&mut self, names: &RandomState, shapes: &[Shape], owners: &[Box<str>], bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (created, rest) = bytes.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (owner, rest) = rest.split_first_chunk()?;
        let (shape, rest) = rest.split_first_chunk()?;
        let (own, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (owner, shape) = (u32::from_be_bytes(*owner) as usize, u32::from_be_bytes(*shape) as usize);
        let own = u32::from_be_bytes(*own) as usize;
        let (owner_name, the_shape) = (owners.get(owner)?, shapes.get(shape)?);
        if own > MAX_FACETS {
            return None;
        }
        let length = usize::from(u16::from_be_bytes(*length));
        let (identifier, rest) = match length {
            UUID => {
                let (uuid, rest) = rest.split_first_chunk()?;
                (Identifier::Uuid(*uuid), rest)
            }
            1..=MAX_IDENTIFIER => {
                let (text, rest) = rest.split_at_checked(length)?;
                (Identifier::new(str::from_utf8(text).ok()?), rest)
            }
            _ => return None,
        };
        let (terms, rest) = rest.split_at_checked(own * TERM)?;
        let place = Place {
            created: Revision(u64::from_be_bytes(*created)),
            position: u32::from_be_bytes(*position),
            revision: Revision(u64::from_be_bytes(*revision)),
        };
        if self.objects.entries.last().is_some_and(|before| before.cursor() >= place.cursor()) {
            return None;
        }

        let number = u32::try_from(self.objects.entries.len()).ok().filter(|number| *number <= i32::MAX as u32)?;
        let owner = match known(&mut self.owners, owner) {
            Some(owner) => *owner,
            unknown => *unknown.insert(self.objects.owners.intern(names, owner_name)),
        };
        let shape = match known(&mut self.shapes, shape) {
            Some(shape) => {
                self.objects.shapes.hold_again(*shape);
                *shape
            }
            unknown => *unknown.insert(self.objects.shapes.hold(&the_shape.terms, &the_shape.fields)),
        };
        let group = match self.last {
            Some((of, with, place)) if (of, with) == (owner, shape) => place,
            _ => {
                let groups = &mut self.groups;
                *self.places.entry((owner, shape)).or_insert_with(|| {
                    groups.push(Group { owner, shape, records: Vec::new(), values: Vec::new() });
                    groups.len() - 1
                })
            }
        };
        self.last = Some((owner, shape, group));
        let group = &mut self.groups[group];
        group.records.push(number);
        let (mut values, mut before) = (Values::new(rest), None);
        for field in &the_shape.fields {
            let value = values.next()?;
            // Sorted by field and value, each once.
            if before.is_some_and(|before| before >= (*field, value)) {
                return None;
            }
            before = Some((*field, value));
            group.values.push(value);
        }
        let (values, rest) = rest.split_at(rest.len() - values.rest().len());

        let mut before = None;
        for term in terms.as_chunks::<TERM>().0 {
            let term = u64::from_be_bytes(*term);
            if before.is_some_and(|before| before >= term) {
                return None;
            }
            before = Some(term);
            let key = key(owner, term);
            self.own[part(key)].push(Ordered::new(key, number));
        }
        let hash = names.hash_one(identifier);
        self.identifiers[part(hash)].push(Ordered::new(hash, number));
        self.objects.entries.push(Packed::from_bytes(identifier, owner, place, shape, terms, values));
        Some(rest)
    }

    fn finish(self, names: &RandomState) -> Option<Objects> {
        let Self { mut objects, identifiers, own, groups, .. } = self;
        objects.entries.shrink_to_fit();
        for (part, mut hashes) in identifiers.into_iter().enumerate() {
            Ordered::sort(&mut hashes);
            let same = |pair: &[Ordered]| {
                let [one, other] = [0, 1].map(|at| objects.entries[pair[at].number as usize].identifier());
                pair[0].hash() == pair[1].hash() && one == other
            };
            if hashes.windows(2).any(same) {
                return None;
            }
            let (entries, elements) = (&objects.entries, hashes.into_iter().map(|ordered| (ordered.hash(), ordered.number)));
            objects.identifiers.fill(part, elements, |number| names.hash_one(entries[*number as usize].identifier()));
        }

        let mut common: [BTreeMap<u64, Vec<usize>>; PARTS] = std::array::from_fn(|_| BTreeMap::new());
        let mut columns: BTreeMap<(u32, u32), Vec<(usize, usize)>> = BTreeMap::new();
        let mut owned: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, group) in groups.iter().enumerate() {
            let shape = objects.shapes.get(group.shape);
            for term in &shape.terms {
                let key = key(group.owner, *term);
                common[part(key)].entry(key).or_default().push(at);
            }
            for (column, field) in shape.fields.iter().enumerate() {
                columns.entry((group.owner, *field)).or_default().push((at, column));
            }
            owned.entry(group.owner).or_default().push(at);
        }
        for (owner, of) in owned {
            objects.owners.get_mut(owner).records = Sorted::of(in_order(of.iter().map(|at| &groups[*at].records[..])));
        }
        for ((owner, field), of) in columns {
            let mut dated = Vec::with_capacity(of.iter().map(|(at, _)| groups[*at].records.len()).sum());
            for (at, column) in of {
                let Group { records, values, .. } = &groups[at];
                let width = values.len() / records.len();
                let values = values.iter().skip(column).step_by(width);
                dated.extend(values.zip(records).map(|(value, record)| Dated::new(*value, *record)));
            }
            objects.owners.get_mut(owner).set_column(field, dated);
        }
        for (part, (own, common)) in own.into_iter().zip(common).enumerate() {
            let of = |groups_of: &[usize]| groups_of.iter().map(|at| &groups[*at].records[..]).collect();
            let common = common.iter().map(|(key, of_key)| (*key, of(of_key))).collect();
            objects.postings.fill(part, own, common);
        }
        Some(objects)
    }
}
