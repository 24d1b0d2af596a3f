//! Every case passes against a server that answers exactly as the case says: the rules of comparison are not stricter than the
//! cases, and the cases do not contradict themselves.
//!
//! Other collections of cases are checked the same way: `CONFORMANCE_CASES=DIR cargo test -p conformance --test echo`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conformance::bindings::{Bindings, date_text, seconds_of_now};
use conformance::case::Case;
use conformance::connection::Exchange;
use conformance::run::{Failure, run_case};
use conformance::selection;
use kmip::text::xml::Element;
use ttlv_codec::ItemType;

/// Answers each request with the response its step expects, names replaced by made-up values.
struct Echo<'c> {
    case: &'c Case,
    step: usize,
    values: HashMap<String, String>,
}

impl Echo<'_> {
    fn fill(&mut self, element: &mut Element) {
        for child in &mut element.children {
            self.fill(child);
        }
        if element.item_type == ItemType::Structure || !element.value.starts_with('$') {
            return;
        }
        element.value = match seconds_of_now(&element.value) {
            Some(seconds) => date_text(seconds),
            None => {
                let number = self.values.len();
                let bytes = element.item_type == ItemType::ByteString;
                let made_up = || if bytes { format!("c0ffee{number:08x}") } else { format!("object-{number}") };
                self.values.entry(element.value.clone()).or_insert_with(made_up).clone()
            }
        };
    }
}

impl Exchange for Echo<'_> {
    fn exchange(&mut self, _: &str, _: &[u8]) -> io::Result<Vec<u8>> {
        let mut response = self.case.steps[self.step].response.clone();
        // A server answers in the version of the request, although one published file shows another.
        let version =
            |message: &Element, header: &str| message.child(header).and_then(|header| header.child("ProtocolVersion").cloned());
        if let Some(version) = version(&self.case.steps[self.step].request, "RequestHeader")
            && let Some(header) = response.children.iter_mut().find(|child| child.name == "ResponseHeader")
            && let Some(field) = header.children.iter_mut().find(|child| child.name == "ProtocolVersion")
        {
            *field = version;
        }
        self.step += 1;
        self.fill(&mut response);
        response.to_tree().map(|tree| tree.to_bytes()).map_err(io::Error::other)
    }
}

fn failures(directories: &[PathBuf]) -> (usize, Vec<(String, Failure)>) {
    let files = selection::files(directories).unwrap();
    let cases: Vec<Case> = files.iter().map(|file| Case::read(file).unwrap()).collect();
    let mut failures = Vec::new();
    for group in selection::groups(&cases) {
        let mut bindings = Bindings::default();
        for case in group {
            let mut echo = Echo { case, step: 0, values: HashMap::new() };
            if let Err(failure) = run_case(case, &mut bindings, &mut echo, Duration::ZERO) {
                failures.push((case.name.clone(), failure));
            }
        }
    }
    (cases.len(), failures)
}

#[test]
fn every_case_passes_against_its_own_answers() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (count, found) = failures(&[own]);
    assert!(count > 80, "{count} cases");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn other_collections_pass_too() {
    if let Some(directory) = std::env::var_os("CONFORMANCE_CASES") {
        let (_, found) = failures(&[PathBuf::from(directory)]);
        assert!(found.is_empty(), "{found:#?}");
    }
}
