//! Every case passes against a server that answers exactly as the case says: the rules of comparison are not stricter than the
//! cases, and the cases do not contradict themselves.
//!
//! Other collections of cases are checked the same way: `CONFORMANCE_CASES=DIR cargo test -p conformance --test echo`.

#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::collections::{BTreeSet, HashMap};
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
    /// What is wrong with the answers, if anything.
    defect: Option<Defect>,
}

/// A field of one response that is not as it should be.
#[derive(Clone, Copy)]
struct Defect {
    step: usize,
    /// Its number, counted through the batch items from the top.
    field: usize,
    kind: DefectKind,
}

#[derive(Clone, Copy, PartialEq)]
enum DefectKind {
    Missing,
    Changed,
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
        if let Some(defect) = self.defect.filter(|defect| defect.step == self.step) {
            spoil(&mut response, &mut defect.field.clone(), defect.kind);
        }
        self.step += 1;
        self.fill(&mut response);
        response.to_tree().map(|tree| tree.to_bytes()).map_err(io::Error::other)
    }
}

/// Spoils the field with this number.
fn spoil(element: &mut Element, number: &mut usize, kind: DefectKind) -> bool {
    for position in 0..element.children.len() {
        if element.children[position].name == "ResponseHeader" {
            continue;
        }
        if *number == 0 {
            if kind == DefectKind::Missing {
                element.children.remove(position);
            } else {
                let field = &mut element.children[position];
                field.value = other_value(field);
            }
            return true;
        }
        *number -= 1;
        if spoil(&mut element.children[position], number, kind) {
            return true;
        }
    }
    false
}

/// Another value of the same type.
fn other_value(field: &Element) -> String {
    match field.item_type {
        ItemType::Structure => String::new(),
        ItemType::Integer | ItemType::Enumeration => "0x40000077".to_owned(),
        ItemType::LongInteger | ItemType::Interval => format!("1{}", field.value),
        ItemType::Boolean => (field.value != "true").to_string(),
        ItemType::DateTime | ItemType::DateTimeExtended => "2001-01-01T00:00:00+00:00".to_owned(),
        ItemType::ByteString | ItemType::BigInteger => "0123456789abcdef".to_owned(),
        _ => "another".to_owned(),
    }
}

/// The fields of a response in the order of their numbers.
fn fields(element: &Element) -> Vec<Element> {
    let mut found = Vec::new();
    for child in element.children.iter().filter(|child| child.name != "ResponseHeader") {
        found.push(child.clone());
        found.extend(fields(child));
    }
    found
}

/// The fields of our own cases in these directories in which nobody notices such a defect, with the operation of their step.
fn unnoticed(kind: DefectKind, directories: &[&str]) -> BTreeSet<String> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = selection::files(&directories.iter().map(|name| cases.join(name)).collect::<Vec<_>>()).unwrap();
    let mut unnoticed = BTreeSet::new();
    let mut tried = 0;
    for case in files.iter().map(|file| Case::read(file).unwrap()) {
        for (step, content) in case.steps.iter().enumerate() {
            for (number, field) in fields(&content.response).iter().enumerate() {
                if kind == DefectKind::Changed && field.item_type == ItemType::Structure {
                    continue;
                }
                tried += 1;
                let defect = Some(Defect { step, field: number, kind });
                let mut echo = Echo { case: &case, step: 0, values: HashMap::new(), defect };
                let verdict = run_case(&case, &mut Bindings::default(), &mut echo, Duration::ZERO);
                if !verdict.is_err_and(|failure| failure.step >= step) {
                    let operation = &content.request.child("BatchItem").unwrap().child("Operation").unwrap().value;
                    unnoticed.insert(format!("{operation} {} {}", field.name, field.value));
                }
            }
        }
    }
    assert!(tried > 1000, "{tried} fields");
    unnoticed
}

fn failures(directories: &[PathBuf]) -> (usize, Vec<(String, Failure)>) {
    let files = selection::files(directories).unwrap();
    let cases: Vec<Case> = files.iter().map(|file| Case::read(file).unwrap()).collect();
    let mut failures = Vec::new();
    for group in selection::groups(&cases) {
        let mut bindings = Bindings::default();
        for case in group {
            let mut echo = Echo { case, step: 0, values: HashMap::new(), defect: None };
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

/// What the rules permit to differ, as the operation, the field and its value in our own cases.
const MAY_VARY: [&str; 12] = [
    // Generated material and its format.
    "Get KeyMaterial ",
    "Get KeyFormatType Raw",
    // The contents of Query are the server's own.
    "Query ",
    // An identifier that no later step names again.
    "Create UniqueIdentifier $",
    // Larger where a limit may have kept foreign objects out of the list.
    "Locate LocatedItems ",
    // The server's own choices, new each time.
    " AsynchronousCorrelationValue $",
    "MAC CorrelationValue $",
    // Random bytes, and signatures with a key that was generated.
    "RNGRetrieve Data ",
    "Sign SignatureData ",
    " TicketValue $",
    "ObtainLease LeaseTime ",
    // The server's own words.
    " ResultMessage ",
];

/// Cases that are judged by the rules of the profiles.
const RULED: [&str; 2] = ["1.2", "2.1"];

#[test]
fn nothing_may_vary_in_an_exact_case_but_what_is_masked() {
    assert_eq!(unnoticed(DefectKind::Missing, &["clients"]), BTreeSet::new());
    let found = unnoticed(DefectKind::Changed, &["clients"]);
    assert!(found.iter().all(|field| field.contains(" $")), "{found:#?}");
}

#[test]
fn every_missing_field_is_noticed() {
    let mut found = unnoticed(DefectKind::Missing, &RULED);
    // The contents of Query are the server's own, fields within fields included.
    found.retain(|field| !field.starts_with("Query "));
    // Index 0 is the one field that may be left out.
    assert_eq!(found, BTreeSet::from(["DeleteAttribute AttributeIndex 0".to_owned()]));
}

#[test]
fn every_changed_value_is_noticed_unless_it_may_vary() {
    let found = unnoticed(DefectKind::Changed, &RULED);
    let wrong: Vec<&String> = found.iter().filter(|field| !MAY_VARY.iter().any(|may| field.contains(may))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for may in MAY_VARY {
        assert!(found.iter().any(|field| field.contains(may)), "nothing varies as in `{may}`: take it off the list");
    }
}
