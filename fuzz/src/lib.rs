//! Fuzz targets: plain functions that take any bytes and panic when a promise is broken.
//!
//! The tests run them on stable over a corpus and its mutations (tests/corpus.rs). By hand they run under libFuzzer, for as
//! long as one likes; see README.md. What every target promises: no panic, no unbounded memory, and whatever was read can
//! be written, read again and written as the same bytes.

mod payload;

use kmip::attribute::{Attributes, TemplateAttribute};
use kmip::codec::{self, Value};
use kmip::message::{RequestMessage, ResponseMessage};
use kmip::object::ManagedObject;
use kmip::text::xml::Element;
use kmip::{ProtocolVersion, tag};
use ttlv_codec::{Item, Limits, Reader, Tree, Writer, check, path_at};

/// Small limits, so that a target never spends its time on one big input.
const LIMITS: Limits = Limits { length: 1 << 16, depth: 32, items: 1 << 12 };

/// Items per batch that a request may have.
const BATCH: usize = 64;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Target] =
    &[("ttlv", ttlv), ("request", request), ("response", response), ("values", values), ("xml", xml), ("text", text)];

/// The codec: what [`check`] accepts is one tree, and its bytes are the only spelling of that tree.
pub fn ttlv(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(_)) = reader.next_item() {}
    match check(bytes, &LIMITS) {
        Ok(()) => {
            let tree = Tree::parse(bytes, &LIMITS).unwrap_or_else(|error| panic!("checked, but not readable: {error}"));
            assert_eq!(tree.to_bytes(), bytes, "two spellings of one tree");
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "an offset beyond the end: {error}");
            let _ = path_at(bytes, error.offset);
            assert!(Tree::parse(bytes, &LIMITS).is_err(), "readable, but not checked");
        }
    }
}

/// A request of any version, header, extensions and payloads.
pub fn request(bytes: &[u8]) {
    if let Ok(message) = RequestMessage::read(bytes, &LIMITS, BATCH) {
        assert!(message.items.len() <= BATCH, "more items than the limit");
        same(&message.header, tag::RequestHeader, message.version);
        for item in &message.items {
            for extension in &item.message_extensions {
                same(extension, tag::MessageExtension, message.version);
            }
            payload::payload(item.operation, &item.payload, message.version);
        }
    }
}

/// Whether the bytes are a request whose payloads can all be read: what a seed of the corpus has to be.
#[must_use]
pub fn is_readable(bytes: &[u8]) -> bool {
    RequestMessage::read(bytes, &LIMITS, BATCH)
        .is_ok_and(|message| message.items.iter().all(|item| payload::payload(item.operation, &item.payload, message.version)))
}

/// A response of any version.
pub fn response(bytes: &[u8]) {
    if let Ok(message) = ResponseMessage::read(bytes, &LIMITS) {
        same(&message.header, tag::ResponseHeader, message.version);
        for item in &message.items {
            if let (Some(operation), Some(payload)) = (item.operation, &item.payload) {
                payload::payload(operation, payload, message.version);
            }
        }
    }
}

/// Everything that may be inside a payload, looked for at every level of the input and in every version.
pub fn values(bytes: &[u8]) {
    if check(bytes, &LIMITS).is_ok() {
        visit(Reader::new(bytes));
    }
}

/// A text that is XML: read, as TTLV, and written again.
pub fn xml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(element) = Element::parse(text, &LIMITS) else { return };
    if let Ok(tree) = element.to_tree() {
        let again = Tree::parse(&tree.to_bytes(), &Limits { length: usize::MAX, ..LIMITS });
        assert!(again.is_ok_and(|again| again == tree), "XML made a tree that TTLV does not carry");
    }
}

/// A TTLV message as XML and back: the same tree.
pub fn text(bytes: &[u8]) {
    let Ok(tree) = Tree::parse(bytes, &LIMITS) else { return };
    for version in ProtocolVersion::ALL {
        // XML 1.0 cannot carry every character; what it can carry comes back.
        let Ok(xml) = Element::from_tree(&tree, version).to_xml() else { continue };
        let limits = Limits { length: xml.len(), ..LIMITS };
        let element = Element::parse(&xml, &limits).unwrap_or_else(|error| panic!("our own XML is not readable: {error}\n{xml}"));
        let again = element.to_tree().unwrap_or_else(|error| panic!("our own XML is not a tree: {error}\n{xml}"));
        assert!(again == tree, "another tree came back\n{xml}");
    }
}

fn visit(mut reader: Reader<'_>) {
    while let Ok(Some(item)) = reader.next_item() {
        for version in ProtocolVersion::ALL {
            one(&item, version);
        }
        if let ttlv_codec::Value::Structure(inside) = item.value {
            visit(inside);
        }
    }
}

fn one(item: &Item<'_>, version: ProtocolVersion) {
    if let Ok(template) = TemplateAttribute::read(item, version) {
        same(&template, item.tag, version);
    }
    let _ = Attributes::read_structure(item, version);
    if let Ok(Some(object)) = ManagedObject::read_tagged(item, version) {
        let bytes = written(&object, version);
        let again = Reader::new(&bytes).next_item().ok().flatten();
        let again = again.and_then(|item| ManagedObject::read_tagged(&item, version).ok().flatten());
        assert!(again.is_some_and(|again| written(&again, version) == bytes), "another object came back in {version:?}");
    }
}

fn written(object: &ManagedObject, version: ProtocolVersion) -> Vec<u8> {
    let mut writer = Writer::new();
    object.write_tagged(&mut writer, version);
    writer.finish()
}

/// A value that was read is written in a form that can be read, and that form is final: written again, it is the same bytes.
/// (The first bytes may differ: an Attribute Index of 0, for example, is left out.)
fn same<T: Value + std::fmt::Debug>(value: &T, tag: ttlv_codec::Tag, version: ProtocolVersion) {
    let bytes = codec::to_bytes(value, tag, version);
    match codec::from_bytes::<T>(&bytes, version) {
        Ok(again) => {
            let stable = codec::to_bytes(&again, tag, version) == bytes;
            assert!(stable, "another value came back in {version:?}\n{again:?}\n{value:?}");
        }
        Err(error) => panic!("what was written cannot be read in {version:?}: {error}\n{value:?}"),
    }
}
