//! The rules of attributes, in the wording of the newest version that prints them.

use std::collections::HashSet;
use std::path::Path;

use kmip::attribute::{AttributeRules, Instances, Permitted, SetBy};
use kmip::attributes::ATTRIBUTES;
use kmip::enumerations::{Enumeration, ObjectType};
use kmip::object::ObjectTypes;
use kmip::operation::Operation;
use kmip::tag;

use super::{Differences, csv, csv_versions, table_versions};

/// Compares `attributes.csv`.
pub(super) fn attributes(directory: &Path, differences: &mut Differences) -> Result<usize, String> {
    let rows = csv::read(directory, "attributes.csv")?;
    let mut seen = HashSet::new();
    for row in &rows {
        let name = row.get("attribute")?;
        for rules in rules_of(name) {
            seen.insert(rules.tag.0);
            compare(&tag::display(rules.tag), rules, row, differences)?;
        }
        if rules_of(name).is_empty() {
            differences.add(format!("attribute {name}: not in the table"));
        }
    }
    for rules in ATTRIBUTES.iter().filter(|rules| !seen.contains(&rules.tag.0)) {
        differences.add(format!("attribute {}: not in the standard", tag::display(rules.tag)));
    }
    Ok(rows.len())
}

/// The rows of the table with this name in the file. The parts of certificate names share one row of the file.
fn rules_of(name: &str) -> Vec<&'static AttributeRules> {
    let is_part = |name: &str| {
        let part = name.strip_prefix("Certificate Subject ").or_else(|| name.strip_prefix("Certificate Issuer "));
        part.is_some()
    };
    let named = |rules: &&AttributeRules| {
        tag::by_tag(rules.tag).is_some_and(|row| row.name == name || (name == "Certificate Attributes" && is_part(row.name)))
    };
    ATTRIBUTES.iter().filter(named).collect()
}

fn compare(name: &str, rules: &AttributeRules, row: &csv::Row, differences: &mut Differences) -> Result<(), String> {
    let what = |column: &str| format!("attribute {name} {column}");
    differences.compare(&what("versions"), table_versions(rules.versions), csv_versions(row)?);
    differences.compare(&what("always has a value"), rules.always_has_value, yes(row.get("always_has_value")?));
    differences.compare(&what("set by"), rules.set_by, set_by(row.get("initially_set_by")?));
    differences.compare(&what("modified by server"), rules.server_modifies, permitted(row.get("modifiable_by_server")?));
    differences.compare(&what("modified by client"), rules.client_modifies, permitted(row.get("modifiable_by_client")?));
    differences.compare(&what("deleted by client"), rules.client_deletes, permitted(row.get("deletable_by_client")?));
    let instances = if yes(row.get("multi_instance")?) { Instances::Many } else { Instances::One };
    differences.compare(&what("instances"), rules.instances, instances);
    let mut implicit: Vec<u32> = rules.implicitly_set_by.iter().map(|operation| operation.0).collect();
    implicit.sort_unstable();
    differences.compare(&what("implicitly set by"), implicit, operations_in(row.get("implicitly_set_by")?));
    differences.compare(&what("applies to"), object_types(rules.applies_to), object_types_in(row.get("applies_to")?));
    Ok(())
}

fn yes(text: &str) -> bool {
    text.starts_with("Yes")
}

fn set_by(text: &str) -> SetBy {
    match (text.contains("Server"), text.contains("Client")) {
        (true, true) => SetBy::Either,
        (false, true) => SetBy::Client,
        _ => SetBy::Server,
    }
}

fn permitted(text: &str) -> Permitted {
    let says = |words: &str| text.contains(words);
    match text {
        _ if !yes(text) => Permitted::No,
        _ if says("has been not reached") || says("has not been reached") => Permitted::UntilReached,
        _ if says("Pre-Active or Active") => Permitted::WhilePreActiveOrActive,
        _ if says("Pre-Active") => Permitted::WhilePreActive,
        _ if says("False to True") => Permitted::ToTrue,
        _ if says("True to False") => Permitted::ToFalse,
        _ if says("Get Usage Allocation") => Permitted::UntilAllocated,
        _ if says("no value present") || says("is omitted") => Permitted::WhileAbsent,
        _ => Permitted::Yes,
    }
}

/// The operations named in a text, in the order of their codes. Commas are missing in places, so that names are searched,
/// the longest first, and taken out.
fn operations_in(text: &str) -> Vec<u32> {
    let mut text = text.to_owned();
    let mut names: Vec<(&str, u32)> = Operation::ROW.values.iter().map(|row| (row.name, row.value)).collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut found = Vec::new();
    for (name, code) in names {
        let is_word = |text: &str, at: usize| {
            let boundary = |character: Option<char>| !character.is_some_and(|c| c.is_alphanumeric() || c == '-');
            boundary(text[..at].chars().next_back()) && boundary(text[at + name.len()..].chars().next())
        };
        while let Some((at, _)) = text.match_indices(name).find(|(at, _)| is_word(&text, *at)) {
            text.replace_range(at..at + name.len(), ",");
            if !found.contains(&code) {
                found.push(code);
            }
        }
    }
    found.sort_unstable();
    found
}

/// The object types of a set, as text.
fn object_types(types: ObjectTypes) -> String {
    if types == ObjectTypes::ALL {
        return "all objects".to_owned();
    }
    let names = ObjectType::ROW.values.iter().filter(|row| types.contains(ObjectType(row.value))).map(|row| row.xml_name);
    names.collect::<Vec<_>>().join(", ")
}

/// The object types named in a text, in the same words.
fn object_types_in(text: &str) -> String {
    if text == "All Objects" {
        return "all objects".to_owned();
    }
    let text = text.to_lowercase();
    let named = |name: &str| text.contains(&name.to_lowercase());
    let names = ObjectType::ROW.values.iter().filter(|row| named(row.name)).map(|row| row.xml_name);
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_rules() {
        assert_eq!(permitted("No, but only by the server"), Permitted::No);
        assert_eq!(permitted("Yes, only while in Pre-Active or Active state"), Permitted::WhilePreActiveOrActive);
        assert_eq!(set_by("Server or Client"), SetBy::Either);
        let operations = [Operation::Revoke.0, Operation::ReKey.0, Operation::ReKeyKeyPair.0];
        let mut found = operations_in("Re-key Key Pair, Revoke Re-key");
        found.sort_by_key(|code| operations.iter().position(|operation| operation == code));
        assert_eq!(found, operations);
        assert_eq!(operations_in("When object is created or registered"), Vec::<u32>::new());
        assert_eq!(object_types_in("Certificates, PGP keys"), "Certificate, PGPKey");
    }
}
