//! docs/kmip-support.md: what the server knows of the protocol, from the tables it works by.

use dispatcher::{OBJECT_TYPES, OFFERED, QUERY_FUNCTIONS, SUPPORTED};
use kmip::ProtocolVersion;
use kmip::attribute::{AttributeRules, Instances, Permitted, SetBy, VENDOR_ATTRIBUTE_RULES};
use kmip::attributes::ATTRIBUTES;
use kmip::enumerations::Enumeration;
use kmip::tag;

/// The page.
pub(crate) fn page() -> String {
    let operations = SUPPORTED.iter().map(|operation| (super::name(*operation), move |version| operation.known_in(version)));
    let objects = OBJECT_TYPES.iter().map(|object_type| (spelled(*object_type), move |version| object_type.known_in(version)));
    let functions = QUERY_FUNCTIONS.iter().map(|(function, _)| (spelled(*function), move |version| function.known_in(version)));
    format!(
        "# What kmipd supports of KMIP\n\n\
         Written by `cargo xtask docs` from the tables that the server works by; the tests fail while it is not current.\n\n\
         ## Operations\n\n{}\n\
         ## Objects\n\n{}\n\
         ## Query functions\n\n{}\n{}\n\
         ## Attributes\n\n\
         *Set by* says who may give the first value; *modified* and *deleted* what clients may do afterwards. A state in these \
         columns is the one in which they may.\n\n{}",
        by_version("operation", operations),
        by_version("object", objects),
        by_version("function", functions),
        answers(),
        attributes(),
    )
}

/// A table of one line per name and one column per version.
pub(crate) fn by_version<K: Fn(ProtocolVersion) -> bool>(what: &str, lines: impl Iterator<Item = (&'static str, K)>) -> String {
    let mut table = format!("| {what} |");
    for version in OFFERED.iter().rev() {
        table += &format!(" {version} |");
    }
    table += &format!("\n|---|{}\n", "---|".repeat(OFFERED.len()));
    for (name, is_known) in lines {
        table += &format!("| {name} |");
        for version in OFFERED.iter().rev() {
            table += if is_known(*version) { " yes |" } else { " - |" };
        }
        table.push('\n');
    }
    table
}

/// What the server answers to each function.
fn answers() -> String {
    let lines = QUERY_FUNCTIONS.iter().map(|(function, answer)| format!("- {}: {answer}.\n", spelled(*function)));
    lines.collect()
}

/// One line per attribute with the columns of its rules.
fn attributes() -> String {
    let mut table = "| attribute | versions | always | set by | modified | deleted | values | objects |\n".to_owned();
    table += "|---|---|---|---|---|---|---|---|\n";
    let offered = |rules: &&AttributeRules| OFFERED.iter().any(|version| rules.versions.contains(*version));
    for rules in ATTRIBUTES.iter().filter(offered) {
        let name = tag::by_tag(rules.tag).map_or("", |row| row.name);
        table += &line(name, rules);
    }
    table += &line("custom (1.x) and vendor (2.x) attributes", &VENDOR_ATTRIBUTE_RULES);
    table
}

fn line(name: &str, rules: &AttributeRules) -> String {
    let known = || OFFERED.iter().rev().filter(|version| rules.versions.contains(**version));
    let (Some(first), Some(last)) = (known().next(), known().next_back()) else { return String::new() };
    let always = if rules.always_has_value { "yes" } else { "-" };
    let set_by = match rules.set_by {
        SetBy::Server => "server",
        SetBy::Client => "client",
        SetBy::Either => "either",
    };
    let values = match rules.instances {
        Instances::One => "one",
        Instances::Many => "many",
    };
    let (modified, deleted) = (permitted(rules.client_modifies), permitted(rules.client_deletes));
    format!("| {name} | {first} to {last} | {always} | {set_by} | {modified} | {deleted} | {values} | {} |\n", objects(rules))
}

const fn permitted(permitted: Permitted) -> &'static str {
    match permitted {
        Permitted::No => "-",
        Permitted::Yes => "yes",
        Permitted::WhilePreActive => "Pre-Active",
        Permitted::WhilePreActiveOrActive => "Pre-Active, Active",
        Permitted::UntilReached => "until it is reached",
        Permitted::ToTrue => "to True",
        Permitted::ToFalse => "to False",
        Permitted::UntilAllocated => "until allocated from",
        Permitted::WhileAbsent => "while absent",
    }
}

/// The object types that may have it.
fn objects(rules: &AttributeRules) -> String {
    let may_have: Vec<&str> =
        OBJECT_TYPES.iter().filter(|object_type| rules.applies_to.contains(**object_type)).map(|one| spelled(*one)).collect();
    if may_have.len() == OBJECT_TYPES.len() { "all".to_owned() } else { may_have.join(", ") }
}

/// The specification's spelling of a value.
pub(super) fn spelled<E: Enumeration + Copy>(value: E) -> &'static str {
    let number = value.value();
    E::ROW.values.iter().find(|row| row.value == number).map_or("", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmip::enumerations::ObjectType;

    #[test]
    fn each_table_is_on_the_page() {
        let page = page();
        for line in [
            "| Re-key | yes | yes | yes | yes | yes | yes | yes |\n",
            "| Certificate Request | - | - | - | - | - | yes | yes |\n",
            "| Query RNGs | - | - | - | yes | yes | yes | yes |\n",
            "| Comment | 1.4 to 2.1 | - | either | yes | yes | one | all |\n",
            "| Activation Date | 1.0 to 2.1 | - | either | Pre-Active | - | one | all |\n",
            "| Opaque Data Type | 2.0 to 2.1 | yes | server | - | - | one | Opaque Object |\n",
            "| Operation Policy Name | 1.0 to 1.4 | - | either | - | - | one | all |\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
        assert_eq!(spelled(ObjectType::PGPKey), "PGP Key");
    }
}
