//! Locate: every expected object is found, objects of the same case that should not match are not.

use kmip::text::xml::Element;

use super::{Judge, Verdict};
use crate::{children, text};

impl Judge<'_> {
    pub(super) fn located(&mut self, expected: &Element, actual: &Element) -> Verdict {
        let received: Vec<&str> = children(actual, "UniqueIdentifier").map(|field| field.value.as_str()).collect();
        let mut found = Vec::new();
        // Known names first, so that one seen here for the first time takes an object nobody else is waiting for.
        let wanted: Vec<&Element> = children(expected, "UniqueIdentifier").collect();
        let known: Vec<Option<String>> =
            wanted.iter().map(|field| self.bindings.resolve(&field.value).map(str::to_owned)).collect();
        let taken: Vec<&str> = known.iter().flatten().map(String::as_str).collect();
        for (field, known) in wanted.iter().zip(&known) {
            let position = match known {
                Some(known) => received.iter().position(|received| received == known),
                None => (0..received.len()).find(|index| {
                    let free = !found.contains(index) && !taken.contains(&received[*index]);
                    // In a family, the objects of the cases before this one have no names yet.
                    free && !self.bindings.is_bound(received[*index])
                }),
            };
            let Some(position) = position else {
                let name = known.as_deref().map_or_else(|| field.value.clone(), |known| format!("{} = {known}", field.value));
                return Err(self.difference(format!("{name} is found"), listed(&received)));
            };
            if known.is_none() {
                self.field(field, &nth_identifier(actual, position), None)?;
            }
            found.push(position);
        }
        if !found.is_sorted() {
            return Err(self.difference("the newest object first", listed(&received)));
        }
        let mut foreign = false;
        for (position, identifier) in received.iter().enumerate().filter(|(position, _)| !found.contains(position)) {
            if self.bindings.created().iter().any(|created| created == identifier) {
                return Err(self.difference("no other object of this case", *identifier));
            }
            if received[..position].contains(identifier) {
                return Err(self.difference("each object once", *identifier));
            }
            foreign = true;
        }
        self.located_items(expected, actual, foreign, received.len())
    }

    /// Located Items counts all matches; only foreign objects may make it larger than expected.
    fn located_items(&mut self, expected: &Element, actual: &Element, foreign: bool, received: usize) -> Verdict {
        let count = |payload: &Element| text(payload, "LocatedItems").map(str::to_owned);
        let (wanted, got) = (count(expected), count(actual));
        let limited = ["MaximumItems", "OffsetItems"]
            .iter()
            .any(|limit| self.request_payload().is_some_and(|payload| payload.child(limit).is_some()));
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<usize>().ok());
        let same = match (number(&wanted), number(&got)) {
            // Foreign objects may be among those a Maximum Items or an Offset leaves out.
            (Some(wanted), Some(got)) => got == wanted || (got > wanted && (foreign || (limited && received < got))),
            _ => wanted == got,
        };
        let say = |count: Option<String>| count.unwrap_or_else(|| "nothing".to_owned());
        if same { Ok(()) } else { Err(self.difference(format!("Located Items {}", say(wanted)), say(got))) }
    }
}

fn nth_identifier(payload: &Element, position: usize) -> Element {
    children(payload, "UniqueIdentifier").nth(position).cloned().unwrap_or_else(|| payload.clone())
}

fn listed(received: &[&str]) -> String {
    if received.is_empty() { "nothing".to_owned() } else { received.join(" ") }
}
