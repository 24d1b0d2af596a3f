//! Lists of attributes: every expected entry is there, extra entries are allowed, the order is free, duplicates are wrong.

use kmip::text::xml::Element;
use ttlv_codec::ItemType;

use super::{Difference, Judge, Verdict, value};
use crate::text;

impl Judge<'_> {
    /// Compares the children called `name` (all of them if it is empty) as a list of attributes.
    pub(super) fn attributes(&mut self, expected: &Element, actual: &Element, name: &str) -> Verdict {
        let of = |list: &'_ Element| -> Vec<Element> {
            list.children.iter().filter(|child| name.is_empty() || child.name == name).cloned().collect()
        };
        let (wanted, received) = (of(expected), of(actual));
        for (position, entry) in received.iter().enumerate() {
            if received[..position].iter().any(|earlier| is_duplicate(earlier, entry)) {
                return Err(self.difference("each attribute once", format!("{} twice", label(entry))));
            }
        }
        let mut used = vec![false; received.len()];
        // Entries without names first, so that a name is not bound to the entry a literal asks for.
        let (named, literal): (Vec<&Element>, Vec<&Element>) = wanted.iter().partition(|entry| holds_name(entry));
        for entry in literal.into_iter().chain(named) {
            self.entry(entry, &received, &mut used)?;
        }
        Ok(())
    }

    /// Finds the received entry that is the expected one.
    fn entry(&mut self, expected: &Element, received: &[Element], used: &mut [bool]) -> Verdict {
        let mut nearest: Option<Difference> = None;
        for (candidate, used) in received.iter().zip(used.iter_mut()) {
            if *used || label(candidate) != label(expected) {
                continue;
            }
            // A candidate that fails must not leave names bound.
            let (bindings, path) = (self.bindings.clone(), self.path.clone());
            if expected.name == "Attribute" {
                self.path.push(format!("Attribute[{}]", label(expected)));
            }
            let verdict = if expected.name == "Attribute" {
                self.structure(expected, candidate, None)
            } else {
                self.field(expected, candidate, None)
            };
            self.path = path;
            match verdict {
                Ok(()) => {
                    *used = true;
                    return Ok(());
                }
                Err(difference) => {
                    *self.bindings = bindings;
                    nearest.get_or_insert(difference);
                }
            }
        }
        Err(nearest.unwrap_or_else(|| self.difference(format!("{} in the list", label(expected)), "none")))
    }
}

/// What an entry is called: the attribute's name in 1.x and for vendor attributes, the value in lists of names, the tag otherwise.
fn label(entry: &Element) -> String {
    if entry.name == "Attribute" {
        let vendor = text(entry, "VendorIdentification").map(|vendor| format!("{vendor}/")).unwrap_or_default();
        return format!("{vendor}{}", text(entry, "AttributeName").unwrap_or_default());
    }
    if entry.name == "AttributeReference" && entry.item_type == ItemType::Structure {
        let vendor = text(entry, "VendorIdentification").unwrap_or_default();
        return format!("{vendor}/{}", text(entry, "AttributeName").unwrap_or_default());
    }
    match entry.name.as_str() {
        "AttributeName" | "AttributeReference" => entry.value.clone(),
        name => name.to_owned(),
    }
}

/// Two entries that say the same: one instance of an attribute twice.
fn is_duplicate(first: &Element, second: &Element) -> bool {
    if first.name != second.name || label(first) != label(second) {
        return false;
    }
    if first.name == "Attribute" && first.child("VendorIdentification").is_none() {
        let index = |entry: &Element| text(entry, "AttributeIndex").unwrap_or("0").to_owned();
        return index(first) == index(second);
    }
    first == second || (first.item_type != ItemType::Structure && value::same_value(first, second, None))
}

fn holds_name(element: &Element) -> bool {
    element.value.starts_with('$') || element.children.iter().any(holds_name)
}
