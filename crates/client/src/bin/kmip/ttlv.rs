//! `kmip ttlv decode`: a message as a tree, with the names of the standard and the offset of every item.

use kmip::text::xml::Element;
use kmip::{ProtocolVersion, tag};
use serde_json::{Value as Json, json};
use ttlv_codec::{Error, ErrorKind, Item, ItemType, Limits, Reader, Tag, Tree, TreeValue, Value, path_at};

use crate::input;
use crate::output::{self, Failure, Output};

/// Bytes of a value that are shown unless all are asked for.
const SHOWN_LENGTH: usize = 64;
/// Levels of structures that are followed: twice what the deepest message of the standard has.
const DEPTH_MAX: usize = 32;

/// How to show a message.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// Whether long values are shown whole.
    pub(crate) full: bool,
    /// Whether key material and passwords are hidden.
    pub(crate) redact: bool,
    /// Whether to write XML.
    pub(crate) xml: bool,
}

/// Decodes every message in `input` and prints it; what comes before an error is printed, too.
pub(crate) fn decode(input: &str, style: Style, output: Output) -> Result<(), Failure> {
    let bytes = input::message(input)?;
    let (messages, error) = read_all(&bytes, style.redact);
    if style.xml {
        if error.is_none() {
            print_xml(&bytes)?;
        }
    } else if output.json {
        let document: Vec<Json> = messages.iter().map(Node::to_json).collect();
        let error = error.as_ref().map(|error| {
            json!({ "message": error.kind.to_string(), "offset": error.offset, "path": path_names(&bytes, error.offset) })
        });
        output::line(format_args!("{:#}", json!({ "messages": document, "error": error })));
    } else {
        let width = bytes.len().to_string().len();
        messages.iter().for_each(|message| message.print(0, width, style));
    }
    match error {
        None => Ok(()),
        Some(error) => {
            let path = path_names(&bytes, error.offset);
            let place = if path.is_empty() { String::new() } else { format!(", in {}", path.join(" / ")) };
            output::complain(format_args!("not TTLV: {error}{place}"));
            Err(Failure::Reported)
        }
    }
}

/// `kmip ttlv encode`: XML back into bytes.
pub(crate) fn encode(input: &std::path::Path, raw: bool) -> Result<(), Failure> {
    let bytes = input::read(input)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::other("the XML is not UTF-8"))?;
    let element = Element::parse(text, &Limits::default()).map_err(|error| Failure::other(error.to_string()))?;
    let tree = element.to_tree().map_err(|error| Failure::other(error.to_string()))?;
    let bytes = zeroize::Zeroizing::new(tree.to_bytes());
    if raw {
        return output::raw(&bytes);
    }
    output::line(input::to_hex(&bytes).as_str());
    Ok(())
}

fn print_xml(bytes: &[u8]) -> Result<(), Failure> {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(item)) = reader.next_item() {
        let tree = Tree::read(&item).map_err(|error| Failure::other(error.to_string()))?;
        let xml = Element::from_tree(&tree, version_of(&item)).to_xml().map_err(|error| Failure::other(error.to_string()))?;
        output::line(xml.trim_end());
    }
    Ok(())
}

fn path_names(bytes: &[u8], offset: usize) -> Vec<String> {
    path_at(bytes, offset).into_iter().map(tag_name).collect()
}

fn tag_name(tag: Tag) -> String {
    tag::by_tag(tag).map_or_else(|| format!("{tag:?}"), |row| row.xml_name.to_owned())
}

/// An item to show.
struct Node {
    offset: usize,
    tag: Tag,
    item_type: ItemType,
    /// Bytes of the value on the wire, without padding.
    length: usize,
    /// The value in words; empty for a structure.
    text: String,
    /// The number behind a name.
    number: Option<u32>,
    children: Vec<Node>,
}

/// All messages in `bytes`, as far as they can be read, and what stopped the reading.
fn read_all(bytes: &[u8], redact: bool) -> (Vec<Node>, Option<Error>) {
    let mut nodes = Vec::new();
    let mut reader = Reader::new(bytes);
    loop {
        match reader.next_item() {
            Ok(None) => return (nodes, None),
            Err(error) => return (nodes, Some(error)),
            Ok(Some(item)) => {
                let mut walk = Walk { version: version_of(&item), redact, error: None };
                nodes.push(walk.node(&item, None, DEPTH_MAX, false));
                if walk.error.is_some() {
                    return (nodes, walk.error);
                }
            }
        }
    }
}

/// The version that a message's header names; the newest of 2.x if there is none.
fn version_of(message: &Item<'_>) -> ProtocolVersion {
    let numbers = || {
        let (header, _) = first(message)?;
        let (version, _) = first(&header).filter(|(item, _)| item.tag == tag::ProtocolVersion)?;
        let (major, mut rest) = first(&version)?;
        match (major.value, rest.next_item().ok()??.value) {
            (Value::Integer(major), Value::Integer(minor)) => ProtocolVersion::from_numbers(major, minor),
            _ => None,
        }
    };
    numbers().unwrap_or(ProtocolVersion::V2_1)
}

/// The first item of a structure, and the others.
fn first<'a>(structure: &Item<'a>) -> Option<(Item<'a>, Reader<'a>)> {
    match structure.value {
        Value::Structure(mut items) => Some((items.next_item().ok()??, items)),
        _ => None,
    }
}

struct Walk {
    version: ProtocolVersion,
    redact: bool,
    error: Option<Error>,
}

impl Walk {
    /// The item, and what is inside it until something is wrong. `attribute` is the Attribute Name beside it.
    fn node(&mut self, item: &Item<'_>, attribute: Option<&str>, depth: usize, secret: bool) -> Node {
        let secret = secret || (self.redact && is_secret(item.tag));
        let mut node = Node {
            offset: item.offset,
            tag: item.tag,
            item_type: item.item_type(),
            length: length_of(&item.value),
            text: String::new(),
            number: None,
            children: Vec::new(),
        };
        let Value::Structure(mut inside) = item.value else {
            node.number = match item.value {
                Value::Enumeration(value) => Some(value),
                Value::Integer(value) if kmip::masks::of_tag(item.tag).is_some() => Some(value.cast_unsigned()),
                _ => None,
            };
            node.text = if secret { "(hidden)".to_owned() } else { self.text(item, attribute) };
            return node;
        };
        if depth == 0 {
            self.error = Some(Error { offset: item.offset, kind: ErrorKind::TooDeep { limit: DEPTH_MAX } });
            return node;
        }
        let mut attribute = None;
        while self.error.is_none() {
            match inside.next_item() {
                Ok(None) => break,
                Ok(Some(child)) => {
                    if let (tag::AttributeName, Value::TextString(name)) = (child.tag, child.value) {
                        attribute = Some(name);
                    }
                    node.children.push(self.node(&child, attribute, depth - 1, secret));
                }
                Err(error) => self.error = Some(error),
            }
        }
        node
    }

    /// A value in words. An Attribute Value takes the names of the attribute that it is the value of.
    fn text(&self, item: &Item<'_>, attribute: Option<&str>) -> String {
        let Ok(value) = TreeValue::read(&item.value) else { return String::new() };
        let tree = Tree { tag: item.tag, value };
        match attribute.filter(|_| item.tag == tag::AttributeValue) {
            None => Element::from_tree(&tree, self.version).value.clone(),
            Some(name) => {
                let name = Tree { tag: tag::AttributeName, value: TreeValue::TextString(name.to_owned()) };
                let around = Tree { tag: tag::Attribute, value: TreeValue::Structure(vec![name, tree]) };
                Element::from_tree(&around, self.version).children.last().map(|value| value.value.clone()).unwrap_or_default()
            }
        }
    }
}

fn length_of(value: &Value<'_>) -> usize {
    match value {
        Value::Structure(inside) => inside.raw().len(),
        Value::Integer(_) | Value::Enumeration(_) | Value::Interval(_) => 4,
        Value::LongInteger(_) | Value::Boolean(_) | Value::DateTime(_) | Value::DateTimeExtended(_) => 8,
        Value::BigInteger(bytes) | Value::ByteString(bytes) => bytes.len(),
        Value::TextString(text) | Value::Identifier(text) | Value::Reference(text) | Value::NameReference(text) => text.len(),
    }
}

/// Items whose content must not be in a ticket or a chat.
fn is_secret(tag: Tag) -> bool {
    [
        tag::KeyMaterial,
        tag::KeyValue,
        tag::Password,
        tag::HashedPassword,
        tag::OneTimePassword,
        tag::OpaqueDataValue,
        tag::TicketValue,
        tag::Data,
    ]
    .contains(&tag)
}

impl Node {
    fn print(&self, level: usize, width: usize, style: Style) {
        let indent = "  ".repeat(level);
        let (offset, name) = (self.offset, tag_name(self.tag));
        if self.item_type == ItemType::Structure {
            output::line(format_args!("{offset:width$}  {indent}{name}"));
            self.children.iter().for_each(|child| child.print(level + 1, width, style));
            return;
        }
        output::line(format_args!("{offset:width$}  {indent}{name} {:?} {}", self.item_type, self.shown(style)));
    }

    fn shown(&self, style: Style) -> String {
        match self.item_type {
            _ if self.text == "(hidden)" => format!("(hidden, {} bytes)", self.length),
            ItemType::TextString | ItemType::Identifier | ItemType::Reference | ItemType::NameReference => {
                // Quoted and escaped: a text must not be able to steer the terminal.
                format!("{:?}", self.text)
            }
            ItemType::ByteString | ItemType::BigInteger if self.length > SHOWN_LENGTH && !style.full => {
                let start = self.text.get(..SHOWN_LENGTH * 2).unwrap_or_default();
                format!("{start}… ({} bytes)", self.length)
            }
            ItemType::Interval => format!("{} s", self.text),
            _ => match self.number {
                Some(number) => format!("{} (0x{number:08X})", self.text),
                None => self.text.clone(),
            },
        }
    }

    fn to_json(&self) -> Json {
        let value = if self.item_type == ItemType::Structure {
            Json::Array(self.children.iter().map(Self::to_json).collect())
        } else {
            Json::String(self.text.clone())
        };
        let mut node = json!({
            "offset": self.offset,
            "tag": tag_name(self.tag),
            "code": format!("{:?}", self.tag),
            "type": format!("{:?}", self.item_type),
            "length": self.length,
            "value": value,
        });
        if let (Some(number), Json::Object(fields)) = (self.number, &mut node) {
            fields.insert("number".to_owned(), json!(number));
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_value_is_named_by_its_attribute() {
        let leaf = |tag, value| Tree { tag, value };
        let tree = leaf(
            tag::Attribute,
            TreeValue::Structure(vec![
                leaf(tag::AttributeName, TreeValue::TextString("Cryptographic Algorithm".to_owned())),
                leaf(tag::AttributeValue, TreeValue::Enumeration(3)),
            ]),
        );
        let (nodes, error) = read_all(&tree.to_bytes(), false);
        assert!(error.is_none());
        let value = &nodes[0].children[1];
        assert_eq!((value.text.as_str(), value.number), ("AES", Some(3)));
    }

    #[test]
    fn what_is_whole_before_an_error_is_kept() {
        // Attribute { Attribute Name "a", an item of type 0xFF }.
        let bytes = input::from_hex("42000801 00000018 42000A07 00000001 6100000000000000 42000BFF 00000000").unwrap();
        let (nodes, error) = read_all(&bytes, false);
        assert_eq!(nodes[0].children.len(), 1);
        let error = error.unwrap();
        assert_eq!((error.offset, error.kind), (24, ErrorKind::UnknownItemType(0xFF)));
        assert_eq!(path_names(&bytes, 24), ["Attribute"]);
    }

    #[test]
    fn secrets_can_be_hidden() {
        let leaf = |tag, value| Tree { tag, value };
        let inside = leaf(tag::KeyMaterial, TreeValue::ByteString(vec![0xAB; 16]));
        let tree = leaf(tag::KeyValue, TreeValue::Structure(vec![inside]));
        let (nodes, _) = read_all(&tree.to_bytes(), true);
        assert!(!nodes[0].to_json().to_string().contains("abab"));
        let (nodes, _) = read_all(&tree.to_bytes(), false);
        assert!(nodes[0].to_json().to_string().contains("abab"));
    }
}
