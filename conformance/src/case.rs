//! One test case: a file of request and response messages in the XML encoding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kmip::ProtocolVersion;
use kmip::text::xml::Element;
use ttlv_codec::Limits;

use crate::{children, corrections, text};

/// Cases register certificates and keys of some kilobytes; no published message comes near this.
const MESSAGE_LIMITS: Limits = Limits { length: 4 << 20, depth: 32, items: 1 << 16 };
/// The largest file that is read as a case.
const FILE_LIMIT: u64 = 16 << 20;

/// The client that sends a request no marker assigns to another one.
pub const FIRST_CLIENT: &str = "Client-A";

/// A sequence of requests with the responses they must get.
#[derive(Debug)]
pub struct Case {
    /// The name of the file without its ending.
    pub name: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// The protocol version of its first request.
    pub version: ProtocolVersion,
    /// Marked `[EXACT]` in front of its first request: responses are compared byte by byte, masks apart.
    pub exact: bool,
    /// What is sent and expected, in order.
    pub steps: Vec<Step>,
}

/// One request and the response it must get.
#[derive(Debug)]
pub struct Step {
    /// Which client sends it: cases with several clients mark each step, `[Client-B]`.
    pub client: String,
    /// Marked `[REPEAT]`: sent again until the response is the one expected.
    pub repeat: bool,
    /// The request message, with names in place of what only the run knows.
    pub request: Element,
    /// The response message, likewise.
    pub response: Element,
}

/// Why a file is no case.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct CaseError {
    path: String,
    problem: String,
}

impl Case {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not a sequence of requests and as many responses.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let failed = |problem: String| CaseError { path: path.display().to_string(), problem };
        let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
        if length > FILE_LIMIT {
            return Err(failed(format!("{length} bytes, the limit is {FILE_LIMIT}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self::parse(name, path, &text).map_err(failed)
    }

    /// A case from the text of its file.
    ///
    /// # Errors
    /// As [`Case::read`].
    pub fn parse(name: String, path: &Path, text: &str) -> Result<Self, String> {
        let text = corrections::of_text(&name, text);
        // Paired by position: one published case has two requests in front of their two responses.
        let (mut requests, mut responses) = (Vec::new(), Vec::new());
        for message in messages(&text)? {
            if message.is_request {
                requests.push(message);
            } else {
                responses.push(message.element);
            }
        }
        if requests.len() != responses.len() {
            return Err(format!("{} requests, {} responses", requests.len(), responses.len()));
        }
        let steps: Vec<Step> = requests
            .into_iter()
            .zip(responses)
            .map(|(request, response)| Step {
                client: request.client,
                repeat: request.repeat,
                request: request.element,
                response,
            })
            .collect();
        let first = steps.first().ok_or("no request")?;
        let version = version_of(&first.request).ok_or("the first request has no known protocol version")?;
        let exact = text.split("<RequestMessage>").next().is_some_and(|before| before.contains("[EXACT]"));
        let mut case = Self { name, path: path.to_owned(), version, exact, steps };
        corrections::of_case(&mut case);
        Ok(case)
    }

    /// The names of the operations its requests ask for.
    #[must_use]
    pub fn operations(&self) -> BTreeSet<&str> {
        let items = self.steps.iter().flat_map(|step| children(&step.request, "BatchItem"));
        items.filter_map(|item| text(item, "Operation")).collect()
    }

    /// Whether any message wraps a key or asks for a wrapped one.
    #[must_use]
    pub fn uses_key_wrapping(&self) -> bool {
        fn wraps(element: &Element) -> bool {
            element.name.starts_with("KeyWrapping") || element.children.iter().any(wraps)
        }
        self.steps.iter().any(|step| wraps(&step.request) || wraps(&step.response))
    }
}

/// The protocol version in the header of a message.
#[must_use]
pub fn version_of(message: &Element) -> Option<ProtocolVersion> {
    let header = message.child("RequestHeader").or_else(|| message.child("ResponseHeader"))?;
    let version = header.child("ProtocolVersion")?;
    let number = |name| text(version, name)?.parse().ok();
    ProtocolVersion::from_numbers(number("ProtocolVersionMajor")?, number("ProtocolVersionMinor")?)
}

struct Message {
    is_request: bool,
    client: String,
    repeat: bool,
    element: Element,
}

/// The messages of a file in order, with the markers in front of each.
fn messages(text: &str) -> Result<Vec<Message>, String> {
    let mut found = Vec::new();
    let mut position = 0;
    loop {
        let rest = &text[position..];
        let request = rest.find("<RequestMessage>");
        let response = rest.find("<ResponseMessage>");
        let (start, is_request) = match (request, response) {
            (Some(request), Some(response)) => (request.min(response), request < response),
            (Some(request), None) => (request, true),
            (None, Some(response)) => (response, false),
            (None, None) => return Ok(found),
        };
        let between = &rest[..start];
        let end_tag = if is_request { "</RequestMessage>" } else { "</ResponseMessage>" };
        let length = rest[start..].find(end_tag).ok_or_else(|| format!("no {end_tag}"))? + end_tag.len();
        let element = parse_message(&rest[start..start + length])?;
        found.push(Message { is_request, client: client_of(between), repeat: between.contains("[REPEAT]"), element });
        position += start + length;
    }
}

/// The client a marker such as `[Client-B]` names.
fn client_of(between: &str) -> String {
    let marker = between.rfind("[Client-").and_then(|start| {
        let marker = &between[start + 1..];
        marker.find(']').map(|end| marker[..end].to_owned())
    });
    marker.filter(|marker| marker.len() == FIRST_CLIENT.len()).unwrap_or_else(|| FIRST_CLIENT.to_owned())
}

fn parse_message(text: &str) -> Result<Element, String> {
    Element::parse(text, &MESSAGE_LIMITS)
        .or_else(|_| Element::parse(&without_stray_ends(text), &MESSAGE_LIMITS))
        .map_err(|error| error.to_string())
}

/// The text without end tags that end nothing: a published case has one twice.
fn without_stray_ends(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut open: Vec<&str> = Vec::new();
    for (index, part) in text.split('<').enumerate() {
        if let Some(end) = part.strip_prefix('/') {
            let name = end.split(['>', ' ']).next().unwrap_or_default();
            if open.last() != Some(&name) {
                continue;
            }
            open.pop();
        } else if index > 0 && !part.starts_with(['!', '?']) && !part.trim_end().ends_with("/>") {
            open.push(part.split([' ', '>', '\n', '\t', '\r']).next().unwrap_or_default());
        }
        if index > 0 {
            kept.push('<');
        }
        kept.push_str(part);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const PAIR: &str = r#"<KMIP>
# TIME 0
# [Client-B]
# [REPEAT] until it is there
<RequestMessage><RequestHeader><ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
<ProtocolVersionMinor type="Integer" value="2"/></ProtocolVersion></RequestHeader>
<BatchItem><Operation type="Enumeration" value="Get"/></BatchItem></RequestMessage>
<ResponseMessage><BatchItem/></ResponseMessage></KMIP>"#;

    fn parse(text: &str) -> Result<Case, String> {
        Case::parse("X".into(), Path::new("X.xml"), text)
    }

    #[test]
    fn a_case_is_its_steps() {
        let case = parse(PAIR).unwrap();
        assert_eq!(case.version, ProtocolVersion::V1_2);
        assert_eq!(case.operations(), BTreeSet::from(["Get"]));
        assert!(!case.uses_key_wrapping());
        let [step] = &case.steps[..] else { panic!() };
        assert_eq!((step.client.as_str(), step.repeat), ("Client-B", true));
        assert_eq!(step.response.name, "ResponseMessage");
    }

    #[test]
    fn key_wrapping_is_seen_anywhere() {
        let wrapped = PAIR.replace("<BatchItem/>", "<BatchItem><KeyBlock><KeyWrappingData/></KeyBlock></BatchItem>");
        assert!(parse(&wrapped).unwrap().uses_key_wrapping());
    }

    #[test]
    fn an_end_tag_too_many_is_passed_over() {
        let doubled = PAIR.replace("</ProtocolVersion>", "</ProtocolVersion></ProtocolVersion>");
        assert_eq!(parse(&doubled).unwrap().steps[0].request, parse(PAIR).unwrap().steps[0].request);
    }

    #[test]
    fn two_requests_may_precede_their_responses() {
        let request = &PAIR[PAIR.find("<RequestMessage>").unwrap()..PAIR.find("<ResponseMessage>").unwrap()];
        let second = request.replace("Get", "Locate");
        let text = format!(
            "<KMIP>{request}{second}<ResponseMessage><A/></ResponseMessage><ResponseMessage><B/></ResponseMessage></KMIP>"
        );
        let case = parse(&text).unwrap();
        assert_eq!(text_of_operation(&case.steps[1].request), Some("Locate"));
        assert_eq!(case.steps[1].response.children[0].name, "B");
    }

    fn text_of_operation(message: &Element) -> Option<&str> {
        text(message.child("BatchItem")?, "Operation")
    }

    #[test]
    fn what_is_no_case_is_refused() {
        for (text, problem) in [
            ("<KMIP/>", "no request"),
            ("<RequestMessage></RequestMessage>", "1 requests, 0 responses"),
            ("<RequestMessage>", "no </RequestMessage>"),
            ("<RequestMessage></RequestMessage><ResponseMessage></ResponseMessage>", "no known protocol version"),
            ("<RequestMessage><A></RequestMessage><ResponseMessage></ResponseMessage>", "not well formed"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
