//! `cargo xtask setup`: the system packages that tests need.
//!
//! A test that lacks its tool fails; it is never skipped. So the list is checked in (packages.txt), and this is run first.

use crate::Outcome;
use crate::run::run;
use std::process::{Command, Stdio};

const PACKAGES: &str = include_str!("../packages.txt");

/// Installs what is missing where it may (as root, with apt-get), and names it otherwise.
pub(crate) fn setup() -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let root = crate::run::read(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0");
    if !root || !works("apt-get --version") {
        return Err(format!("the tests need these system packages: {names}\nas root: apt-get install {names}"));
    }
    println!("xtask: installing {names}");
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    run(Command::new("apt-get").args(install).args(&missing).env("DEBIAN_FRONTEND", "noninteractive"))?;
    match self::missing().as_slice() {
        [] => Ok(()),
        still => Err(format!("installed, but still not working: {}", still.join(" "))),
    }
}

/// The packages whose command does not succeed.
fn missing() -> Vec<&'static str> {
    rows().filter(|(_, probe)| !works(probe)).map(|(package, _)| package).collect()
}

/// The lines of the list: package and probe.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PACKAGES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(char::is_whitespace)).map(|(package, probe)| (package, probe.trim()))
}

fn works(probe: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", probe]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_a_package_and_a_probe() {
        let lines = PACKAGES.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
        assert!(lines > 0);
        assert_eq!(rows().count(), lines);
    }

    #[test]
    fn a_probe_tells_what_is_there_from_what_is_not() {
        assert!(works("true"));
        assert!(!works("no-such-program-anywhere --version"));
    }
}
