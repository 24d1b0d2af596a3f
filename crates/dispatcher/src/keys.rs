//! What a record is found by: the terms and numbers of an object, and those that a condition of Locate asks for.
//!
//! One rule makes them from any attribute, so that a new row of the table is found without a line here:
//! - a date is a number: it is asked for alone or as one end of a range;
//! - a mask is one term for each bit that is set, because a condition names the bits that must be there;
//! - any other whole value is one term;
//! - a structure is one term for each value inside it, because a condition may leave fields out. Enumerations and Booleans inside
//!   what the server sets are none: nearly all objects share them (the hash of a Digest, the kind of generator);
//! - the amounts of Usage Limits are numbers, because a condition means "at least as much" (2.1, section 6.1.28).
//!
//! Most of what is here narrows a search and decides nothing: whoever searches judges each object it loads. What is computed is
//! not here: State (its dates are), and Unique Identifier, by which an object is loaded. The conditions that clients ask for most,
//! names, groups, types, algorithms and lengths, are said whole by their terms ([`Wanted::is_exact`]): a search for these among
//! the client's own objects loads none, which among a million would be read from the disk one by one.

use kmip::attribute::{Attribute, AttributeReference, SetBy, rules_of};
use kmip::enumerations::{ObjectType, State};
use kmip::masks;
use kmip::tag;
use store::{Number, Range, Term};
use ttlv_codec::{Item, Reader, Tag, Tree, TreeValue, Value, Writer};
use zeroize::Zeroizing;

use crate::lifecycle;
use crate::object::StoredObject;
use crate::record::spelling_of;
use crate::rotation;

// Tags from the range that the standard leaves to vendors; they never leave the store.
/// Only living objects have this one for a Name, so that a name can be looked up among them alone.
const LIVING_NAME: Tag = Tag(0x54_0003);
/// Whether the object is destroyed: most searches are for the others.
const DESTROYED: Tag = Tag(0x54_0004);

/// When a key is to be rotated, as a number. Only keys that the server is to rotate have it.
const ROTATION: Tag = Tag(0x54_0006);
/// Only objects that everybody may read have this one, so that a search for others' objects meets no more than these.
const PUBLIC: Tag = Tag(0x54_0005);

/// The longest value in a term; of a longer one the term has the hash.
const VALUE_LENGTH: usize = 64;

/// Terms of a search, and amounts, that conditions make: the first few leave little for the rest to tell apart, and a structure may have
/// thousands of fields.
const SEARCH_TERMS: usize = 32;

/// The field of the numbers of a vendor attribute: this bit, and a hash of its names. The standard's tags end below it.
const VENDOR_FIELD: u32 = 1 << 31;

/// What an object is found by.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Values it has.
    pub(crate) terms: Vec<Term>,
    /// Dates and amounts it has.
    pub(crate) numbers: Vec<Number>,
}

/// What a search asks for: all of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Values an object must have.
    pub(crate) terms: Vec<Term>,
    /// Ranges in which it must have a number.
    pub(crate) ranges: Vec<Range>,
    /// Fields of which it must have no number.
    pub(crate) without: Vec<u32>,
    /// Whether what is found satisfies the conditions, so that no object has to be loaded to judge it.
    pub(crate) is_exact: bool,
}

/// One thing that follows from a value.
enum Key {
    Term(Term),
    /// A date: equal, or in a range.
    Date(Number),
    /// An amount: at least as much.
    Amount(Number),
}

impl Keys {
    /// What an object is found by, but for its attributes, which follow.
    #[must_use]
    pub(crate) fn begin(object: &StoredObject) -> Self {
        let usual = 2 * object.instances.len();
        let mut keys = Self { terms: Vec::with_capacity(usual), numbers: Vec::with_capacity(usual / 2) };
        if let Some(due) = rotation::due(object) {
            keys.numbers.push(Number { field: ROTATION.0, value: due });
        }
        keys.terms.push(object_type(object.object_type));
        keys.terms.push(destroyed(object.is_destroyed()));
        if object.is_public() {
            keys.terms.push(public());
        }
        keys
    }

    /// Adds what an attribute of the object is found by. `written` is the item that the record has for its value, so that a value
    /// is encoded once.
    pub(crate) fn add(&mut self, object: &StoredObject, attribute: &Attribute, written: &[u8]) {
        let found = &mut |key| match key {
            Key::Term(term) => self.terms.push(term),
            Key::Date(number) | Key::Amount(number) => self.numbers.push(number),
        };
        match attribute {
            // Its names are no part of the value.
            Attribute::Vendor(vendor) => {
                let mut writer = Writer::new();
                vendor.attribute_value.write(&mut writer, tag::AttributeValue);
                Field::of(attribute).keys(writer.bytes(), found);
            }
            Attribute::Name(_) if !object.is_destroyed() => {
                Field::of(attribute).keys(written, found);
                self.terms.push(Term { field: LIVING_NAME.0, value: short(written) });
            }
            _ => Field::of(attribute).keys(written, found),
        }
    }
}

/// The term of a Name that living objects have.
#[must_use]
pub(crate) fn living_name(name: &Attribute) -> Term {
    let mut writer = Writer::new();
    name.write_as(tag::Name, &mut writer, spelling_of(name));
    Term { field: LIVING_NAME.0, value: short(writer.bytes()) }
}

/// Whether a term is one that only living objects have for a Name.
#[must_use]
pub(crate) fn is_living_name(term: &Term) -> bool {
    term.field == LIVING_NAME.0
}

/// The range that finds what is to be rotated up to a moment.
#[must_use]
pub(crate) fn to_rotate(now: i64) -> Range {
    Range { field: ROTATION.0, from: i64::MIN, to: now }
}

/// The term of an object type.
#[must_use]
pub(crate) fn object_type(object_type: ObjectType) -> Term {
    let mut writer = Writer::new();
    writer.enumeration(tag::ObjectType, object_type.0);
    Term { field: tag::ObjectType.0, value: short(writer.bytes()) }
}

/// The term of an object that is, or is not, destroyed.
#[must_use]
pub(crate) fn destroyed(is_destroyed: bool) -> Term {
    Term { field: DESTROYED.0, value: [u8::from(is_destroyed)].into() }
}

/// The term of an object that everybody may read.
#[must_use]
pub(crate) fn public() -> Term {
    Term { field: PUBLIC.0, value: [1].into() }
}

/// The term of an attribute that is a text.
#[must_use]
pub(crate) fn text(tag: Tag, value: &str) -> Term {
    let mut writer = Writer::new();
    writer.text_string(tag, value);
    Term { field: tag.0, value: short(writer.bytes()) }
}

/// The term of an object that nobody has got yet.
#[must_use]
pub(crate) fn fresh() -> Term {
    let mut writer = Writer::new();
    writer.boolean(tag::Fresh, true);
    Term { field: tag::Fresh.0, value: short(writer.bytes()) }
}

impl Wanted {
    /// Adds what all conditions on one attribute ask for: two dates are the ends of a range, anything else must be there as it is.
    pub(crate) fn add(&mut self, reference: &AttributeReference, values: &[TreeValue], now: i64) {
        let computed = |tag| *reference == AttributeReference::Standard(tag);
        self.is_exact &= values.iter().all(|value| self.add_exactly(reference, value));
        if computed(tag::UniqueIdentifier) {
            return;
        }
        if computed(tag::State) {
            for value in values {
                if let TreeValue::Enumeration(state) = value {
                    self.add_state(State(*state), now);
                }
            }
            return;
        }
        let Some(field) = Field::named(reference) else { return };
        let mut dates: Vec<Number> = Vec::new();
        for value in values {
            let mut writer = Writer::new();
            value.write(&mut writer, field.value_tag());
            field.keys(writer.bytes(), &mut |key| match key {
                Key::Term(term) if self.terms.len() < SEARCH_TERMS => self.terms.push(term),
                Key::Date(number) => dates.push(number),
                Key::Amount(Number { field, value }) if self.ranges.len() < SEARCH_TERMS => {
                    self.ranges.push(Range { field, from: value, to: i64::MAX });
                }
                Key::Term(_) | Key::Amount(_) => {}
            });
        }
        match (dates.as_slice(), range(values)) {
            ([one, _], Some((from, to))) => self.ranges.push(Range { field: one.field, from, to }),
            _ => self.ranges.extend(dates.iter().map(|date| Range { field: date.field, from: date.value, to: date.value })),
        }
    }

    /// Whether the terms say all that a condition asks of a living object: where one term is the whole value. Those of a structure are
    /// one for each of its fields, which may be of different instances; a Name has one for the whole, that is added here.
    fn add_exactly(&mut self, reference: &AttributeReference, value: &TreeValue) -> bool {
        if self.terms.len() >= SEARCH_TERMS {
            return false;
        }
        let is = |tag| *reference == AttributeReference::Standard(tag);
        match value {
            TreeValue::TextString(_) => is(tag::ObjectGroup),
            TreeValue::Enumeration(_) => is(tag::ObjectType) || is(tag::CryptographicAlgorithm),
            TreeValue::Integer(_) => is(tag::CryptographicLength),
            TreeValue::Structure(fields) if is(tag::Name) => match fields.as_slice() {
                [name, kind] if is_whole_name(name, kind) => {
                    let mut writer = Writer::new();
                    value.write(&mut writer, tag::Name);
                    self.terms.push(Term { field: LIVING_NAME.0, value: short(writer.bytes()) });
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// A state follows from dates. Only the absence of a date cannot be asked for.
    fn add_state(&mut self, state: State, now: i64) {
        for (tag, to) in lifecycle::needed(state, now) {
            self.ranges.push(Range { field: tag.0, from: i64::MIN, to });
        }
        let is_destroyed = matches!(state, State::Destroyed | State::DestroyedCompromised);
        self.terms.push(destroyed(is_destroyed));
    }
}

/// The range that two dates on one attribute form, in any order (2.1, section 6.1.28); `None`: they are something else.
#[must_use]
pub(crate) fn range(values: &[TreeValue]) -> Option<(i64, i64)> {
    match values {
        [TreeValue::DateTime(one), TreeValue::DateTime(other)]
        | [TreeValue::DateTimeExtended(one), TreeValue::DateTimeExtended(other)] => Some((*one.min(other), *one.max(other))),
        _ => None,
    }
}

/// Whether the fields of a condition are a Name as it is kept: the text, then the type.
fn is_whole_name(text: &Tree, kind: &Tree) -> bool {
    text.tag == tag::NameValue
        && matches!(text.value, TreeValue::TextString(_))
        && kind.tag == tag::NameType
        && matches!(kind.value, TreeValue::Enumeration(_))
}

/// How many things an object would be found by, because of a vendor's value: a client decides how many there are.
#[must_use]
pub(crate) fn count(value: &TreeValue) -> usize {
    match value {
        TreeValue::Structure(fields) => fields.iter().map(|field| count(&field.value)).sum(),
        _ => 1,
    }
}

/// What the values of one attribute have in common.
struct Field {
    tag: Tag,
    /// The names of a vendor attribute; empty for the standard's.
    names: Vec<u8>,
}

impl Field {
    fn of(attribute: &Attribute) -> Self {
        match attribute {
            Attribute::Vendor(vendor) => Self::vendor(&vendor.vendor_identification, &vendor.attribute_name),
            attribute => Self { tag: attribute.tag(), names: Vec::new() },
        }
    }

    fn named(reference: &AttributeReference) -> Option<Self> {
        match reference {
            AttributeReference::Standard(tag) => Some(Self { tag: *tag, names: Vec::new() }),
            AttributeReference::Vendor { vendor_identification, attribute_name } => {
                Some(Self::vendor(vendor_identification, attribute_name))
            }
            AttributeReference::Unknown(_) => None,
        }
    }

    fn vendor(vendor_identification: &str, attribute_name: &str) -> Self {
        let mut writer = Writer::new();
        writer.text_string(tag::VendorIdentification, vendor_identification);
        writer.text_string(tag::AttributeName, attribute_name);
        Self { tag: tag::Attribute, names: short(writer.bytes()).into() }
    }

    /// The tag that a value is written under.
    const fn value_tag(&self) -> Tag {
        if self.names.is_empty() { self.tag } else { tag::AttributeValue }
    }

    fn is_the_servers(&self) -> bool {
        rules_of(self.tag).is_some_and(|rules| rules.set_by == SetBy::Server)
    }

    /// What follows from a value, given as the bytes of one item.
    fn keys(&self, item: &[u8], found: &mut impl FnMut(Key)) {
        // What was just written can be read.
        if let Ok(Some(item)) = Reader::new(item).next_item() {
            self.visit(&item, &mut Vec::new(), found);
        }
    }

    /// `path`: the tags of the structures around the item.
    fn visit(&self, item: &Item<'_>, path: &mut Vec<u8>, found: &mut impl FnMut(Key)) {
        let is_whole = path.is_empty();
        match item.value {
            Value::Structure(mut inside) => {
                path.extend(item.tag.0.to_be_bytes());
                while let Ok(Some(inner)) = inside.next_item() {
                    self.visit(&inner, path, found);
                }
                path.truncate(path.len().saturating_sub(4));
            }
            Value::Enumeration(_) | Value::Boolean(_) if !is_whole && self.is_the_servers() => {}
            Value::Integer(mask) if is_whole && masks::of_tag(self.tag).is_some() => {
                for bit in (0..32).filter(|bit| mask & (1 << bit) != 0) {
                    found(Key::Term(Term { field: self.tag.0, value: [bit].into() }));
                }
            }
            Value::DateTime(value) | Value::DateTimeExtended(value) if is_whole => {
                found(Key::Date(Number { field: self.number(item), value }));
            }
            Value::LongInteger(value) if self.tag == tag::UsageLimits => {
                found(Key::Amount(Number { field: item.tag.0, value }));
            }
            _ if is_whole && self.names.is_empty() => {
                found(Key::Term(Term { field: self.tag.0, value: short(item.raw()) }));
            }
            _ => {
                let mut value = Zeroizing::new(Vec::with_capacity(self.names.len() + path.len() + item.raw().len()));
                value.extend_from_slice(&self.names);
                value.extend_from_slice(path);
                value.extend_from_slice(item.raw());
                found(Key::Term(Term { field: self.tag.0, value: short(&value) }));
            }
        }
    }

    /// The field of a date. Those of vendors share the numbers above the tags; that two of them meet costs a look at an object.
    fn number(&self, item: &Item<'_>) -> u32 {
        if self.names.is_empty() {
            return self.tag.0;
        }
        let mut named = self.names.clone();
        named.push(item.item_type() as u8);
        let [a, b, c, d, ..] = crypto::sha256(&named);
        VENDOR_FIELD | u32::from_be_bytes([a, b, c, d])
    }
}

/// A value, or the hash of one that is long.
fn short(value: &[u8]) -> Box<[u8]> {
    if value.len() <= VALUE_LENGTH { value.into() } else { crypto::sha256(value).into() }
}
