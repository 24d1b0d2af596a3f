//! Runs XML test cases (the format of the OASIS KMIP profiles and test cases) against any KMIP endpoint.
//!
//! A case is a sequence of request and response messages. The runner fills in what only the run can know (identifiers, dates),
//! sends each request over mutual TLS and judges the answer by the profiles' "Permitted Test Case Variations".
//!
//! Architecture invariant: the runner knows the encodings (`ttlv-codec`, `kmip`) and nothing of the server it judges: it depends
//! on no crate of the dispatcher, the store, the server or the client, so that a defect there cannot hide itself here.

pub mod arguments;
pub mod bindings;
pub mod case;
pub mod compare;
pub mod connection;
pub mod corrections;
pub mod isolation;
pub mod known_failures;
pub mod preparation;
pub mod report;
pub mod run;
pub mod selection;

use kmip::text::xml::Element;

/// The text of the child called `name`, if there is one.
pub(crate) fn text<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    element.child(name).map(|child| child.value.as_str())
}

/// The children called `name`.
pub(crate) fn children<'e>(element: &'e Element, name: &str) -> impl Iterator<Item = &'e Element> + use<'e> {
    let name = name.to_owned();
    element.children.iter().filter(move |child| child.name == name)
}
