//! Writing items in one pass.

use zeroize::Zeroize;

use crate::{HEADER_LENGTH, ItemType, Tag, Value, padded};

/// Writes items, one after the other, into one buffer.
///
/// The buffer is wiped when the writer is dropped, and whenever it grows, since messages carry key material.
#[derive(Default)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new() }
    }

    /// A writer that holds `capacity` bytes before it has to grow.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buffer: Vec::with_capacity(capacity) }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes back everything written since the writer had `length` bytes, and wipes it.
    pub fn truncate(&mut self, length: usize) {
        if let Some(rest) = self.buffer.get_mut(length..) {
            rest.zeroize();
        }
        self.buffer.truncate(length);
    }

    /// The bytes written.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// A structure, whose items `inside` writes.
    pub fn structure(&mut self, tag: Tag, inside: impl FnOnce(&mut Self)) {
        let open = self.begin(tag);
        inside(self);
        self.end(open);
    }

    /// Begins a structure that [`Writer::end`] ends, where a closure cannot write its inside.
    pub fn begin(&mut self, tag: Tag) -> OpenStructure {
        self.value(tag, ItemType::Structure, &[]);
        OpenStructure(self.buffer.len())
    }

    /// Ends a structure: what was written since it began is its inside.
    ///
    /// # Panics
    /// If the beginning has been truncated away.
    #[allow(clippy::needless_pass_by_value)] // The beginning is used up.
    pub fn end(&mut self, open: OpenStructure) {
        let OpenStructure(start) = open;
        let length = wire_length(self.buffer.len() - start);
        self.buffer[start - 4..start].copy_from_slice(&length);
    }

    /// Overwrites the value of an Integer or Enumeration that was written when the writer had `offset` bytes.
    ///
    /// # Panics
    /// If nothing was written there.
    pub fn overwrite(&mut self, offset: usize, value: u32) {
        self.buffer[offset + HEADER_LENGTH..offset + HEADER_LENGTH + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// An Integer.
    pub fn integer(&mut self, tag: Tag, value: i32) {
        self.four(tag, ItemType::Integer, value.to_be_bytes());
    }

    /// A Long Integer.
    pub fn long_integer(&mut self, tag: Tag, value: i64) {
        self.eight(tag, ItemType::LongInteger, value.to_be_bytes());
    }

    /// A Big Integer: two's complement, big-endian, sign-extended here to a multiple of 8 bytes.
    pub fn big_integer(&mut self, tag: Tag, value: &[u8]) {
        let total = padded(value.len().max(1));
        let fill = if value.first().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0 };
        self.header(tag, ItemType::BigInteger, total);
        self.buffer.resize(self.buffer.len() + total - value.len(), fill);
        self.buffer.extend_from_slice(value);
    }

    /// An Enumeration.
    pub fn enumeration(&mut self, tag: Tag, value: u32) {
        self.four(tag, ItemType::Enumeration, value.to_be_bytes());
    }

    /// A Boolean.
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.eight(tag, ItemType::Boolean, u64::from(value).to_be_bytes());
    }

    /// A Text String.
    pub fn text_string(&mut self, tag: Tag, value: &str) {
        self.value(tag, ItemType::TextString, value.as_bytes());
    }

    /// A Byte String.
    pub fn byte_string(&mut self, tag: Tag, value: &[u8]) {
        self.value(tag, ItemType::ByteString, value);
    }

    /// A Date-Time, seconds since 1970.
    pub fn date_time(&mut self, tag: Tag, value: i64) {
        self.eight(tag, ItemType::DateTime, value.to_be_bytes());
    }

    /// An Interval in seconds.
    pub fn interval(&mut self, tag: Tag, value: u32) {
        self.four(tag, ItemType::Interval, value.to_be_bytes());
    }

    /// A Date-Time Extended, micro-seconds since 1970.
    pub fn date_time_extended(&mut self, tag: Tag, value: i64) {
        self.eight(tag, ItemType::DateTimeExtended, value.to_be_bytes());
    }

    /// An Identifier.
    pub fn identifier(&mut self, tag: Tag, value: &str) {
        self.value(tag, ItemType::Identifier, value.as_bytes());
    }

    /// A Reference.
    pub fn reference(&mut self, tag: Tag, value: &str) {
        self.value(tag, ItemType::Reference, value.as_bytes());
    }

    /// A Name Reference.
    pub fn name_reference(&mut self, tag: Tag, value: &str) {
        self.value(tag, ItemType::NameReference, value.as_bytes());
    }

    /// An item as a reader gave it, under a tag of one's own choice.
    pub fn item(&mut self, tag: Tag, value: &Value<'_>) {
        match value {
            Value::Structure(inside) => self.value(tag, ItemType::Structure, inside.raw()),
            Value::Integer(value) => self.integer(tag, *value),
            Value::LongInteger(value) => self.long_integer(tag, *value),
            Value::BigInteger(value) => self.big_integer(tag, value),
            Value::Enumeration(value) => self.enumeration(tag, *value),
            Value::Boolean(value) => self.boolean(tag, *value),
            Value::TextString(value) => self.text_string(tag, value),
            Value::ByteString(value) => self.byte_string(tag, value),
            Value::DateTime(value) => self.date_time(tag, *value),
            Value::Interval(value) => self.interval(tag, *value),
            Value::DateTimeExtended(value) => self.date_time_extended(tag, *value),
            Value::Identifier(value) => self.identifier(tag, value),
            Value::Reference(value) => self.reference(tag, value),
            Value::NameReference(value) => self.name_reference(tag, value),
        }
    }

    /// Items that are already encoded.
    pub fn raw(&mut self, items: &[u8]) {
        debug_assert!(items.len().is_multiple_of(8), "items are padded");
        self.reserve(items.len());
        self.buffer.extend_from_slice(items);
    }

    fn value(&mut self, tag: Tag, item_type: ItemType, content: &[u8]) {
        self.header(tag, item_type, content.len());
        self.buffer.extend_from_slice(content);
        self.buffer.resize(padded(self.buffer.len()), 0);
    }

    /// An item of four bytes, in one go with its header and padding.
    fn four(&mut self, tag: Tag, item_type: ItemType, [a, b, c, d]: [u8; 4]) {
        self.whole(tag, item_type, 4, [a, b, c, d, 0, 0, 0, 0]);
    }

    fn eight(&mut self, tag: Tag, item_type: ItemType, value: [u8; 8]) {
        self.whole(tag, item_type, 8, value);
    }

    fn whole(&mut self, tag: Tag, item_type: ItemType, length: usize, value: [u8; 8]) {
        let mut item = [0; HEADER_LENGTH + 8];
        let (header, rest) = item.split_at_mut(HEADER_LENGTH);
        header.copy_from_slice(&header_of(tag, item_type, length));
        rest.copy_from_slice(&value);
        self.reserve(item.len());
        self.buffer.extend_from_slice(&item);
    }

    fn header(&mut self, tag: Tag, item_type: ItemType, length: usize) {
        self.reserve(HEADER_LENGTH + padded(length));
        self.buffer.extend_from_slice(&header_of(tag, item_type, length));
    }

    /// Grows by copying and wiping, because `Vec` would leave the old bytes behind on the heap.
    fn reserve(&mut self, additional: usize) {
        let needed = self.buffer.len() + additional;
        if needed > self.buffer.capacity() {
            let mut larger = Vec::with_capacity(needed.max(self.buffer.capacity() * 2).max(256));
            larger.extend_from_slice(&self.buffer);
            self.buffer.zeroize();
            self.buffer = larger;
        }
    }
}

/// The beginning of a structure that is being written.
#[must_use = "a structure that is not ended has no length"]
pub struct OpenStructure(usize);

impl Drop for Writer {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// The header of an item: tag, type, length.
fn header_of(tag: Tag, item_type: ItemType, length: usize) -> [u8; HEADER_LENGTH] {
    let [_, a, b, c] = tag.0.to_be_bytes();
    let [d, e, f, g] = wire_length(length);
    [a, b, c, item_type as u8, d, e, f, g]
}

/// A length as it stands on the wire.
///
/// # Panics
/// Beyond 4 GiB, which no limit of the server lets come near.
fn wire_length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("an item is shorter than 4 GiB").to_be_bytes()
}
