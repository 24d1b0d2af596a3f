//! Structures and payloads: which fields, in which order, how often.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kmip::codec::{Cardinality, MemberRow};
use kmip::enumerations::Enumeration;
use kmip::operation::Operation;
use kmip::{ProtocolVersion, payload, structures, tag};
use ttlv_codec::Tag;

use super::{Differences, csv, version};

/// What a table of the standard says about a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Requirement {
    Required,
    Optional,
    /// Required on a condition, or not said: the type may be either.
    Conditional,
}

struct Field {
    tag: Tag,
    requirement: Requirement,
    repeatable: bool,
}

type Forms = BTreeMap<ProtocolVersion, Vec<Field>>;

/// Compares `structures.csv`.
pub(super) fn structures(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "structures.csv")?;
    let mut forms: BTreeMap<String, Forms> = BTreeMap::new();
    for row in &rows {
        let (structure, field) = (row.get("structure")?, row.get("field")?);
        let (encoding, required) = (row.get("encoding")?, row.get("required")?);
        let name = field.split(", MAY be repeated").next().unwrap_or(field);
        let Some(tag) = tag_of(name) else {
            differences.add(format!("structure {structure}: no tag for the field {field:?}"));
            continue;
        };
        let repeatable = [field, encoding, required].iter().any(|text| text.to_lowercase().contains("repeated"));
        let field = Field { tag, requirement: requirement(required), repeatable };
        forms.entry(structure.to_owned()).or_default().entry(version(row.get("version")?)?).or_default().push(field);
    }
    let mut seen = BTreeSet::new();
    for table in structures::ALL {
        let name = csv_name(table);
        match forms.get(&name) {
            Some(form) => compare(&format!("structure {name}"), table.members, form, differences),
            None => differences.add(format!("structure {name}: not in the standard")),
        }
        seen.insert(name);
    }
    for name in forms.keys().filter(|name| !seen.contains(*name)) {
        differences.add(format!("structure {name}: not in the table"));
    }
    Ok(rows.len())
}

/// Compares `payloads.csv`.
pub(super) fn payloads(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "payloads.csv")?;
    let mut forms: BTreeMap<(String, bool), Forms> = BTreeMap::new();
    for row in &rows {
        let (operation, field) = (row.get("operation")?, row.get("field")?);
        let Some(tag) = tag_of(field) else {
            differences.add(format!("payload {operation}: no tag for the field {field:?}"));
            continue;
        };
        let requirement = if row.get("required")? == "R" { Requirement::Required } else { Requirement::Optional };
        let field = Field { tag, requirement, repeatable: !row.get("repeatable")?.is_empty() };
        let key = (operation.to_owned(), row.get("direction")? == "request");
        forms.entry(key).or_default().entry(version(row.get("version")?)?).or_default().push(field);
    }
    for table in payload::ALL {
        let row = Operation::ROW.by_value(table.operation.0, ProtocolVersion::V3_0);
        let name = row.map_or("", |row| row.name);
        for (is_request, members) in [(true, Some(table.request)), (false, table.response)] {
            let what = format!("payload {name} {}", if is_request { "request" } else { "response" });
            let form = forms.remove(&(name.to_owned(), is_request)).unwrap_or_default();
            compare(&what, members.unwrap_or_default(), &form, differences);
        }
    }
    for (operation, _) in forms.keys() {
        differences.add(format!("payload {operation}: not in the table"));
    }
    Ok(rows.len())
}

/// Compares one structure in all versions that either side knows.
fn compare(what: &str, members: &[MemberRow], form: &Forms, differences: &mut Differences) {
    for version in ProtocolVersion::ALL {
        let csv = form.get(&version).map(Vec::as_slice).unwrap_or_default();
        let table: Vec<&MemberRow> = members.iter().filter(|row| row.versions.contains(version)).collect();
        // A structure that the version does not have at all is never read or written in it.
        if csv.is_empty() && !form.is_empty() && !form.keys().any(|known| *known == version) {
            continue;
        }
        for field in csv {
            match table.iter().find(|row| tag_in(row, version) == field.tag) {
                Some(row) => cardinality(what, row, field, (version, form), differences),
                None => differences.add_in(version, format!("{what}: {} is missing", tag::display(field.tag))),
            }
        }
        for row in &table {
            if !csv.iter().any(|field| field.tag == tag_in(row, version)) {
                differences.add_in(version, format!("{what}: {} is not in the standard", tag::display(tag_in(row, version))));
            }
        }
        let common = |tags: Vec<Tag>, other: &[Tag]| tags.into_iter().filter(|tag| other.contains(tag)).collect::<Vec<_>>();
        let csv_tags: Vec<Tag> = csv.iter().map(|field| field.tag).collect();
        let table_tags: Vec<Tag> = table.iter().map(|row| tag_in(row, version)).collect();
        if common(csv_tags.clone(), &table_tags) != common(table_tags, &csv_tags) {
            differences.add_in(version, format!("{what}: the fields are in another order"));
        }
    }
}

fn cardinality(
    what: &str,
    row: &MemberRow,
    field: &Field,
    (version, form): (ProtocolVersion, &Forms),
    differences: &mut Differences,
) {
    let name = tag::display(field.tag);
    // A list of attributes is one type in all versions: repeated items in 1.x, one structure later.
    let attributes = row.tag_1x == tag::Attribute && row.tag == tag::Attributes;
    let repeated = row.cardinality == Cardinality::Repeated;
    if repeated != field.repeatable && !attributes {
        let is = if repeated { "repeated" } else { "not repeated" };
        differences.add_in(version, format!("{what}: {name} is {is}, unlike in the standard"));
    }
    let always_required = form.iter().all(|(version, fields)| {
        let here = |field: &&Field| row.versions.contains(*version) && field.tag == tag_in(row, *version);
        fields.iter().find(here).is_some_and(|field| field.requirement == Requirement::Required)
    });
    match (row.cardinality, field.requirement) {
        // The type says "optional" for all versions, so that it can say "required" only for a field of all of them.
        (Cardinality::Optional, Requirement::Required) if always_required => {
            differences.add_in(version, format!("{what}: {name} is optional, in the standard required"));
        }
        (Cardinality::Required, Requirement::Optional) if !attributes => {
            differences.add_in(version, format!("{what}: {name} is required, in the standard optional"));
        }
        _ => {}
    }
}

fn tag_in(row: &MemberRow, version: ProtocolVersion) -> Tag {
    if version.is_1x() { row.tag_1x } else { row.tag }
}

/// The requirement in words: only an unconditional "Yes" is one that a type can say.
fn requirement(text: &str) -> Requirement {
    let text = text.trim();
    match text {
        "Yes" | "Yes, but MAY be the empty string" | "Yes, MAY be repeated" | "Yes. MAY be repeated." => Requirement::Required,
        _ if text.starts_with("No") => Requirement::Optional,
        _ => Requirement::Conditional,
    }
}

/// The tag of a field by its name in a table of the standard.
fn tag_of(name: &str) -> Option<Tag> {
    let name = match name {
        "<managed object>" => return Some(tag::AnyManagedObject),
        "Vendor-Specific" => return Some(tag::Any),
        // Spellings of the tables that differ from the names of the tags.
        "Alternative failover endpoints" => "Alternate Failover Endpoints",
        "Hash Password Username" => "Hashed Password Username",
        "Hash Username Password" => "Hashed Username Password",
        "Timestamp" => "Time Stamp",
        other => other,
    };
    tag::ALL.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.tag)
}

/// The files number the structures that share a name.
fn csv_name(table: &structures::StructureRow) -> String {
    let number = match table.type_name {
        "Device" | "TransparentDSAPrivateKey" => 2,
        "Attestation" | "TransparentDSAPublicKey" => 3,
        "OneTimePassword" | "TransparentRSAPrivateKey" => 4,
        "HashedPassword" | "TransparentRSAPublicKey" => 5,
        "TicketCredential" | "TransparentDHPrivateKey" => 6,
        "TransparentDHPublicKey" => 7,
        "TransparentECPrivateKey" => 8,
        "TransparentECPublicKey" => 9,
        _ => return table.name.to_owned(),
    };
    format!("{} #{number}", table.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec_diff::Differences;

    fn row(tag: Tag, cardinality: Cardinality) -> MemberRow {
        MemberRow { tag_1x: tag, tag, versions: kmip::versions!(V1_0..), cardinality }
    }

    fn found(members: &[MemberRow], fields: Vec<Field>) -> Vec<String> {
        let form = Forms::from([(ProtocolVersion::V1_0, fields)]);
        let mut differences = Differences::default();
        compare("x", members, &form, &mut differences);
        differences.0.into_keys().collect()
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        let field = |tag, requirement, repeatable| Field { tag, requirement, repeatable };
        let members = [row(tag::State, Cardinality::Required), row(tag::Offset, Cardinality::Optional)];
        let state = || field(tag::State, Requirement::Required, false);
        let offset = || field(tag::Offset, Requirement::Optional, false);
        assert!(found(&members, vec![state(), offset()]).is_empty());
        assert_eq!(found(&members, vec![offset(), state()]), ["x: the fields are in another order"]);
        assert_eq!(found(&members, vec![state()]), ["x: Offset is not in the standard"]);
        assert_eq!(found(&members[..1], vec![state(), offset()]), ["x: Offset is missing"]);
        let required = field(tag::Offset, Requirement::Required, false);
        assert_eq!(found(&members, vec![state(), required]), ["x: Offset is optional, in the standard required"]);
        let optional = field(tag::State, Requirement::Optional, false);
        assert_eq!(found(&members, vec![optional, offset()]), ["x: State is required, in the standard optional"]);
        let repeated = field(tag::Offset, Requirement::Optional, true);
        assert_eq!(found(&members, vec![state(), repeated]), ["x: Offset is not repeated, unlike in the standard"]);
    }

    #[test]
    fn only_an_unconditional_yes_is_required() {
        assert_eq!(requirement("Yes"), Requirement::Required);
        assert_eq!(requirement("Yes, unless the moon is full"), Requirement::Conditional);
        assert_eq!(requirement("No. MAY be repeated"), Requirement::Optional);
        assert_eq!(requirement(""), Requirement::Conditional);
    }
}
