//! What cargo knows about the workspace and its dependencies.

use crate::run::{cargo, read};
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};

/// The part of `cargo metadata` that the rules look at.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_members: HashSet<String>,
}

/// One package: ours or another's.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line in a manifest.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// None is a normal dependency; "dev" and "build" are the others.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, for the versions in Cargo.lock.
    pub(crate) fn read() -> Result<Self, String> {
        let output = read(cargo().args(["metadata", "--format-version", "1", "--locked", "--no-deps"]))?;
        serde_json::from_str(&output).map_err(|error| format!("cargo metadata: {error}"))
    }

    /// The crates of this workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

/// A crate of somebody else that a build, a test or a build script of ours links.
pub(crate) struct Linked {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression of its manifest, empty when it has none.
    pub(crate) licence: String,
    /// Whether it comes from elsewhere than the registry.
    pub(crate) elsewhere: bool,
}

impl Linked {
    /// Asks cargo what is linked on any platform. (`cargo metadata` would also list what nobody activated.)
    pub(crate) fn read(metadata: &Metadata) -> Result<Vec<Self>, String> {
        let arguments = ["tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev", "--prefix", "none"];
        let output = read(cargo().args(arguments).args(["--format", "{p}|{l}"]))?;
        let lines: BTreeSet<&str> = output.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        let linked = lines.into_iter().filter_map(Self::parse);
        Ok(linked.filter(|linked| !metadata.members().any(|member| member.name == linked.name)).collect())
    }

    /// `name vVERSION (proc-macro)|LICENCE`; a place in brackets is a path or a repository.
    fn parse(line: &str) -> Option<Self> {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let elsewhere = words.any(|word| word.starts_with('(') && word != "(proc-macro)");
        Some(Self { name: name.to_owned(), version: version.to_owned(), licence: licence.to_owned(), elsewhere })
    }
}

/// A crate for tests: its name, and the names and kinds of its dependencies.
#[cfg(test)]
type Sample<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

#[cfg(test)]
impl Metadata {
    /// A workspace of the given members, for tests: name and (dependency, kind) pairs.
    pub(crate) fn of(members: &[Sample<'_>]) -> Self {
        let package = |&(name, dependencies): &Sample<'_>| Package {
            id: name.to_owned(),
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
                .collect(),
        };
        Self {
            packages: members.iter().map(package).collect(),
            workspace_members: members.iter().map(|(name, _)| (*name).to_owned()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_cargo_tree_is_read() {
        let linked = Linked::parse("serde_derive v1.0.2 (proc-macro)|MIT OR Apache-2.0").unwrap();
        assert_eq!((linked.name.as_str(), linked.version.as_str()), ("serde_derive", "1.0.2"));
        assert_eq!((linked.licence.as_str(), linked.elsewhere), ("MIT OR Apache-2.0", false));
        assert!(Linked::parse("a v1.0.0 (https://example.org/a)|MIT").unwrap().elsewhere);
    }
}
