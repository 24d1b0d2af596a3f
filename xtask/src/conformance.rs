//! `cargo xtask conformance PATH`: the conformance program on a directory of cases, against a server of our own.

use crate::Outcome;
use crate::run::{built, root, run};
use crate::server::{DevServer, free_port};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Versions whose cases the server is judged by; a directory of the cases each.
const VERSIONS: &[&str] = &["1.0", "1.2", "1.4", "2.1"];

/// Accounts the published cases presuppose.
const ACCOUNTS: &[(&str, &str)] = &[("Fred", "password1"), ("Barney", "secret2"), ("one-time-user", "one-time-password")];

/// Makes the accounts through the server's administration socket, as an operator does.
fn add_accounts(server: &DevServer) -> Outcome {
    for (name, password) in ACCOUNTS {
        let mut command = Command::new(built("kmipd"));
        command.args(["user", "add", name, "--password-stdin", "--config"]).arg(server.directory().join("kmipd.toml"));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| format!("kmipd user add: {error}"))?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(password.as_bytes()).map_err(|error| format!("kmipd user add: {error}"))?;
        }
        let status = child.wait().map_err(|error| format!("kmipd user add: {error}"))?;
        if !status.success() {
            return Err(format!("kmipd user add {name}: {status}"));
        }
    }
    Ok(())
}

/// Runs every case below `cases`; the checked-in list of known failures may only shrink.
pub(crate) fn conformance(cases: &Path) -> Outcome {
    let directory = tempfile::tempdir().map_err(|error| format!("temporary directory: {error}"))?;
    let port = free_port()?;
    let server = DevServer::start(directory.path(), port, &[])?;
    add_accounts(&server)?;
    let mut command = Command::new(built("conformance"));
    command.arg("--endpoint").arg(format!("127.0.0.1:{port}")).arg("--certs").arg(server.bundle());
    command.args(["--only-operations", "services"]);
    command.arg("--known-failures").arg(root().join("conformance/known-failures.txt"));
    for version in VERSIONS {
        let cases = cases.join(version);
        if !cases.is_dir() {
            return Err(format!("{} is not a directory", cases.display()));
        }
        command.arg("--cases").arg(cases);
    }
    run(&mut command).map_err(|reason| format!("{reason}\nthe server's log ends:\n{}", server.log_end()))
}
