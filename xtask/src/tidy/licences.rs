//! Licences and banned or duplicated crates, from the same deny.toml that cargo-deny reads; needs no network.

use super::metadata::{Linked, Metadata};
use crate::run::root;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The part of deny.toml that is judged here.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

/// Crates under a licence that is not allowed, banned crates, second generations, crates from elsewhere than the registry.
///
/// # Errors
/// When deny.toml cannot be read or cargo cannot say what is linked.
pub(crate) fn violations(metadata: &Metadata) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let deny: Deny = toml::from_str(&text).map_err(|error| format!("deny.toml: {error}"))?;
    let linked = Linked::read(metadata)?;
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut violations = Vec::new();
    for linked in &linked {
        versions.entry(&linked.name).or_default().insert(&linked.version);
        if !allowed(&linked.licence, &deny.licenses.allow) {
            violations.push(format!("{} {}: licence {:?} is not allowed", linked.name, linked.version, linked.licence));
        }
        if linked.elsewhere {
            violations.push(format!("{} {}: not from the registry", linked.name, linked.version));
        }
    }
    for ban in &deny.bans.deny {
        match versions.get(ban.name.as_str()) {
            Some(present) if !ban.deny_multiple_versions => {
                violations.push(format!("{}: banned, but there as {present:?}", ban.name));
            }
            Some(present) if present.len() > 1 => {
                violations.push(format!("{}: more than one generation: {present:?}", ban.name));
            }
            _ => {}
        }
    }
    Ok(violations)
}

/// Whether an SPDX expression can be satisfied with allowed licences: one of an OR, all of an AND.
fn allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    // Older manifests write `A/B` for `A OR B`.
    let expression = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = expression.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, allow) && rest.is_empty()
}

fn either(words: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    let mut result = both(words, allow);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        result |= both(words, allow);
    }
    result
}

fn both(words: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    let mut result = single(words, allow);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        result &= single(words, allow);
    }
    result
}

fn single(words: &mut &[&str], allow: &BTreeSet<String>) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let result = either(words, allow);
            match *words {
                [")", rest @ ..] => {
                    *words = rest;
                    result
                }
                _ => false,
            }
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            allow.contains(&format!("{licence} WITH {exception}"))
        }
        [licence, rest @ ..] => {
            *words = rest;
            allow.contains(*licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_holds_when_what_it_asks_for_is_allowed() {
        let allow: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        let cases = [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("MIT/GPL-2.0", true),
            ("MIT AND GPL-3.0", false),
            ("ISC AND (Apache-2.0 OR GPL-3.0)", true),
            ("(MIT OR GPL-3.0) AND GPL-2.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("GPL-3.0 WITH LLVM-exception", false),
            ("GPL-3.0", false),
            ("(MIT", false),
            ("MIT)", false),
            ("", false),
        ];
        for (expression, expected) in cases {
            assert_eq!(allowed(expression, &allow), expected, "{expression}");
        }
    }

    #[test]
    fn the_checked_in_policy_is_readable_and_allows_nothing_reciprocal() {
        let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        let deny: Deny = toml::from_str(&text).unwrap();
        assert!(deny.licenses.allow.contains("MIT"));
        assert!(!deny.licenses.allow.iter().any(|licence| licence.contains("GPL") || licence.contains("MPL")));
        assert!(deny.bans.deny.iter().any(|ban| ban.name == "digest" && ban.deny_multiple_versions));
    }
}
