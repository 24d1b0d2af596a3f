//! `kmip revoke --cascade`: an object and all that hangs on it. What there is to do is found first and shown; then the objects are
//! revoked, those that others hang on before the others, so that a break in the middle leaves leaves and not roots.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use client::{AttributeList, Client, Error, spoken};
use kmip::attribute::{Attribute, AttributeReference, Attributes};
use kmip::codec::DateTime;
use kmip::enumerations::{LinkType, ObjectType, RevocationReasonCode, State};
use kmip::identifier::{ObjectReference, UniqueIdentifier};
use kmip::payload::LocateRequest;
use kmip::structures::Link;
use kmip::{ProtocolVersion, tag};
use serde_json::{Value as Json, json};

use crate::output::{self, Failure, Output};

/// Objects of one plan. More hang together only by mistake.
const OBJECTS_MAX: usize = 10_000;
/// Objects of one answer to Locate.
const PAGE: i32 = 500;

/// Links that lead to what hangs on an object, and how.
const DOWN: [(LinkType, &str); 5] = [
    (LinkType::DerivedKeyLink, "derived from"),
    (LinkType::PublicKeyLink, "public key of"),
    (LinkType::PrivateKeyLink, "private key of"),
    (LinkType::CertificateLink, "certificate of"),
    (LinkType::ChildLink, "child of"),
];

/// Links by which what hangs on an object tells so itself.
const UP: [(LinkType, &str); 4] = [
    (LinkType::DerivationBaseObjectLink, "derived from"),
    (LinkType::WrappingKeyLink, "wrapped by"),
    (LinkType::ParentLink, "child or part of"),
    (LinkType::CertificateLink, "certified by"),
];

/// What is to be revoked, and why.
pub(crate) struct Reason<'a> {
    pub(crate) code: RevocationReasonCode,
    pub(crate) message: Option<&'a str>,
    pub(crate) since: Option<DateTime>,
}

/// How far the command goes by itself.
#[derive(Clone, Copy)]
pub(crate) struct Consent {
    pub(crate) yes: bool,
    pub(crate) dry_run: bool,
}

/// A step of the plan.
struct Step {
    identifier: String,
    depth: usize,
    how: String,
    what: String,
    state: Option<State>,
    /// Why it is left as it is.
    skipped: Option<String>,
    /// Why nothing is known of it.
    unknown: Option<String>,
}

/// What a report of the administrator says: by object, what hangs on it and how.
#[derive(Default)]
pub(crate) struct Report {
    /// What it is about; `None`: there is no report.
    key: Option<String>,
    below: HashMap<String, Vec<(String, String)>>,
}

/// Reads what `kmipd report impact --format json` wrote.
///
/// # Errors
/// When it is no such report, or not all of it.
pub(crate) fn read_report(path: &Path) -> Result<Report, Failure> {
    let wrong = |what: &str| Failure::other(format!("{}: {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let document: Json = serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))?;
    let affected = document["affected"].as_array().filter(|_| document["report"] == "impact" && document["version"] == 1);
    let affected = affected.ok_or_else(|| wrong("it is not what kmipd report impact --format json writes"))?;
    if document["affected_count"] != affected.len() {
        return Err(wrong("it does not name all that is affected; make it again with a larger --limit"));
    }
    let key = document["key"]["identifier"].as_str().ok_or_else(|| wrong("it does not say what it is about"))?;
    let mut report = Report { key: Some(key.to_owned()), below: HashMap::new() };
    // What is gone cannot be revoked.
    for node in affected.iter().filter(|node| node["exists"] == true) {
        let (Some(identifier), Some(relation), Some(of)) =
            (node["identifier"].as_str(), node["relation"].as_str(), node["of"].as_str())
        else {
            return Err(wrong("an object of it has no identifier, or hangs on nothing"));
        };
        report.below.entry(of.to_owned()).or_default().push((identifier.to_owned(), relation.replace('-', " ")));
    }
    Ok(report)
}

/// Finds what hangs on objects, shows it, asks, and revokes it.
pub(crate) async fn run(
    client: &mut Client,
    output: Output,
    roots: &[String],
    report: &Report,
    reason: &Reason<'_>,
    consent: Consent,
) -> Result<(), Failure> {
    if let Some(key) = report.key.as_ref().filter(|key| !roots.contains(key)) {
        return Err(Failure::usage(format!("the report is about {key:?}, which is not to be revoked")));
    }
    let steps = plan(client, roots, report, reason.since.is_some()).await?;
    let todo = steps.iter().filter(|step| step.skipped.is_none() && step.unknown.is_none()).count();
    if !output.json {
        steps.iter().for_each(|step| output::line(step.text()));
        output::line(format_args!("{todo} of {} objects are to be revoked", steps.len()));
    }
    if consent.dry_run || todo == 0 {
        return finish(output, &steps, &[]);
    }
    if !consent.yes && !agreed(todo)? {
        return Err(Failure::other("nothing was revoked"));
    }
    let mut results = Vec::new();
    for step in steps.iter().filter(|step| step.skipped.is_none() && step.unknown.is_none()) {
        let identifier: UniqueIdentifier = step.identifier.as_str().into();
        match client.revoke(&identifier, reason.code, reason.message, reason.since).await {
            Ok(()) => {
                if !output.json {
                    output::line(format_args!("revoked {identifier}"));
                }
                results.push((step.identifier.as_str(), None));
            }
            // One that refuses does not keep the others from their end.
            Err(error @ Error::Operation(_)) => {
                output::complain(format_args!("{identifier}: {error}"));
                results.push((step.identifier.as_str(), Some(output::error_document(&error))));
            }
            Err(error) => {
                output::complain(format_args!(
                    "{} of {todo} objects were revoked; repeat the command for the others",
                    results.len()
                ));
                return Err(error.into());
            }
        }
    }
    finish(output, &steps, &results)
}

fn finish(output: Output, steps: &[Step], results: &[(&str, Option<Json>)]) -> Result<(), Failure> {
    if output.json {
        let plan: Vec<Json> = steps.iter().map(Step::document).collect();
        let objects: Vec<Json> =
            results.iter().map(|(identifier, error)| json!({ "unique_identifier": identifier, "error": error })).collect();
        output::line(format_args!("{:#}", json!({ "plan": plan, "objects": objects })));
    }
    let failed = results.iter().filter(|(_, error)| error.is_some()).count();
    let unknown = steps.iter().filter(|step| step.unknown.is_some()).count();
    if failed + unknown == 0 {
        return Ok(());
    }
    output::complain(format_args!("{failed} objects could not be revoked, {unknown} not be read"));
    Err(Failure::Reported)
}

/// The objects and all that hangs on them, each once, the nearest first.
async fn plan(client: &mut Client, roots: &[String], report: &Report, is_compromise: bool) -> Result<Vec<Step>, Failure> {
    let mut waiting: VecDeque<(String, usize, String)> =
        roots.iter().map(|root| (root.clone(), 0, "named here".to_owned())).collect();
    let mut seen: HashSet<String> = roots.iter().cloned().collect();
    let mut steps = Vec::new();
    while let Some((identifier, depth, how)) = waiting.pop_front() {
        let (step, mut below) = look_at(client, identifier, depth, how, is_compromise).await?;
        below.extend(report.below.get(&step.identifier).into_iter().flatten().cloned());
        for (other, relation) in below {
            if seen.insert(other.clone()) {
                if seen.len() > OBJECTS_MAX {
                    return Err(Failure::other(format!("more than {OBJECTS_MAX} objects hang together; nothing was revoked")));
                }
                waiting.push_back((other, depth + 1, format!("{relation} {}", step.identifier)));
            }
        }
        steps.push(step);
    }
    Ok(steps)
}

type Below = Vec<(String, String)>;

async fn look_at(
    client: &mut Client,
    identifier: String,
    depth: usize,
    how: String,
    is_compromise: bool,
) -> Result<(Step, Below), Failure> {
    let asked = [tag::ObjectType, tag::State, tag::Name, tag::CryptographicAlgorithm, tag::CryptographicLength, tag::Link];
    let id: UniqueIdentifier = identifier.as_str().into();
    let attributes = match client.get_attributes(&id, &asked.map(AttributeReference::Standard)).await {
        Ok(attributes) => attributes,
        Err(error @ Error::Operation(_)) => {
            let unknown = Some(error.to_string());
            let step = Step { identifier, depth, how, what: String::new(), state: None, skipped: None, unknown };
            return Ok((step, Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let is_certificate = attributes.object_type() == Some(&ObjectType::Certificate);
    let mut below: Below = Vec::new();
    for attribute in attributes.iter() {
        let Attribute::Link(Link { link_type, linked_object_identifier: ObjectReference::Identifier(other) }) = attribute else {
            continue;
        };
        // The link of a certificate to another leads to its issuer.
        let down = DOWN.iter().find(|(down, _)| down == link_type && !(is_certificate && *down == LinkType::CertificateLink));
        below.extend(down.map(|(_, how)| (other.clone(), (*how).to_owned())));
    }
    for (link_type, how) in UP {
        // A private key's link to its certificate is no sign that the key hangs on it.
        if link_type == LinkType::CertificateLink && !is_certificate {
            continue;
        }
        for other in linked(client, link_type, &identifier).await? {
            below.push((other, how.to_owned()));
        }
    }
    let state = attributes.state().copied();
    let step =
        Step { what: what(&attributes), skipped: skipped(state, is_compromise), identifier, depth, how, state, unknown: None };
    Ok((step, below))
}

/// Why an object in a state is left as it is.
fn skipped(state: Option<State>, is_compromise: bool) -> Option<String> {
    let state = state?;
    let is_over = match state {
        State::Compromised | State::DestroyedCompromised => true,
        State::Deactivated | State::Destroyed => !is_compromise,
        _ => false,
    };
    is_over.then(|| format!("is {} already", spoken(state)))
}

fn what(attributes: &Attributes) -> String {
    let kind = attributes.object_type().map(|kind| spoken(*kind)).unwrap_or_default();
    let algorithm = attributes.cryptographic_algorithm().map(|algorithm| format!(" {}", spoken(*algorithm)));
    let length = attributes.cryptographic_length().map(|length| format!("-{length}"));
    let name = attributes.name().map(|name| format!(" {:?}", name.name_value));
    [Some(kind), algorithm, length, name].into_iter().flatten().collect()
}

/// The objects that have a link of a type to an object.
async fn linked(client: &mut Client, link_type: LinkType, identifier: &str) -> Result<Vec<String>, Failure> {
    use kmip::enumerations::Enumeration as _;
    let version = client.version();
    if !link_type.known_in(version) {
        return Ok(Vec::new());
    }
    let pages = version >= ProtocolVersion::V1_3;
    let mut found = Vec::new();
    loop {
        let link = Link { link_type, linked_object_identifier: identifier.into() };
        let request = LocateRequest {
            maximum_items: pages.then_some(PAGE),
            offset_items: pages.then(|| i32::try_from(found.len()).unwrap_or(i32::MAX)),
            storage_status_mask: None,
            object_group_member: None,
            object_class_mask: None,
            attributes: AttributeList::new().with(Attribute::Link(link)).filters(version)?,
            template_attribute: None,
        };
        let answer = client.call(&request).await?.unique_identifiers;
        let is_last = !pages || answer.len() < usize::try_from(PAGE).unwrap_or(0) || found.len() > OBJECTS_MAX;
        found.extend(answer.into_iter().map(|identifier| identifier.0));
        if is_last {
            return Ok(found);
        }
    }
}

fn agreed(count: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to ask: --yes revokes what the plan says, --dry-run only shows it"));
    }
    // Nobody may be reading; then nobody answers either.
    let _ = write!(std::io::stderr(), "Revoke {count} objects? It cannot be taken back. [y/N] ")
        .and_then(|()| std::io::stderr().flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::other(format!("read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Step {
    fn text(&self) -> String {
        let indent = "  ".repeat(self.depth);
        let state = self.state.map(|state| format!(", {}", spoken(state))).unwrap_or_default();
        let Self { identifier, how, what, .. } = self;
        match (&self.unknown, &self.skipped) {
            (Some(cause), _) => format!("{indent}?       {identifier}  {how}: {cause}"),
            (None, Some(why)) => format!("{indent}-       {identifier}  {what}  {how}; {why}"),
            (None, None) => format!("{indent}revoke  {identifier}  {what}{state}  {how}"),
        }
    }

    fn document(&self) -> Json {
        json!({
            "unique_identifier": self.identifier,
            "depth": self.depth,
            "how": self.how,
            "object": self.what,
            "state": self.state.map(spoken),
            "skipped": self.skipped,
            "unknown": self.unknown,
        })
    }
}
