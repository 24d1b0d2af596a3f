//! `cargo xtask matrix`: every cell of `crates/policy/matrix.txt` over real connections.
//!
//! The objects are made while every client is a user; then the policy of the matrix is put in place, under the open connections. Each cell
//! is a request in a batch that is undone, so that no cell changes what another finds.

use super::requests::{ON_OBJECTS, VERSION, WITHOUT_OBJECT, about, message};
use super::site::{Client, Item, Site, items, steps};
use crate::Outcome;
use crate::run::build_server;
use dispatcher::SUPPORTED;
use kmip::ProtocolVersion;
use kmip::enumerations::Enumeration as _;
use kmip::result_reason::ResultReason;
use policy::Permission;
use policy::matrix::{MATRIX, OWNERSHIPS, POLICY, ROLES, STATES};
use std::collections::HashMap;
use std::time::Instant;

/// Permissions that concern objects nobody names in the request: Interop resets the client's own.
const NOT_BY_IDENTIFIER: [&str; 1] = ["Interop"];

/// What every client is while the objects are made.
const BEFORE: &str =
    "[[tenant]]\nname = \"elsewhere\"\nnumber = 1\n[[rule]]\norganizational_unit = \"elsewhere\"\ntenant = \"elsewhere\"\n";

/// An item after the one that is tried, which fails: so the batch is undone.
const UNDOING: (&str, &str) = ("Get", "<i>there is no such object</i>");

/// The identifiers by role, ownership and state.
type Objects = HashMap<(&'static str, &'static str, char), String>;

/// No options.
pub(crate) fn matrix(arguments: &[&str]) -> Outcome {
    if !arguments.is_empty() {
        return Err("matrix takes no options".to_owned());
    }
    build_server()?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let site = Site::start(directory.path(), BEFORE)?;
    let mut clients = Vec::new();
    for role in ROLES {
        clients.push((role, site.client(role, None)?));
    }
    let (objects, own) = make_objects(&site, &mut clients)?;
    let granted: Vec<String> = STATES.iter().map(|(state, _)| format!("\"{}\"", objects[&("", "granted", *state)])).collect();
    let policy = POLICY.replace("\"granted\"", &granted.join(", "));
    let (_, auditor) = clients.iter_mut().find(|(role, _)| *role == policy::AUDITOR).ok_or("no auditor")?;
    let waited = site.change_policy(&policy, || {
        Ok(auditor.ask(VERSION, "RNGRetrieve", "<n DataLength>8</n>")?.reason == Some(ResultReason::PermissionDenied.0))
    })?;
    println!("matrix: a new policy held on open connections after {} ms", waited.as_millis());
    let begun = Instant::now();
    let mut tried = Tried::default();
    for (role, client) in &mut clients {
        try_role(role, client, &own[*role], &objects, &mut tried)?;
    }
    for wrong in tried.wrong.iter().take(20) {
        println!("matrix: {wrong}");
    }
    println!(
        "matrix: {} cells over real connections in {:.1} s, {} wrong; operations that the server does not perform: {}",
        tried.cells,
        begun.elapsed().as_secs_f64(),
        tried.wrong.len(),
        tried.not_performed.join(", ")
    );
    if tried.wrong.is_empty() { Ok(()) } else { Err(format!("{} cells are not as the matrix has them", tried.wrong.len())) }
}

#[derive(Default)]
struct Tried {
    cells: usize,
    wrong: Vec<String>,
    not_performed: Vec<&'static str>,
}

/// An object of each kind in each state, and an active key of each role's own.
fn make_objects(site: &Site, clients: &mut [(&'static str, Client)]) -> Result<(Objects, HashMap<&'static str, String>), String> {
    let (mut objects, mut own) = (Objects::new(), HashMap::new());
    let mut owner = site.client("owner", None)?;
    let key = |group: &str| {
        format!(
            "<e ObjectType>SymmetricKey</e><s Attributes><n CryptographicUsageMask>Encrypt Decrypt DeriveKey WrapKey UnwrapKey</n>{group}</s>\
             <s SymmetricKey>KEY</s>"
        )
    };
    let certificate = format!(
        "<e ObjectType>Certificate</e><s TemplateAttribute><s Attribute><t AttributeName>Operation Policy Name</t>\
         <t AttributeValue>default</t></s></s><s Certificate><e CertificateType>X_509</e><b CertificateValue>{}</b></s>",
        site.certificate()
    );
    for (state, _) in STATES {
        let make = |client: &mut Client, version, payload: &str| {
            let identifier = client.make(version, "Register", payload)?;
            for (operation, payload) in steps(state) {
                client.act(operation, &about(payload, &identifier, ""))?;
            }
            Ok::<_, String>(identifier)
        };
        for ownership in ["granted", "group", "other"] {
            let group = if ownership == "group" { "<t ObjectGroup>shared</t>" } else { "" };
            objects.insert(("", ownership, state), make(&mut owner, VERSION, &key(group))?);
        }
        objects.insert(("", "public", state), make(&mut owner, ProtocolVersion::V1_4, &certificate)?);
        for (role, client) in clients.iter_mut() {
            objects.insert((role, "own", state), make(client, VERSION, &key(""))?);
        }
    }
    for (role, client) in clients.iter_mut() {
        let mut namesake = site.client(role, Some("elsewhere"))?;
        for (state, _) in STATES {
            let identifier = namesake.make(VERSION, "Register", &key(""))?;
            for (operation, payload) in steps(state) {
                namesake.act(operation, &about(payload, &identifier, ""))?;
            }
            objects.insert((role, "elsewhere", state), identifier);
        }
        let identifier = client.make(VERSION, "Register", &key(""))?;
        client.act("Activate", &about("<i>ID</i>", &identifier, ""))?;
        own.insert(*role, identifier);
    }
    Ok((objects, own))
}

/// A line of the matrix.
struct Line<'a> {
    permission: &'a str,
    server: &'a str,
    cells: Vec<&'a str>,
}

fn lines(role: &str) -> Vec<Line<'static>> {
    let of_role = MATRIX.lines().filter(|line| line.split_whitespace().next() == Some(role));
    let parse = |line: &'static str| {
        let mut words = line.split_whitespace().skip(1).peekable();
        let permission = words.next().unwrap_or_default();
        let server = words.next_if(|word| ["allow", "deny"].contains(word)).unwrap_or_default();
        Line { permission, server, cells: words.collect() }
    };
    of_role.map(parse).collect()
}

fn try_role(role: &'static str, client: &mut Client, own: &str, objects: &Objects, tried: &mut Tried) -> Outcome {
    let lines = lines(role);
    if lines.len() != Permission::ALL.len() {
        return Err(format!("{role}: the matrix has {} lines and there are {} permissions", lines.len(), Permission::ALL.len()));
    }
    let allows = |permission: &str| lines.iter().any(|line| line.permission == permission && line.server == "allow");
    // What wraps is fetched with its key, and what unwraps is imported.
    let reads_own =
        lines.iter().any(|line| line.permission == "Get" && line.cells.first().is_some_and(|cell| cell.contains('A')));
    for line in &lines {
        let name = line.permission;
        let operation = kmip::operation::Operation::ROW.by_xml_name(name);
        let is_performed = operation.is_none_or(|code| SUPPORTED.iter().any(|operation| operation.0 == code));
        if !is_performed {
            check_not_performed(client, name, tried)?;
            continue;
        }
        let may_begin = match name {
            "WrapKey" => reads_own,
            "UnwrapKey" => allows("Import"),
            _ => line.server != "deny",
        };
        if !line.server.is_empty() {
            let payload = WITHOUT_OBJECT.iter().find(|(operation, _)| *operation == name);
            let (_, payload) = payload.ok_or_else(|| format!("{name} has no request without an object in access/requests.rs"))?;
            let item = try_one(client, name, payload)?;
            if item.reason == Some(ResultReason::OperationNotSupported.0) {
                // The configuration may leave an operation out.
                tried.note_not_performed(name);
                continue;
            }
            let got = letter(&item, 'a', name, "");
            let expected = if line.server == "allow" { 'a' } else { '-' };
            tried.note(got == expected, || format!("{role} {name} without an object: {got} and not {expected}"));
        }
        if line.cells.is_empty() || NOT_BY_IDENTIFIER.contains(&name) {
            continue;
        }
        let request = ON_OBJECTS.iter().find(|(permission, ..)| *permission == name);
        let (_, operation, payload) = request.ok_or_else(|| format!("{name} has no request in access/requests.rs"))?;
        for (ownership, cell) in OWNERSHIPS.into_iter().zip(&line.cells) {
            for ((state, _), expected) in STATES.into_iter().zip(cell.chars()) {
                let of = if ["own", "elsewhere"].contains(&ownership) { role } else { "" };
                let identifier = &objects[&(of, ownership, state)];
                let item = try_one(client, operation, &about(payload, identifier, own))?;
                let got = letter(&item, state, operation, identifier);
                let expected = match expected {
                    _ if !may_begin => '-',
                    // A search says neither.
                    '.' if name == "Locate" => '-',
                    expected => expected,
                };
                tried.note(got == expected, || {
                    format!("{role} {name} {ownership} {state}: {got} and not {expected} ({:?} {})", item.reason, item.text)
                });
            }
        }
    }
    Ok(())
}

impl Tried {
    fn note_not_performed(&mut self, name: &'static str) {
        if !self.not_performed.contains(&name) {
            self.not_performed.push(name);
        }
    }

    fn note(&mut self, right: bool, wrong: impl FnOnce() -> String) {
        self.cells += 1;
        if !right {
            self.wrong.push(wrong());
        }
    }
}

/// An operation that the server does not perform is performed for nobody.
fn check_not_performed(client: &mut Client, name: &'static str, tried: &mut Tried) -> Outcome {
    let item = client.ask(VERSION, name, "")?;
    let is_refused = item.reason == Some(ResultReason::OperationNotSupported.0);
    tried.note(is_refused, || format!("{name} is not performed, and answered with {:?} {}", item.reason, item.text));
    tried.note_not_performed(name);
    Ok(())
}

/// What comes back for a request that is undone.
fn try_one(client: &mut Client, operation: &str, payload: &str) -> Result<Item, String> {
    let (undoing, nothing) = UNDOING;
    let message = message(VERSION, &[(operation, payload.to_owned()), (undoing, nothing.to_owned())])?;
    let items = items(client.send(&message)?)?;
    items.into_iter().next().ok_or_else(|| format!("{operation}: no item came back"))
}

/// The letter of a cell: `allowed`, `-` for what the policy denies, `.` for what is not there.
fn letter(item: &Item, allowed: char, operation: &str, identifier: &str) -> char {
    let is = |reason: ResultReason| item.reason == Some(reason.0);
    let is_found = || item.payload.windows(identifier.len()).any(|part| part == identifier.as_bytes());
    if is(ResultReason::PermissionDenied) && item.text.starts_with("The client may not") {
        '-'
    } else if is(ResultReason::ObjectNotFound) || is(ResultReason::WrappingObjectNotFound) {
        '.'
    } else if operation == "Import" && !identifier.is_empty() && item.reason.is_none() {
        // It was made, since there was none.
        '.'
    } else if operation == "Locate" && !identifier.is_empty() && !is_found() {
        '-'
    } else {
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::requests::MATERIAL;

    #[test]
    fn every_operation_that_is_performed_has_a_request_that_is_well_formed() {
        for operation in SUPPORTED {
            let name = operation.name(VERSION).unwrap();
            let on_objects = ON_OBJECTS
                .iter()
                .find(|(permission, ..)| *permission == name)
                .map(|(_, operation, payload)| (operation, payload));
            let without =
                WITHOUT_OBJECT.iter().find(|(operation, _)| *operation == name).map(|(operation, payload)| (operation, payload));
            assert!(on_objects.is_some() || without.is_some(), "{name}");
            for (operation, payload) in on_objects.into_iter().chain(without) {
                message(VERSION, &[(operation, about(payload, "identifier", "own"))]).unwrap();
            }
        }
        assert!(message(VERSION, &[("Register", "<s SymmetricKey>KEY</s>".to_owned())]).unwrap().len() > MATERIAL.len());
    }
}
