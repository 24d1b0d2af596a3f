//! Policies that objects name themselves by their Operation Policy Name (1.4, section 3.18), from the JSON files that PyKMIP's
//! server reads: for a policy, an object type and an operation, who may do it.
//!
//! A name that no file defines means what it means without files: the owner alone, or for `default` what the standard says.

use std::collections::HashMap;

use kmip::enumerations::{Enumeration as _, ObjectType};
use serde::Deserialize;

use crate::permission::Permission;

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Verdict {
    /// Every actor of the tenant whose roles let it do this with its own objects.
    #[serde(rename = "ALLOW_ALL")]
    All,
    /// The owner.
    #[serde(rename = "ALLOW_OWNER")]
    Owner,
    /// Nobody.
    #[serde(rename = "DISALLOW_ALL")]
    Nobody,
}

type Table = HashMap<(ObjectType, Permission), Verdict>;

/// One policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Policy {
    /// For actors that are in no group.
    preset: Option<Table>,
    /// For actors that are in groups.
    groups: HashMap<String, Table>,
}

/// All of them, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationPolicies(HashMap<String, Policy>);

type Section = HashMap<String, HashMap<String, Verdict>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    preset: Option<Section>,
    groups: Option<HashMap<String, Section>>,
}

/// The standard has one policy, whose meaning is in the server.
const RESERVED: &str = "default";

impl OperationPolicies {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Adds the policies of a file.
    ///
    /// # Errors
    /// What is wrong with it, with the line or the names of the place.
    pub fn add(&mut self, json: &str) -> Result<(), String> {
        let file: HashMap<String, serde_json::Value> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        for (name, value) in file {
            if name == RESERVED {
                return Err(format!("the policy {name:?} is the standard's and cannot be given another meaning"));
            }
            let policy = policy(value).map_err(|cause| format!("policy {name:?}: {cause}"))?;
            if self.0.insert(name.clone(), policy).is_some() {
                return Err(format!("the policy {name:?} is there twice"));
            }
        }
        Ok(())
    }

    /// What a policy says; `None`: there is none of this name.
    pub fn verdict(&self, name: &str, groups: &[String], object_type: ObjectType, permission: Permission) -> Option<Verdict> {
        // To wrap with a key is to read it, in these files.
        let permission = match permission {
            Permission::WrapKey | Permission::UnwrapKey => Permission::Get,
            permission => permission,
        };
        let policy = self.0.get(name)?;
        let key = (object_type, permission);
        // What is not listed, nobody may do.
        let of = |table: Option<&Table>| table.and_then(|table| table.get(&key)).copied().unwrap_or(Verdict::Nobody);
        if groups.is_empty() {
            return Some(of(policy.preset.as_ref()));
        }
        let verdicts = groups.iter().map(|group| of(policy.groups.get(group)));
        verdicts.min_by_key(|verdict| match verdict {
            Verdict::All => 0,
            Verdict::Owner => 1,
            Verdict::Nobody => 2,
        })
    }

    /// The policies that let others than the owner do something, to an object of some type.
    pub(crate) fn open_to_others(&self, permission: Permission) -> impl Iterator<Item = &str> {
        let is_open =
            move |table: &Table| table.iter().any(|((_, listed), verdict)| *listed == permission && *verdict == Verdict::All);
        let open = self.0.iter().filter(move |(_, policy)| policy.preset.iter().chain(policy.groups.values()).any(&is_open));
        open.map(|(name, _)| name.as_str())
    }
}

fn policy(value: serde_json::Value) -> Result<Policy, String> {
    let Some(fields) = value.as_object() else { return Err("it is no JSON object".to_owned()) };
    let is_sectioned = !fields.is_empty() && fields.keys().all(|key| key == "preset" || key == "groups");
    if !is_sectioned {
        let section: Section = serde_json::from_value(value).map_err(|error| error.to_string())?;
        return Ok(Policy { preset: Some(table(section)?), groups: HashMap::new() });
    }
    let sections: Sections = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let mut groups = HashMap::new();
    for (group, section) in sections.groups.unwrap_or_default() {
        let table = table(section).map_err(|cause| format!("group {group:?}: {cause}"))?;
        groups.insert(group, table);
    }
    Ok(Policy { preset: sections.preset.map(table).transpose()?, groups })
}

fn table(section: Section) -> Result<Table, String> {
    let mut table = Table::new();
    for (type_name, operations) in section {
        let object_type = object_type(&type_name).ok_or_else(|| format!("{type_name:?} is no object type"))?;
        for (operation, verdict) in operations {
            let permission = permission(&operation).ok_or_else(|| format!("{type_name}: {operation:?} is no operation"))?;
            table.insert((object_type, permission), verdict);
        }
    }
    Ok(table)
}

/// `SYMMETRIC_KEY` is SymmetricKey; the standard says Opaque Object where the files say opaque data.
fn object_type(name: &str) -> Option<ObjectType> {
    let name = if name == "OPAQUE_DATA" { "OPAQUE_OBJECT" } else { name };
    let row = ObjectType::ROW.values.iter().find(|row| is_same(row.xml_name, name))?;
    Some(ObjectType::from_value(row.value))
}

fn permission(name: &str) -> Option<Permission> {
    Permission::ALL.iter().copied().find(|permission| is_same(permission.name(), name))
}

/// Whether `GetAttributes` and `GET_ATTRIBUTES` are one name.
fn is_same(xml_name: &str, constant: &str) -> bool {
    let is_constant = !constant.contains(|letter: char| letter.is_ascii_lowercase());
    let letters =
        |name: &str| name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).collect::<String>();
    is_constant && letters(xml_name) == letters(constant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "shared": {"preset": {"SYMMETRIC_KEY": {"GET": "ALLOW_ALL", "DESTROY": "ALLOW_OWNER", "REVOKE": "DISALLOW_ALL"}},
                   "groups": {"tape": {"SYMMETRIC_KEY": {"REKEY": "ALLOW_ALL", "GET": "ALLOW_OWNER"}}}},
        "old": {"OPAQUE_DATA": {"LOCATE": "ALLOW_ALL", "MAC_VERIFY": "ALLOW_OWNER"}}
    }"#;

    fn policies() -> OperationPolicies {
        let mut policies = OperationPolicies::default();
        policies.add(FILE).unwrap();
        policies
    }

    #[test]
    fn a_file_of_both_shapes_is_read() {
        let policies = policies();
        let key = ObjectType::SymmetricKey;
        let tape = ["tape".to_owned(), "disk".to_owned()];
        for (name, groups, object_type, permission, expected) in [
            ("shared", &[][..], key, Permission::Get, Some(Verdict::All)),
            ("shared", &[], key, Permission::WrapKey, Some(Verdict::All)),
            ("shared", &[], key, Permission::Destroy, Some(Verdict::Owner)),
            ("shared", &[], key, Permission::Revoke, Some(Verdict::Nobody)),
            ("shared", &[], key, Permission::Activate, Some(Verdict::Nobody)),
            ("shared", &[], ObjectType::SecretData, Permission::Get, Some(Verdict::Nobody)),
            ("shared", &tape, key, Permission::ReKey, Some(Verdict::All)),
            ("shared", &tape, key, Permission::Get, Some(Verdict::Owner)),
            ("shared", &tape[1..], key, Permission::Get, Some(Verdict::Nobody)),
            ("old", &[], ObjectType::OpaqueObject, Permission::MACVerify, Some(Verdict::Owner)),
            ("other", &[], key, Permission::Get, None),
        ] {
            assert_eq!(policies.verdict(name, groups, object_type, permission), expected, "{name} {groups:?} {permission:?}");
        }
        assert_eq!(policies.open_to_others(Permission::Locate).collect::<Vec<_>>(), ["old"]);
        assert_eq!(policies.names(), ["old", "shared"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, words) in [
            (r#"{"default": {}}"#, "\"default\""),
            (r#"{"p": {"SYMMETRIC_KEY": {"GET": "ALLOW_SOME"}}}"#, "ALLOW_SOME"),
            (r#"{"p": {"SYMMETRIC_KEY": {"Get": "ALLOW_ALL"}}}"#, "\"Get\" is no operation"),
            (r#"{"p": {"preset": {"KEY": {}}}}"#, "\"KEY\" is no object type"),
            (r#"{"p": 1}"#, "policy \"p\""),
            ("{\n\"p\": ", "line 2"),
        ] {
            let error = OperationPolicies::default().add(json).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let mut twice = policies();
        assert!(twice.add(r#"{"old": {"TEMPLATE": {}}}"#).unwrap_err().contains("twice"));
    }
}
