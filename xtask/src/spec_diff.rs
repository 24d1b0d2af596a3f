//! `cargo xtask spec-diff`: compares the tables of `kmip` with CSV files extracted from the standards.
//!
//! The CSV files are not part of this project. Where they are at hand (a directory with `tags.csv`, `enums.csv`,
//! `masks.csv`, `operations.csv`, `structures.csv`, `payloads.csv`, `attributes.csv`, `errors.csv`), every row is looked up
//! in the tables and every row of the tables in the files. A difference is either in the list of [`exceptions`], with its
//! reason, or it is an error; so is an exception that no longer occurs.

mod attributes;
mod csv;
mod exceptions;
mod names;
mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kmip::ProtocolVersion;

/// Compares, and prints what was compared.
///
/// # Errors
/// If there is a difference that is not in the list of exceptions, an exception without a difference, or a file that cannot
/// be read. No error without the directory: that is said, and nothing is compared.
pub(crate) fn run(spec_dir: Option<&Path>) -> Result<(), String> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
    let directory = spec_dir.unwrap_or(&default);
    if !directory.join("tags.csv").is_file() {
        if spec_dir.is_some() {
            return Err(format!("no tags.csv in {}", directory.display()));
        }
        println!("spec-diff: the CSV files of the standards are not at hand, nothing was compared");
        return Ok(());
    }
    let mut differences = Differences::default();
    for (what, compare) in [
        ("tags", names::tags as fn(&Path, &mut Differences) -> Result<usize, String>),
        ("enumeration values", names::enumerations),
        ("mask bits", names::masks),
        ("operations", names::operations),
        ("structure fields", rows::structures),
        ("payload fields", rows::payloads),
        ("attributes", attributes::attributes),
        ("result reasons of errors", names::errors),
    ] {
        println!("{what}: {} rows compared", compare(directory, &mut differences)?);
    }
    report(differences.0)
}

fn report(differences: BTreeMap<String, Vec<String>>) -> Result<(), String> {
    let mut used = vec![0_usize; exceptions::EXCEPTIONS.len()];
    let mut unexplained = 0;
    for (difference, versions) in &differences {
        match exceptions::EXCEPTIONS.iter().position(|(pattern, _)| matches(pattern, difference)) {
            Some(index) => used[index] += 1,
            None => {
                unexplained += 1;
                println!("difference: {difference}{}", in_versions(versions));
            }
        }
    }
    for ((pattern, reason), count) in exceptions::EXCEPTIONS.iter().zip(&used) {
        match count {
            0 => {
                unexplained += 1;
                println!("exception without a difference: {pattern}");
            }
            _ => println!("justified ({count}): {pattern}: {reason}"),
        }
    }
    if unexplained > 0 {
        return Err(format!("{unexplained} differences between the tables and the standards"));
    }
    println!("difference: none");
    Ok(())
}

fn in_versions(versions: &[String]) -> String {
    if versions.is_empty() { String::new() } else { format!(" [{}]", versions.join(", ")) }
}

/// Whether `pattern`, in which `*` stands for any text, is `text`.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, &rest[at..]))),
    }
}

/// The differences found, each with the versions it was found in.
#[derive(Default)]
struct Differences(BTreeMap<String, Vec<String>>);

impl Differences {
    fn add(&mut self, difference: impl Into<String>) {
        self.0.entry(difference.into()).or_default();
    }

    fn add_in(&mut self, version: ProtocolVersion, difference: impl Into<String>) {
        self.0.entry(difference.into()).or_default().push(version.to_string());
    }

    /// Adds a difference if the two are not equal.
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, table: T, csv: T) {
        if table != csv {
            self.add(format!("{what}: the table has {table:?}, the standard {csv:?}"));
        }
    }
}

/// The version that a file spells `1.0`.
fn version(text: &str) -> Result<ProtocolVersion, String> {
    let found = ProtocolVersion::ALL.into_iter().find(|version| version.to_string() == text);
    found.ok_or_else(|| format!("{text:?} is no version"))
}

/// The versions of a row of a file, as text: `1.0 to 1.4`, `2.0 on`.
fn csv_versions(row: &csv::Row) -> Result<String, String> {
    Ok(match row.get("last_version")? {
        "" => format!("{} on", row.get("first_version")?),
        last => format!("{} to {last}", row.get("first_version")?),
    })
}

/// The versions of a row of a table, in the same words.
fn table_versions(versions: kmip::Versions) -> String {
    let last = ProtocolVersion::ALL.into_iter().rfind(|version| versions.contains(*version));
    match (versions.until, last) {
        (Some(_), Some(last)) => format!("{} to {last}", versions.since),
        _ => format!("{} on", versions.since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("a", "a") && !matches("a", "ab"));
        assert!(matches("a*d", "abcd") && matches("a*", "a") && !matches("a*d", "abc"));
        assert!(matches("*b*d", "abcd") && !matches("*x*", "abcd"));
    }

    #[test]
    fn versions_read_alike() {
        assert_eq!(table_versions(kmip::versions!(V1_0..V2_0)), "1.0 to 1.4");
        assert_eq!(table_versions(kmip::versions!(V2_1..)), "2.1 on");
        let file = csv::parse("first_version,last_version\n1.0,1.4\n2.1,\n").unwrap();
        assert_eq!(csv_versions(&file[0]).unwrap(), "1.0 to 1.4");
        assert_eq!(csv_versions(&file[1]).unwrap(), "2.1 on");
    }

    #[test]
    fn a_difference_is_an_error_and_an_exception_is_not() {
        let mut differences = Differences::default();
        differences.compare("tag X name", "A", "A");
        assert!(differences.0.is_empty());
        differences.compare("tag X name", "A", "B");
        assert_eq!(differences.0.len(), 1);
        assert!(report(differences.0).is_err());
    }
}
