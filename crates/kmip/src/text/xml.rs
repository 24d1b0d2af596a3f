//! The XML encoding ("KMIP Additional Message Encodings" 1.0, section 6.1).
//!
//! ```text
//! <ActivationDate type="DateTime" value="2001-01-01T10:00:00+10:00"/>
//! <TTLV tag="0x540001" type="TextString" value="an extension"/>
//! ```
//!
//! An [`Element`] is one item as text; it becomes a [`Tree`] and is made from one. Texts without a meaning in TTLV (comments, white
//! space between elements, namespace declarations) are passed over.

use std::fmt;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};
use ttlv_codec::{ItemType, Limits, Tag, Tree, TreeValue};
use zeroize::Zeroize;

use super::{Error, ErrorKind, names, value};
use crate::{ProtocolVersion, tag};

/// The element for items whose tag has no name.
const GENERAL_ELEMENT: &str = "TTLV";

/// An item as text. Values are wiped when it is dropped, and Debug shows only their lengths.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// The normalised name of the tag, or `0x` and six hexadecimal digits.
    pub name: String,
    /// The type of the item.
    pub item_type: ItemType,
    /// The text of the value; empty for a structure.
    pub value: String,
    /// The items of a structure.
    pub children: Vec<Element>,
}

impl Element {
    /// The first element of an XML text, within `limits` (bytes of text, levels, elements).
    ///
    /// # Errors
    /// If a limit is exceeded, or the text is not one well-formed element with known item types.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.length {
            return Err(ErrorKind::TooLong { length: text.len(), limit: limits.length }.at(""));
        }
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut items = 0;
        loop {
            let event = reader.read_event().map_err(|error| syntax(&open, &error.to_string()))?;
            let (start, ends) = match event {
                Event::Start(start) => (Some(start), false),
                Event::Empty(start) => (Some(start), true),
                Event::End(_) => (None, true),
                // A document type could define entities; messages have none (and expanding them has no bound).
                Event::DocType(_) => return Err(syntax(&open, "a document type declaration")),
                Event::Eof => return Err(syntax(&open, "the text ends inside an element")),
                _ => continue,
            };
            if let Some(start) = start {
                items += 1;
                if items > limits.items {
                    return Err(at(&open, ErrorKind::TooManyItems { limit: limits.items }));
                }
                if open.len() >= limits.depth {
                    return Err(at(&open, ErrorKind::TooDeep { limit: limits.depth }));
                }
                let element = Self::read_start(&start).map_err(|kind| at(&open, kind))?;
                open.push(element);
            }
            if ends {
                // The reader checks that ends match their starts, so there is an open element.
                let Some(element) = open.pop() else { return Err(syntax(&open, "an end without a start")) };
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
        }
    }

    fn read_start(start: &BytesStart<'_>) -> Result<Self, ErrorKind> {
        let mut element = Self {
            name: start.local_name().into_inner().to_owned(),
            item_type: ItemType::Structure,
            value: String::new(),
            children: Vec::new(),
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| ErrorKind::Syntax(error.to_string()))?;
            let text =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| ErrorKind::Syntax(error.to_string()))?;
            match attribute.key.into_inner() {
                "type" => {
                    element.item_type =
                        names::item_type_of_name(&text).ok_or_else(|| ErrorKind::UnknownType(text.into_owned()))?;
                }
                "value" => element.value = text.into_owned(),
                "tag" if start.local_name().into_inner() == GENERAL_ELEMENT => element.name = text.into_owned(),
                _ => {}
            }
        }
        Ok(element)
    }

    /// The first child called `name`.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The tag its name stands for.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        names::tag_of_name(&self.name)
    }

    /// The item this text stands for. Names are understood in the spelling of any version.
    ///
    /// # Errors
    /// If a name is unknown or a value does not fit its type.
    pub fn to_tree(&self) -> Result<Tree, Error> {
        self.read_item(None)
    }

    /// The item of a value without its surroundings: `attribute` is the standard's name of the attribute whose Attribute Value this is.
    ///
    /// # Errors
    /// As [`Element::to_tree`].
    pub fn to_tree_as_attribute(&self, attribute: &str) -> Result<Tree, Error> {
        self.read_item(tag::by_name(attribute).map(|row| row.tag))
    }

    fn read_item(&self, attribute: Option<Tag>) -> Result<Tree, Error> {
        let tag = self.tag().ok_or_else(|| ErrorKind::UnknownTag.at(&self.name))?;
        let value = if self.item_type == ItemType::Structure {
            if !self.value.is_empty() {
                return Err(ErrorKind::Shape.at(&self.name));
            }
            let named = self.attribute_named_inside();
            let items: Result<Vec<Tree>, Error> = self.children.iter().map(|child| child.read_item(named)).collect();
            TreeValue::Structure(items.map_err(|error| error.inside(&self.name))?)
        } else {
            if !self.children.is_empty() {
                return Err(ErrorKind::Shape.at(&self.name));
            }
            let meaning = if tag == tag::AttributeValue { attribute.unwrap_or(tag) } else { tag };
            value::read(&self.value, self.item_type, meaning).map_err(|kind| kind.at(&self.name))?
        };
        Ok(Tree { tag, value })
    }

    /// In an Attribute of 1.x, the tag of the attribute it names: that tag's names are used in its Attribute Value. An Attribute with a
    /// Vendor Identification (2.0 and later) is the vendor's own.
    fn attribute_named_inside(&self) -> Option<Tag> {
        let name = self.child(ATTRIBUTE_NAME).filter(|_| self.child(VENDOR_IDENTIFICATION).is_none())?;
        tag::by_name(&name.value).map(|row| row.tag)
    }

    /// The text of an item, with the names that `version` has.
    #[must_use]
    pub fn from_tree(tree: &Tree, version: ProtocolVersion) -> Self {
        Self::write_item(tree, None, version)
    }

    fn write_item(tree: &Tree, attribute: Option<Tag>, version: ProtocolVersion) -> Self {
        let name = names::tag_text(tree.tag);
        if let TreeValue::Structure(items) = &tree.value {
            let text_of = |tag: Tag| {
                items.iter().find(|item| item.tag == tag).and_then(|item| match &item.value {
                    TreeValue::TextString(text) => Some(text.as_str()),
                    _ => None,
                })
            };
            let vendor = items.iter().any(|item| item.tag == tag::VendorIdentification);
            let named = text_of(tag::AttributeName).filter(|_| !vendor).and_then(tag::by_name).map(|row| row.tag);
            let children = items.iter().map(|item| Self::write_item(item, named, version)).collect();
            return Self { name, item_type: ItemType::Structure, value: String::new(), children };
        }
        let meaning = if tree.tag == tag::AttributeValue { attribute.unwrap_or(tree.tag) } else { tree.tag };
        let (item_type, value) = value::write(&tree.value, meaning, version).unwrap_or((ItemType::Structure, String::new()));
        Self { name, item_type, value, children: Vec::new() }
    }

    /// The element as XML, indented by two spaces a level.
    ///
    /// # Errors
    /// If a text holds a character that XML 1.0 cannot carry, not even escaped.
    pub fn to_xml(&self) -> Result<String, Error> {
        let mut xml = String::new();
        self.write_xml(&mut xml, 0)?;
        Ok(xml)
    }

    fn write_xml(&self, xml: &mut String, level: usize) -> Result<(), Error> {
        let indent = |xml: &mut String| xml.extend(std::iter::repeat_n("  ", level));
        indent(xml);
        xml.push('<');
        let general = self.name.starts_with("0x");
        let element = if general { GENERAL_ELEMENT } else { &self.name };
        xml.push_str(element);
        if general {
            xml.push_str(" tag=\"");
            xml.push_str(&self.name);
            xml.push('"');
        }
        if self.item_type != ItemType::Structure {
            xml.push_str(" type=\"");
            xml.push_str(names::item_type_name(self.item_type));
            xml.push_str("\" value=\"");
            escape(&self.value, xml).map_err(|kind| kind.at(&self.name))?;
            xml.push_str("\"/>\n");
            return Ok(());
        }
        if self.children.is_empty() {
            xml.push_str("/>\n");
            return Ok(());
        }
        xml.push_str(">\n");
        for child in &self.children {
            child.write_xml(xml, level + 1).map_err(|error| error.inside(&self.name))?;
        }
        indent(xml);
        xml.push_str("</");
        xml.push_str(element);
        xml.push_str(">\n");
        Ok(())
    }
}

const ATTRIBUTE_NAME: &str = "AttributeName";
const VENDOR_IDENTIFICATION: &str = "VendorIdentification";

/// Appends `text` so that a reader, which turns white space in attribute values into blanks, gets it back unchanged.
fn escape(text: &str, xml: &mut String) -> Result<(), ErrorKind> {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' => xml.push_str("&#9;"),
            '\n' => xml.push_str("&#10;"),
            '\r' => xml.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return Err(ErrorKind::Character),
            other => xml.push(other),
        }
    }
    Ok(())
}

fn at(open: &[Element], kind: ErrorKind) -> Error {
    let path: Vec<&str> = open.iter().map(|element| element.name.as_str()).collect();
    kind.at(&path.join("/"))
}

fn syntax(open: &[Element], message: &str) -> Error {
    at(open, ErrorKind::Syntax(message.to_owned()))
}

impl Drop for Element {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(&self.name);
        debug.field("type", &self.item_type);
        match self.item_type {
            ItemType::Structure => debug.field("children", &self.children),
            _ => debug.field("value", &format_args!("{} bytes", self.value.len())),
        };
        debug.finish()
    }
}

#[cfg(test)]
mod tests;
