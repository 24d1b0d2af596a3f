//! `cargo xtask docs`: the parts of the documentation that are made from the tables, and the check that they are current.

mod cryptography;
mod support;

use std::path::Path;

use crate::Outcome;
use crate::run::root;
use dispatcher::SUPPORTED;
use kmip::enumerations::Enumeration;
use kmip::operation::Operation;

const BEGIN: &str = "<!-- support matrix: begin; written by `cargo xtask docs` -->\n";
const END: &str = "<!-- support matrix: end -->\n";

/// Writes the matrix into README.md, docs/kmip-support.md and docs/cryptography.md; or, with `check`, fails when they are not current.
pub(crate) fn docs(check: bool) -> Outcome {
    let readme = root().join("README.md");
    let text = std::fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let current = with_matrix(&text)?;
    settle(&readme, &text, &current, check)?;
    for (page, current) in [("docs/kmip-support.md", support::page()), ("docs/cryptography.md", cryptography::page())] {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        settle(&path, &text, &current, check)?;
    }
    Ok(())
}

/// Writes what is current, or fails when something else is there.
fn settle(path: &Path, there: &str, current: &str, check: bool) -> Outcome {
    if there == current {
        return Ok(());
    }
    if check {
        return Err(format!("{} is not current: cargo xtask docs", path.display()));
    }
    std::fs::write(path, current).map_err(|error| format!("{}: {error}", path.display()))
}

/// The text with the present matrix between the marks.
fn with_matrix(readme: &str) -> Result<String, String> {
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else { return Err("README.md has no marks for the support matrix".to_owned()) };
    Ok(format!("{before}{BEGIN}{}{END}{after}", matrix(SUPPORTED)))
}

/// One line per operation, one column per version.
fn matrix(operations: &[Operation]) -> String {
    support::by_version(
        "operation",
        operations.iter().map(|operation| (name(*operation), move |version| operation.known_in(version))),
    )
}

/// The specification's spelling.
pub(crate) fn name(operation: Operation) -> &'static str {
    let rows = kmip::enumerations::of_tag(kmip::tag::Operation).map_or(&[][..], |row| row.values);
    rows.iter().find(|row| row.value == operation.0).map_or("", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_a_yes_from_the_version_that_brought_it() {
        let table = matrix(&[Operation::DiscoverVersions, Operation::Interop]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "| operation | 1.0 | 1.1 | 1.2 | 1.3 | 1.4 | 2.0 | 2.1 |");
        assert_eq!(lines[2], "| Discover Versions | - | yes | yes | yes | yes | yes | yes |");
        assert_eq!(lines[3], "| Interop | - | - | - | - | - | yes | yes |");
    }

    #[test]
    fn the_matrix_replaces_what_is_between_the_marks() {
        let old = format!("a\n{BEGIN}old\n{END}b\n");
        let new = with_matrix(&old).unwrap();
        assert!(new.starts_with("a\n") && new.ends_with("b\n") && !new.contains("old"));
        assert_eq!(with_matrix(&new).unwrap(), new);
        assert!(with_matrix("no marks").is_err());
    }
}
