//! Rules about the text of the tree.

use crate::run::{read, root};
use std::path::Path;
use std::process::Command;

/// Beyond this many lines a file is named, so that somebody asks whether it is two.
const LONG: usize = 600;

/// Tables may be long: a row is a fact of the standard, and splitting them would only hide that.
const TABLES: &[&str] = &[
    "crates/kmip/src/tag.rs",
    "crates/kmip/src/enumerations",
    "crates/kmip/src/structures",
    "crates/kmip/src/attributes",
    "crates/kmip/src/result_reason.rs",
    "crates/kmip/src/masks.rs",
];

/// Source trees that hold no clock and no socket: time and randomness arrive through a context, bytes through a call.
const CORE: &[&str] = &["ttlv-codec", "kmip", "crypto", "store", "policy", "audit", "dispatcher"];

/// The tests that every backend runs, behind a feature that no program turns on: one backend is in another process.
const CONTRACT: &str = "crates/store/src/contract/";

/// Checks every tracked file. Long files are printed, the rest is returned.
///
/// # Errors
/// When git or a file cannot be read.
pub(crate) fn violations() -> Result<Vec<String>, String> {
    let listing = read(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root()))?;
    let mut violations = Vec::new();
    for path in listing.lines() {
        // A file may be listed and gone when its removal is not committed yet.
        let Ok(bytes) = std::fs::read(root().join(path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let lines = text.lines().count();
        if path.ends_with(".rs") && lines > LONG && !TABLES.iter().any(|table| path.starts_with(table)) {
            println!("tidy: {path} has {lines} lines");
        }
        violations.extend(judge(path, &text));
    }
    Ok(violations)
}

/// The rules for one file.
fn judge(path: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for place in MACHINE {
        if let Some(number) = text.lines().position(|line| line.contains(place)) {
            violations.push(format!("{path}:{}: names {place}, a path of one machine", number + 1));
        }
    }
    if path.ends_with("Cargo.toml") && !OUTSIDE.contains(&path) {
        violations.extend(manifest(path, text));
    }
    if CORE.iter().any(|name| Path::new(path).starts_with(format!("crates/{name}/src"))) && !path.starts_with(CONTRACT) {
        // Tests of a module stand at its end and may look at the clock.
        let code = text.split("#[cfg(test)]").next().unwrap_or(text);
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or(line);
            if let Some(word) = EDGE.iter().find(|word| line.contains(**word)) {
                violations.push(format!("{path}:{}: {word} belongs to server and client", number + 1));
            }
        }
    }
    violations
}

/// Every crate inherits the lints of the workspace, and the workspace forbids unsafe code.
fn manifest(path: &str, text: &str) -> Option<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else { return Some(format!("{path}: not TOML")) };
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    match manifest.get("workspace") {
        Some(workspace) => {
            let rust = workspace.get("lints").and_then(|lints| lints.get("rust"));
            let unsafe_code = rust.and_then(|rust| rust.get("unsafe_code")).and_then(toml::Value::as_str);
            (unsafe_code != Some("forbid")).then(|| format!("{path}: the workspace must forbid unsafe_code"))
        }
        None => (lints != Some(true)).then(|| format!("{path}: must say [lints] workspace = true")),
    }
}

/// Directories that exist on one developer's machine. In two halves, so that this file obeys its own rule.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Manifests outside of the workspace. libFuzzer's macro defines an unsafe entry point, and nothing of it is shipped.
const OUTSIDE: &[&str] = &["fuzz/libfuzzer/Cargo.toml"];

/// Words that open a socket or read a clock.
const EDGE: &[&str] = &["TcpStream", "TcpListener", "UdpSocket", "SystemTime::now", "Instant::now", "tokio::", "rustls::"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        let text = format!("first\nopen({}something)", MACHINE[0]);
        assert_eq!(judge("docs/a.md", &text).len(), 1);
        assert_eq!(judge("docs/a.md", "open(../shared)"), Vec::<String>::new());
    }

    #[test]
    fn the_core_has_no_clock_outside_its_tests() {
        let clock = "fn f() { Instant::now(); }";
        assert_eq!(judge("crates/dispatcher/src/get.rs", clock).len(), 1);
        assert_eq!(judge("crates/server/src/connection.rs", clock).len(), 0);
        assert_eq!(judge("crates/dispatcher/src/get.rs", "// no Instant::now here").len(), 0);
        assert_eq!(judge("crates/store/src/memory.rs", clock).len(), 1);
        assert_eq!(judge("crates/store/src/contract/remote/mod.rs", clock).len(), 0);
        assert_eq!(judge("crates/dispatcher/src/get.rs", &format!("#[cfg(test)]\nmod tests {{ {clock} }}")).len(), 0);
    }

    #[test]
    fn a_manifest_inherits_the_lints() {
        let inherits = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";
        assert_eq!(judge("a/Cargo.toml", inherits), Vec::<String>::new());
        assert_eq!(judge("a/Cargo.toml", "[package]\nname = \"a\"\n").len(), 1);
        assert_eq!(judge("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n").len(), 0);
        assert_eq!(judge("Cargo.toml", "[workspace]\nmembers = []\n").len(), 1);
    }
}
