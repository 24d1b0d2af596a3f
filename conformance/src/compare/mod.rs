//! Judges a response by the profiles' "Permitted Test Case Variations" and what follows from generated content.
//!
//! Everything that is not listed as permitted to vary is compared: no field may be missing, none unexpected.

mod attributes;
mod discovery;
mod exact;
mod locate;
#[cfg(test)]
mod tests;
mod value;

pub use exact::compare_bytes;

use kmip::text::xml::Element;
use ttlv_codec::ItemType;

use crate::bindings::{Bindings, Origin, is_randomised};
use crate::text;

/// The first place where a response is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The names of the fields from the outermost to the one that differs, separated by `/`.
    pub path: String,
    /// What the case expects there.
    pub expected: String,
    /// What the server sent.
    pub got: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, got {}", self.path, self.expected, self.got)
    }
}

/// Fields of messages and payloads that may be there or not.
const OPTIONAL: [&str; 7] = [
    "ClientCorrelationValue",
    "ServerCorrelationValue",
    "TemplateAttribute",
    "CommonTemplateAttribute",
    "PrivateKeyTemplateAttribute",
    "PublicKeyTemplateAttribute",
    "ServerHashedPassword",
];

/// A batch item answered at once where the case expects Pending. What Poll would have returned is compared with it.
#[derive(Clone, Debug)]
pub struct Synchronous {
    /// The request item of the file.
    pub request: Element,
    /// The response item.
    pub response: Element,
}

/// The surroundings of a comparison.
pub(crate) struct Judge<'a> {
    pub(crate) bindings: &'a mut Bindings,
    /// The request item of the file.
    request: Option<&'a Element>,
    operation: &'a str,
    /// Where the object the item is about came from.
    origin: Origin,
    path: Vec<String>,
}

type Verdict = Result<(), Difference>;

/// Compares a response message with the one expected to `request` (both of the file) that was sent as `filled`; names are bound on
/// the way. Returns the items that were answered at once although the case expects them to be pending.
///
/// # Errors
/// The first difference.
pub fn compare_messages(
    bindings: &mut Bindings,
    request: &Element,
    filled: &Element,
    expected: &Element,
    actual: &Element,
) -> Result<Vec<Synchronous>, Difference> {
    let requests: Vec<(&Element, &Element)> = items(request).into_iter().zip(items(filled)).collect();
    let (wanted, received) = (items(expected), items(actual));
    if wanted.len() != received.len() {
        let reason = received.first().map(|item| format!(" ({})", describe_result(item))).unwrap_or_default();
        return Err(Difference {
            path: "ResponseMessage".into(),
            expected: format!("{} batch items", wanted.len()),
            got: format!("{}{reason}", received.len()),
        });
    }
    let mut synchronous = Vec::new();
    for (position, wanted) in wanted.iter().enumerate() {
        let received = partner(wanted, &received, position);
        // The request an answer belongs to has its batch item identifier, or its position.
        let asked = requests
            .iter()
            .find(|(asked, _)| batch_item_id(asked).is_some() && batch_item_id(asked) == batch_item_id(wanted))
            .or_else(|| requests.get(position));
        if text(wanted, "ResultStatus") == Some("OperationPending")
            && text(received, "ResultStatus") != Some("OperationPending")
            && let Some((asked, _)) = asked
        {
            synchronous.push(Synchronous { request: (*asked).clone(), response: received.clone() });
        } else {
            compare_items(bindings, asked.map(|(asked, _)| *asked), asked.map(|(_, filled)| *filled), wanted, received)
                .map_err(|difference| inside(&format!("BatchItem[{position}]"), difference))?;
        }
        if let Some((asked, filled)) = asked {
            bindings.note_response(asked, filled, received);
        }
    }
    let mut judge = Judge::new(bindings, None, None, "", None);
    let (wanted, received) = (expected.child("ResponseHeader"), actual.child("ResponseHeader"));
    if let (Some(wanted), Some(received)) = (wanted, received) {
        judge.path.push("ResponseHeader".into());
        judge.structure(&header_answering(filled, wanted), received, None)?;
    }
    Ok(synchronous)
}

/// Compares one batch item of a response.
///
/// # Errors
/// The first difference.
pub fn compare_items(
    bindings: &mut Bindings,
    request: Option<&Element>,
    filled: Option<&Element>,
    expected: &Element,
    actual: &Element,
) -> Verdict {
    let operation = text(expected, "Operation").or_else(|| request.and_then(|request| text(request, "Operation"))).unwrap_or("");
    let mut judge = Judge::new(bindings, request, filled, operation, Some(actual));
    // Status and reason first: with another result everything else differs too.
    for name in ["ResultStatus", "ResultReason"] {
        if text(expected, name) != text(actual, name) {
            let same_number = match (expected.child(name), actual.child(name)) {
                (Some(expected), Some(actual)) => value::same_value(expected, actual, None),
                _ => false,
            };
            if !same_number {
                return Err(Difference { path: name.into(), expected: describe_result(expected), got: describe_result(actual) });
            }
        }
    }
    judge.structure(expected, actual, None)
}

impl<'a> Judge<'a> {
    fn new(
        bindings: &'a mut Bindings,
        request: Option<&'a Element>,
        filled: Option<&Element>,
        operation: &'a str,
        actual: Option<&Element>,
    ) -> Self {
        let named = |payload: &Element| text(payload, "UniqueIdentifier").map(str::to_owned);
        let identifier = actual
            .and_then(|actual| actual.child("ResponsePayload").and_then(named))
            .or_else(|| filled.and_then(|filled| filled.child("RequestPayload").and_then(named)));
        let origin = identifier.map_or(Origin::Unknown, |identifier| bindings.origin(&identifier).clone());
        Self { bindings, request, operation, origin, path: Vec::new() }
    }

    /// The request payload of the file.
    fn request_payload(&self) -> Option<&'a Element> {
        self.request.and_then(|request| request.child("RequestPayload"))
    }

    /// Whether what is computed with the object's key differs in each run.
    fn is_randomised(&self) -> bool {
        matches!(self.origin, Origin::Supplied { randomised: true, .. }) || self.request.is_some_and(is_randomised)
    }

    fn difference(&self, expected: impl Into<String>, got: impl Into<String>) -> Difference {
        Difference { path: self.path.join("/"), expected: expected.into(), got: got.into() }
    }

    /// Compares one field; `attribute` is the name of the attribute whose Attribute Value it is.
    fn field(&mut self, expected: &Element, actual: &Element, attribute: Option<&str>) -> Verdict {
        self.path.push(expected.name.clone());
        let verdict = if expected.name == "ResponsePayload" {
            self.payload(expected, actual)
        } else if expected.item_type == ItemType::Structure && actual.item_type == ItemType::Structure {
            self.structure(expected, actual, attribute)
        } else {
            self.value(expected, actual, attribute)
        };
        if verdict.is_ok() {
            self.path.pop();
        }
        verdict
    }

    fn payload(&mut self, expected: &Element, actual: &Element) -> Verdict {
        match self.operation {
            "Query" => self.query(expected, actual),
            "DiscoverVersions" => self.versions(expected, actual),
            "Locate" => self.located(expected, actual),
            _ => self.structure(expected, actual, None),
        }
    }

    /// Compares structures field by field: the order of different fields is free, that of repeated ones is not.
    fn structure(&mut self, expected: &Element, actual: &Element, attribute: Option<&str>) -> Verdict {
        let describes_generator = attribute == Some("Random Number Generator") || expected.name == "RandomNumberGenerator";
        if describes_generator && self.origin == Origin::Generated {
            return Ok(());
        }
        if expected.name == "Attributes" {
            return self.attributes(expected, actual, "");
        }
        let own_attribute = text(expected, "AttributeName").filter(|_| expected.name == "Attribute");
        let listed = self.listed_field(expected);
        let mut names: Vec<&str> = Vec::new();
        for child in expected.children.iter().chain(&actual.children) {
            if !names.contains(&child.name.as_str()) {
                names.push(&child.name);
            }
        }
        for name in names {
            if listed == Some(name) {
                self.attributes(expected, actual, name)?;
                continue;
            }
            let wanted: Vec<&Element> = expected.children.iter().filter(|child| child.name == name).collect();
            let received: Vec<&Element> = actual.children.iter().filter(|child| child.name == name).collect();
            if wanted.len() != received.len() {
                if may_vary(name, &wanted, &received) {
                    continue;
                }
                return Err(self.count_difference(name, &wanted, &received));
            }
            for (wanted, received) in wanted.into_iter().zip(received) {
                if OPTIONAL.contains(&name) && wanted.item_type == ItemType::Structure {
                    self.attributes(wanted, received, "Attribute")?;
                } else {
                    self.field(wanted, received, own_attribute.or(attribute))?;
                }
            }
        }
        Ok(())
    }

    /// The repeated field that makes a payload or a structure a list of attributes.
    fn listed_field(&self, expected: &Element) -> Option<&'static str> {
        match (expected.name.as_str(), self.operation) {
            ("ResponsePayload", "GetAttributes" | "Export") => Some("Attribute"),
            ("ResponsePayload", "GetAttributeList") => {
                Some(if expected.child("AttributeReference").is_some() { "AttributeReference" } else { "AttributeName" })
            }
            ("KeyValue", _) => expected.child("Attribute").map(|_| "Attribute"),
            _ => None,
        }
    }

    fn count_difference(&self, name: &str, wanted: &[&Element], received: &[&Element]) -> Difference {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        let describe = |fields: &[&Element]| match fields {
            [] => "nothing".to_owned(),
            [field] => value::describe(field),
            _ => format!("{} times", fields.len()),
        };
        Difference { path: path.join("/"), expected: describe(wanted), got: describe(received) }
    }
}

/// Whether a field may be there in one message and not in the other.
fn may_vary(name: &str, wanted: &[&Element], received: &[&Element]) -> bool {
    let only: Vec<&&Element> = wanted.iter().chain(received).collect();
    match name {
        // Index 0 is the default.
        "AttributeIndex" => only.iter().all(|index| index.value == "0"),
        "MessageExtension" => only.iter().all(|extension| text(extension, "CriticalityIndicator") != Some("true")),
        _ => OPTIONAL.contains(&name) && (wanted.is_empty() || received.is_empty()),
    }
}

/// The expected header of an answer to the request as it was sent: some files show another version in the request than in the response,
/// and a server answers in the request's.
fn header_answering(request: &Element, expected: &Element) -> Element {
    let mut header = expected.clone();
    let asked = request.child("RequestHeader").and_then(|header| header.child("ProtocolVersion"));
    if let Some(asked) = asked {
        for child in &mut header.children {
            if child.name == "ProtocolVersion" {
                *child = asked.clone();
            }
        }
    }
    header
}

fn items(message: &Element) -> Vec<&Element> {
    message.children.iter().filter(|child| child.name == "BatchItem").collect()
}

fn batch_item_id(item: &Element) -> Option<String> {
    text(item, "UniqueBatchItemID").map(str::to_ascii_lowercase)
}

/// The received item that answers what `wanted` answers: by its batch item identifier, else by position.
fn partner<'e>(wanted: &Element, received: &[&'e Element], position: usize) -> &'e Element {
    let same_id = received.iter().find(|item| batch_item_id(item).is_some() && batch_item_id(item) == batch_item_id(wanted));
    same_id.unwrap_or(&received[position])
}

fn describe_result(item: &Element) -> String {
    let parts = ["ResultStatus", "ResultReason", "ResultMessage"].map(|name| text(item, name));
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// The difference seen from the structure `parent`.
fn inside(parent: &str, mut difference: Difference) -> Difference {
    difference.path = format!("{parent}/{}", difference.path);
    difference
}
